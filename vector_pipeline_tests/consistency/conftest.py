"""A healthy project for all tests of the checks: made once, put back before each test that damages it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from vector_pipeline_tests.consistency.damage import healthy_project
from vector_pipeline_tests.project import Project
from vector_pipeline_tests.sync.exactness import scratch_folder


@pytest.fixture(scope="session")
def _healthy() -> Iterator[tuple[Project, Path]]:
    """The project, and a copy of its data."""
    with scratch_folder() as folder:
        project = healthy_project(folder)
        shutil.copytree(project.data, folder / "copy")
        yield project, folder / "copy"


@pytest.fixture
def healthy(_healthy: tuple[Project, Path]) -> Project:
    """Two synced folders of a few documents of several chunks each, in the state in which all checks pass."""
    project, copy = _healthy
    shutil.rmtree(project.data)
    shutil.copytree(copy, project.data)
    return project
