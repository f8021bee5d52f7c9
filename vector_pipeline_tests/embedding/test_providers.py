"""From settings to embedders."""

from __future__ import annotations

import subprocess
import sys

import pytest

from vector_pipeline.embedding.base import EmbeddingMisconfigured
from vector_pipeline.embedding.providers import PROVIDERS, dense_embedder, sparse_encoder
from vector_pipeline.settings import EmbeddingSettings


def test_the_default_settings_give_the_bundled_model() -> None:
    embedder = dense_embedder(EmbeddingSettings())

    assert embedder.identity.startswith("wordllama/")
    assert embedder.dimension == 256
    assert len(embedder.embed_query("hello")) == 256


def test_settings_with_an_endpoint_give_the_served_model_and_ask_nothing_yet() -> None:
    settings = EmbeddingSettings(provider="openai", model="bge-m3", dimensions=1024, base_url="http://127.0.0.1:1/v1")

    embedder = dense_embedder(settings)

    assert embedder.identity == "openai/bge-m3/1024"
    assert embedder.dimension == 1024


def test_a_model_the_bundled_provider_does_not_have_is_refused() -> None:
    with pytest.raises(EmbeddingMisconfigured, match="no model 'bge-m3'"):
        dense_embedder(EmbeddingSettings(model="bge-m3"))


def test_every_provider_that_settings_allow_is_registered() -> None:
    allowed = EmbeddingSettings.model_json_schema()["properties"]["provider"]["enum"]

    assert set(PROVIDERS) == set(allowed)


def test_the_sparse_encoder_takes_language_and_length_from_the_settings() -> None:
    encoder = sparse_encoder(EmbeddingSettings(bm25_language="german", bm25_average_length=80))

    assert "german" in encoder.identity
    assert "length=80" in encoder.identity


def test_the_bundled_model_never_loads_the_client_of_a_served_one() -> None:
    program = (
        "import sys\n"
        "from vector_pipeline.embedding.providers import dense_embedder, sparse_encoder\n"
        "from vector_pipeline.settings import EmbeddingSettings\n"
        "settings = EmbeddingSettings()\n"
        "list(dense_embedder(settings).embed(['a']))\n"
        "sparse_encoder(settings).encode(['a'])\n"
        "print([name for name in ('openai', 'wordllama', 'requests', 'httpx2') if name in sys.modules])\n"
    )
    finished = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)

    assert finished.stdout == "[]\n"
