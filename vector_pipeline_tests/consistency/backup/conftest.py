"""One aged project for the tests of a module, as it was for each of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from vector_pipeline_tests.consistency.backup.aged_project import AgedProject, aged_project
from vector_pipeline_tests.state.postgres import postgres_url
from vector_pipeline_tests.sync.exactness import scratch_folder

__all__ = ["postgres_url"]


@pytest.fixture(scope="module")
def _life() -> Iterator[AgedProject]:
    with aged_project() as made:
        yield made


@pytest.fixture
def aged(_life: AgedProject) -> AgedProject:
    """The project as it was made, whatever the test before did."""
    _life.reset()
    return _life


@pytest.fixture
def folder() -> Iterator[Path]:
    """An empty folder of the test's own, in memory where possible."""
    with scratch_folder() as path:
        yield path
