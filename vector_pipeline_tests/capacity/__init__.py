"""Tests of the ceilings of a run."""
