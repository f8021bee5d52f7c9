"""A running endpoint and embedders that ask it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from vector_pipeline.embedding.openai_compatible import ServedEmbedder
from vector_pipeline.settings import EmbeddingSettings
from vector_pipeline_tests.simulators.openai_server import OpenAIServer

MakeEmbedder = Callable[..., ServedEmbedder]


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with OpenAIServer(dimension=8) as running:
        yield running


@pytest.fixture
def served(server: OpenAIServer) -> Iterator[MakeEmbedder]:
    """Makes embedders for the server; keyword arguments are settings. They wait next to nothing between tries."""
    made: list[ServedEmbedder] = []

    def make(**values: Any) -> ServedEmbedder:
        defaults = {
            "provider": "openai",
            "model": server.model,
            "dimensions": 8,
            "base_url": server.url,
            "batch_size": 4,
            "max_wait": 60,
        }
        embedder = ServedEmbedder(EmbeddingSettings.model_validate(defaults | values), first_delay=0.001)
        made.append(embedder)
        return embedder

    yield make
    for embedder in made:
        embedder.close()
