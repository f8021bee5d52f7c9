"""What embeds: dense providers behind one protocol, and the sparse encoder beside them.

A provider is named by its identity; vectors are stored under that identity and the hash of the text,
so a provider must answer the same text with the same vector for as long as its identity stays.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import numpy.typing as npt

from vector_pipeline.errors import PipelineError

Vectors = npt.NDArray[np.float32]


class EmbeddingError(PipelineError):
    """The embedding provider could not do its work."""


class EmbeddingUnavailable(EmbeddingError):
    """The endpoint did not answer, or refused for the moment, after all retries. The next run continues."""


class EmbeddingMisconfigured(EmbeddingError):
    """The endpoint answers, but not with what the settings promise: a wrong key, model or dimension."""


@dataclass(frozen=True, slots=True)
class EmbeddedBatch:
    """Part of an answer: `positions` into the texts given, `vectors` (len(positions), dimension) float32.

    `failures` maps positions of texts that can't be embedded (refused, not finite) to the reason.
    """

    positions: Sequence[int]
    vectors: Vectors
    failures: Mapping[int, str] = field(default_factory=dict)
    tokens: int = 0


class DenseEmbedder(Protocol):
    """Texts to vectors of one dimension, unit length."""

    @property
    def identity(self) -> str:
        """Provider, model, dimension and prefix: what a vector depends on besides its text."""
        ...

    @property
    def dimension(self) -> int:
        """Length of every vector."""
        ...

    def embed(self, texts: Sequence[str]) -> Iterator[EmbeddedBatch]:
        """Every position exactly once, in batches as they are done, in any order.

        Yields all that succeeded before raising EmbeddingError for the rest.
        """
        ...

    def embed_query(self, text: str) -> Vectors:
        """The vector of a search query, shape (dimension,). Raises EmbeddingError."""
        ...

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Exact number of tokens the model reads for each text (its special tokens included)."""
        ...

    def close(self) -> None:
        """Releases connections; may be called twice."""
        ...


@dataclass(frozen=True, slots=True)
class SparseVector:
    """Token ids with their weights; empty where a text has no terms."""

    indices: Sequence[int]
    values: Sequence[float]


class SparseEncoder(Protocol):
    """Texts to sparse term vectors, deterministic and offline."""

    @property
    def identity(self) -> str:
        """Algorithm and parameters."""
        ...

    def encode(self, texts: Sequence[str]) -> list[SparseVector]:
        """One vector per text (document side)."""
        ...

    def encode_query(self, text: str) -> SparseVector:
        """The vector of a search query."""
        ...
