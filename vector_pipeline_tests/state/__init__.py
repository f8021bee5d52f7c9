"""Tests of the state store; most run against SQLite and a real PostgreSQL."""
