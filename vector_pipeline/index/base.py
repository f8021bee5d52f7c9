"""What holds the points: one protocol, two engines (embedded and server).

A collection is one physical set of points built under one configuration; the alias is the name searches use.
Nothing here knows of documents or stages: an index takes points and gives points.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import polars as pl

from vector_pipeline.embedding.base import SparseVector, Vectors
from vector_pipeline.errors import PipelineError

DENSE = "dense"
SPARSE = "sparse"
UNNAMED = ""
"""The name under which `ForeignPoint` has the vector of a collection whose only vector has no name."""
EMBEDDED = "qdrant-edge"
"""The name of the embedded engine."""
SNAPSHOT_FILE = "collection.snapshot"
"""What a server's copy of a collection consists of."""
ACCESS = "access"
"""The payload field that says who may read."""

PAYLOAD_INDEXES: Mapping[str, str] = {
    "source": "tenant",
    "source_type": "keyword",
    "document_id": "keyword",
    "path": "keyword",
    "folders": "keyword",
    "uri": "keyword",
    "kind": "keyword",
    "language": "keyword",
    "tags": "keyword",
    "author": "keyword",
    ACCESS: "keyword",
    "updated_at": "datetime",
    "created_at": "datetime",
    "size": "integer",
}
"""Payload fields that filters use, with the kind of index: tenant, keyword, datetime or integer."""

INDEXED = pl.Schema(
    {
        "point_id": pl.Binary,
        "source": pl.String,
        "document_id": pl.String,
        "payload_hash": pl.String,
    }
)
"""What a scroll gives of every point; `vector_hash` (Binary, 16 bytes) is added on request."""


class VectorIndexError(PipelineError):
    """The index could not do its work."""


class IndexUnavailable(VectorIndexError):
    """No answer from the index in time (server down, shard locked by another process)."""


class IndexMismatch(VectorIndexError):
    """A collection of that name exists with another vector size, distance or sparse setting."""


class CollectionMissing(VectorIndexError):
    """There is no collection or alias of that name."""


class IndexDamaged(VectorIndexError):
    """The files of an embedded collection can't be read; they must be removed and built again."""


@dataclass(frozen=True, slots=True)
class CollectionSchema:
    """What a collection is made for. `dimension` and cosine distance of the dense vector; sparse uses IDF."""

    dimension: int
    distance: str = "Cosine"
    payload_indexes: Mapping[str, str] = field(default_factory=lambda: dict(PAYLOAD_INDEXES))


@dataclass(frozen=True, slots=True)
class Point:
    """One point to write: `point_id` 16 bytes (a UUID), `dense` shape (dimension,), payload of JSON values."""

    point_id: bytes
    dense: Vectors
    sparse: SparseVector
    payload: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Query:
    """A hybrid search: both vectors, the filter, the number of hits.

    `must` maps payload fields to values that are allowed (any of them). With `readers` only points are found that have
    no `access` labels or one of these. `weights` of dense and sparse ranks in reciprocal rank fusion. With `exact`
    every vector is compared, without the graph: slow, and what the answers of the graph are measured against.
    """

    dense: Vectors | None
    sparse: SparseVector | None
    limit: int = 10
    must: Mapping[str, Sequence[str]] = field(default_factory=dict)
    readers: Sequence[str] | None = None
    weights: tuple[float, float] = (1.0, 2.0)
    exact: bool = False


@dataclass(frozen=True, slots=True)
class Hit:
    """One answer of a search, best first."""

    point_id: bytes
    score: float
    payload: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class StoredPoint:
    """One point as the index holds it; `dense` and `sparse` are None when the point lacks them."""

    point_id: bytes
    payload: Mapping[str, Any]
    dense: Vectors | None
    sparse: SparseVector | None


@dataclass(frozen=True, slots=True)
class ForeignPoint:
    """One point of a collection that others made: `point_id` as text, `vectors` its dense ones by name, unchecked."""

    point_id: str
    payload: Mapping[str, Any]
    vectors: Mapping[str, Vectors]


@dataclass(frozen=True, slots=True)
class Engine:
    """What keeps the points: its name, and its version as text. A copy of a collection fits only the same engine."""

    name: str
    version: str


@dataclass(frozen=True, slots=True)
class CollectionInfo:
    """Statistics: numbers of points and indexed vectors, segments, bytes on disk (0 where unknown)."""

    points: int
    indexed_vectors: int
    segments: int
    disk_bytes: int
    payload_indexes: Sequence[str]


class VectorIndex(Protocol):
    """All collections of one Qdrant, by name. Every method raises IndexUnavailable when it can't be reached."""

    @property
    def location(self) -> str:
        """URL or folder, without credentials."""
        ...

    def ensure(self, collection: str, schema: CollectionSchema) -> bool:
        """Creates the collection and its payload indexes where missing; True if it was created.

        Raises IndexMismatch where it exists with other vectors.
        """
        ...

    def exists(self, collection: str) -> bool:
        """Whether the collection exists."""
        ...

    def collections(self) -> list[str]:
        """Names of all collections, aliases not included."""
        ...

    def drop(self, collection: str) -> None:
        """Removes a collection; nothing happens where it does not exist."""
        ...

    def session(self, collection: str) -> AbstractContextManager[None]:
        """Makes several calls in a row cheap, where opening costs (the embedded engine); optional.

        Within it, the caller does not wait for the network. Others who wait for the collection get their turn
        between the calls.
        """
        ...

    def upsert(self, collection: str, points: Sequence[Point]) -> None:
        """Writes points whole (vectors and payload), durably, idempotently."""
        ...

    def delete(self, collection: str, point_ids: Sequence[bytes]) -> None:
        """Removes points by id; unknown ids are fine."""
        ...

    def delete_source(self, collection: str, source: str) -> None:
        """Removes every point whose payload field `source` has this value."""
        ...

    def count(self, collection: str, source: str | None = None) -> int:
        """Exact number of points, of one source or of all."""
        ...

    def scroll(
        self, collection: str, source: str | None = None, *, vectors: bool = False, batch: int = 10_000
    ) -> Iterator[pl.DataFrame]:
        """All points as INDEXED frames, with `vector_hash` (over the dense float32 bytes) if asked."""
        ...

    def retrieve(self, collection: str, point_ids: Sequence[bytes]) -> list[StoredPoint]:
        """The points that exist among these ids, with payload and vectors."""
        ...

    def foreign_points(
        self, collection: str, *, vectors: bool = True, batch: int = 500
    ) -> Iterator[list[ForeignPoint]]:
        """All points of a collection that others made (or of an alias), at most `batch` at a time, unchanged.

        Without `vectors` theirs are not read. Raises CollectionMissing.
        """
        ...

    def search(self, collection: str, query: Query) -> list[Hit]:
        """Hybrid search in one request; `collection` may be an alias."""
        ...

    def alias(self, name: str) -> str | None:
        """The collection an alias points at, or None."""
        ...

    def set_alias(self, name: str, collection: str) -> None:
        """Points the alias at the collection, in one step."""
        ...

    def info(self, collection: str) -> CollectionInfo:
        """Statistics of a collection."""
        ...

    def engine_version(self) -> Engine:
        """The engine and its version."""
        ...

    def save_copy(self, collection: str, folder: Path) -> None:
        """Writes a complete copy of a collection, as it is at one moment, to a folder that must not exist.

        Raises CollectionMissing.
        """
        ...

    def load_copy(self, collection: str, folder: Path) -> None:
        """Makes the collection what a copy of the same engine says, in one step, whatever it held before."""
        ...

    def optimize(self, collection: str) -> bool:
        """Merges segments and builds vector indexes where the engine leaves that to us; True if it did."""
        ...

    def close(self) -> None:
        """Releases connections and files; may be called twice."""
        ...
