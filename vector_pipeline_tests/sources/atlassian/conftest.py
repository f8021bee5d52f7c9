"""The simulated Confluence that the tests of this folder ask, beside the Jira of all sources."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from vector_pipeline_tests.simulators.confluence_server import ConfluenceServer


@pytest.fixture
def confluence() -> Iterator[ConfluenceServer]:
    with ConfluenceServer("cloud") as server:
        server.state.add_space("ENG", "Engineering")
        yield server
