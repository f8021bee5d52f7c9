"""The simulated Confluence that the tests of this folder ask, beside the Jira of all sources."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from vector_pipeline.sources.atlassian.halting import Halt
from vector_pipeline_tests.simulators.confluence_server import ConfluenceServer


@pytest.fixture
def confluence() -> Iterator[ConfluenceServer]:
    with ConfluenceServer("cloud") as server:
        server.state.add_space("ENG", "Engineering")
        yield server


@pytest.fixture
def waited(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds of each wait of a site; none takes any time, and no other time counts as delay."""
    waits: list[float] = []

    def wait(_halt: Halt, seconds: float) -> bool:
        waits.append(seconds)
        return False

    monkeypatch.setattr(Halt, "wait", wait)
    clock = SimpleNamespace(monotonic=lambda: sum(waits))
    monkeypatch.setattr("vector_pipeline.sources.atlassian.questions.time", clock)
    return waits
