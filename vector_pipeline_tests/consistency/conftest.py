"""A healthy project for all tests of the checks: made once, put back before each test that damages it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from vector_pipeline_tests.consistency.damage import Healthy
from vector_pipeline_tests.project import Project, Snapshot
from vector_pipeline_tests.sync.exactness import scratch_folder


@pytest.fixture(scope="session")
def _healthy() -> Iterator[Healthy]:
    """The project, and what it was when it was made."""
    with scratch_folder() as folder:
        yield Healthy(folder)


@pytest.fixture
def healthy(_healthy: Healthy) -> Project:
    """Two synced folders of a few documents of several chunks each, in the state in which all checks pass."""
    _healthy.put_back()
    return _healthy.project


@pytest.fixture
def before(healthy: Project, _healthy: Healthy) -> Snapshot:
    """What the collection of the healthy project holds."""
    return _healthy.snapshot
