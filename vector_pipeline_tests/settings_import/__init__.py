"""Tests of the import of other settings."""
