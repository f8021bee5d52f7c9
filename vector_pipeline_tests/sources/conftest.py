"""A simulated site of either product line."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from vector_pipeline_tests.simulators.jira_server import JiraServer


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is asked again is so soon, though a run has patience for a machine that stands still for seconds."""
    monkeypatch.setattr("vector_pipeline.sources.atlassian.questions._FIRST_PAUSE", 0.02)


@pytest.fixture
def cloud() -> Iterator[JiraServer]:
    """A Cloud site."""
    with JiraServer("cloud") as server:
        yield server


@pytest.fixture
def data_center() -> Iterator[JiraServer]:
    """A Data Center site."""
    with JiraServer("data_center") as server:
        yield server


@pytest.fixture(params=["cloud", "data_center"])
def server(request: pytest.FixtureRequest) -> Iterator[JiraServer]:
    """A site of each product line in turn."""
    with JiraServer(request.param) as server:
        yield server
