"""Which provider a setting names. Adding one is a module and a line in the registry.

Providers are imported when they are made: a search with the bundled model never loads the client of a served one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from vector_pipeline.embedding.base import DenseEmbedder, EmbeddingMisconfigured, SparseEncoder
from vector_pipeline.settings import EmbeddingSettings


def _bundled(settings: EmbeddingSettings) -> DenseEmbedder:
    from vector_pipeline.embedding.tokens import BUNDLED_MODEL
    from vector_pipeline.embedding.wordllama import BundledEmbedder

    if settings.model not in ("", BUNDLED_MODEL):
        raise EmbeddingMisconfigured(
            f"the provider wordllama has no model {settings.model!r}",
            hint=f"leave embedding.model empty or {BUNDLED_MODEL}, or set embedding.provider to openai",
        )
    return BundledEmbedder(
        settings.dimensions, document_prefix=settings.document_prefix, query_prefix=settings.query_prefix
    )


def _served(settings: EmbeddingSettings) -> DenseEmbedder:
    from vector_pipeline.embedding.openai_compatible import ServedEmbedder

    return ServedEmbedder(settings)


PROVIDERS: Mapping[str, Callable[[EmbeddingSettings], DenseEmbedder]] = {
    "wordllama": _bundled,
    "openai": _served,
}
"""What `embedding.provider` may say."""


def dense_embedder(settings: EmbeddingSettings) -> DenseEmbedder:
    """The embedder the settings name; nothing is loaded or asked yet. Raises EmbeddingMisconfigured."""
    if settings.provider not in PROVIDERS:
        raise EmbeddingMisconfigured(
            f"there is no embedding provider {settings.provider!r}",
            hint=f"set embedding.provider to one of {', '.join(sorted(PROVIDERS))}",
        )
    return PROVIDERS[settings.provider](settings)


def sparse_encoder(settings: EmbeddingSettings) -> SparseEncoder:
    """The encoder of keyword vectors the settings describe. Raises EmbeddingMisconfigured."""
    from vector_pipeline.embedding.sparse import Bm25Encoder

    return Bm25Encoder(settings.bm25_language, settings.bm25_average_length)
