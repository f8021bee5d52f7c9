"""A folder for each test, in memory where possible."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from vector_pipeline_tests.simulators.openai_server import OpenAIServer
from vector_pipeline_tests.sync.exactness import scratch_folder


@pytest.fixture
def folder() -> Iterator[Path]:
    """An empty folder of the test's own."""
    with scratch_folder() as path:
        yield path


@pytest.fixture
def endpoint() -> Iterator[OpenAIServer]:
    """An embedding endpoint that counts what it is asked for."""
    with OpenAIServer() as server:
        yield server
