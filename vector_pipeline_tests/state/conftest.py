"""Stores for the tests: each gets its own, SQLite and PostgreSQL under the same tests."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from vector_pipeline.state.location import Location
from vector_pipeline.state.store import StateStore
from vector_pipeline_tests.state.postgres import postgres_url

__all__ = ["postgres_url"]

_numbers = itertools.count()


@pytest.fixture(params=["sqlite", "postgresql"])
def location(request: pytest.FixtureRequest, tmp_path: Path) -> Location:
    """A place for a store that no other test uses."""
    if request.param == "sqlite":
        return Location.file(tmp_path / "state.sqlite3", timeout_s=60)
    url: str = request.getfixturevalue("postgres_url")
    return Location(url, prefix=f"t{next(_numbers)}_", timeout_s=60)


@pytest.fixture
def store(location: Location) -> Iterator[StateStore]:
    """An open store."""
    with StateStore.open(location) as opened:
        yield opened


@pytest.fixture
def sqlite_location(tmp_path: Path) -> Location:
    """A place for a SQLite store."""
    return Location.file(tmp_path / "state.sqlite3", timeout_s=60)
