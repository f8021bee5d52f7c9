"""What the tests of the orchestration share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from vector_pipeline_tests.orchestration.dagster_project import DagsterProject


@pytest.fixture
def dagster_project(tmp_path: Path) -> Iterator[DagsterProject]:
    """An empty project with an instance of its own."""
    with DagsterProject.open(tmp_path) as opened:
        yield opened
