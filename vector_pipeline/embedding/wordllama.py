"""The default embedder: the static word vectors bundled with wordllama, offline and without a key.

A vector is the mean of the vectors of the text's tokens, scaled to unit length. The one idea: pooling text by text
gives bit for bit what the library computes from padded batches, several times as fast.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from vector_pipeline.embedding.base import EmbeddedBatch, EmbeddingError, EmbeddingMisconfigured, Vectors
from vector_pipeline.embedding.tokens import (
    BUNDLED_MODEL,
    bundled_file,
    count_tokens,
    token_ids,
    tokenizer_file,
)

BUNDLED_DIMENSIONS = (64, 128, 256)
"""Lengths the model was trained to be cut off to."""

_TEXTS_PER_BATCH = 512
_NO_TOKENS = "the text has no tokens"


class BundledEmbedder:
    """Embeds in this process. The weights (32 MB) are read on first use and shared by all embedders.

    Raises EmbeddingMisconfigured for a dimension the bundled model does not have.
    """

    def __init__(self, dimensions: int = 256, *, document_prefix: str = "", query_prefix: str = "") -> None:
        if dimensions not in BUNDLED_DIMENSIONS:
            raise EmbeddingMisconfigured(
                f"the bundled wordllama model has no vectors of {dimensions} dimensions",
                hint=f"set embedding.dimensions to one of {', '.join(map(str, BUNDLED_DIMENSIONS))}",
            )
        self._dimensions = dimensions
        self._document_prefix = document_prefix
        self._query_prefix = query_prefix

    @property
    def identity(self) -> str:
        """Model, dimension, the version of the bundled files (a digest of them) and the prefix, if any."""
        identity = f"wordllama/{BUNDLED_MODEL}-{self._dimensions}/v{_files_digest()}"
        if self._document_prefix:
            digest = hashlib.sha256(self._document_prefix.encode("utf-8", "surrogatepass")).hexdigest()
            identity += f"/prefix:{digest[:12]}"
        return identity

    @property
    def dimension(self) -> int:
        """Length of every vector."""
        return self._dimensions

    def embed(self, texts: Sequence[str]) -> Iterator[EmbeddedBatch]:
        """Unit vectors in batches of 512 texts, in order. A text without tokens is a failure of its position."""
        for start in range(0, len(texts), _TEXTS_PER_BATCH):
            part = [self._document_prefix + text for text in texts[start : start + _TEXTS_PER_BATCH]]
            vectors, counts = self._pool(part)
            found = np.flatnonzero(np.isfinite(vectors).all(axis=1))
            missing = sorted(set(range(len(part))) - set(found.tolist()))
            yield EmbeddedBatch(
                positions=(found + start).tolist(),
                vectors=np.ascontiguousarray(vectors[found]),
                failures={start + position: _NO_TOKENS for position in missing},
                tokens=sum(counts),
            )

    def embed_query(self, text: str) -> Vectors:
        """The unit vector of a query. Raises EmbeddingError where the query has no tokens."""
        vectors, _counts = self._pool([self._query_prefix + text])
        if not np.isfinite(vectors).all():
            raise EmbeddingError("the query is empty", hint="search for at least one word")
        query: Vectors = vectors[0]
        return query

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Exact number of tokens of each text with the prefix it is embedded with."""
        if self._document_prefix:
            texts = [self._document_prefix + text for text in texts]
        return count_tokens(texts)

    def close(self) -> None:
        """Nothing to release."""

    def _pool(self, texts: Sequence[str]) -> tuple[Vectors, list[int]]:
        """Mean of the token vectors, scaled to unit length, and the token counts. Rows of no tokens are NaN."""
        weights = _weights(self._dimensions)
        vectors = np.empty((len(texts), self._dimensions), dtype=np.float32)
        counts: list[int] = []
        for row, ids in zip(vectors, token_ids(texts), strict=True):
            np.add.reduce(weights[ids] if ids else weights[:0], axis=0, out=row)
            row /= np.float32(max(len(ids), 1))
            counts.append(len(ids))
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        lengths[lengths == 0] = np.nan
        vectors /= lengths
        return vectors, counts


@functools.cache
def _weights(dimensions: int) -> Vectors:
    """One vector per token id. Raises EmbeddingMisconfigured where the bundled file can't be read."""
    from safetensors import SafetensorError, safe_open

    path = _weights_file()
    try:
        with safe_open(path, framework="np") as tensors:
            weights = tensors.get_tensor("embedding.weight")
    except (SafetensorError, OSError) as error:
        raise EmbeddingMisconfigured(
            f"the weights {path} can't be read", hint="install the package wordllama again"
        ) from error
    return np.ascontiguousarray(weights[:, :dimensions], dtype=np.float32)


@functools.cache
def _files_digest() -> str:
    """Names the weights and the tokenizer by what is in them: a new release with the same files embeds nothing."""
    digest = hashlib.sha256()
    for path in (_weights_file(), tokenizer_file()):
        with path.open("rb") as stream:
            digest.update(hashlib.file_digest(stream, "sha256").digest())
    return digest.hexdigest()[:12]


def _weights_file() -> Path:
    return bundled_file("weights", f"{BUNDLED_MODEL}_256.safetensors")
