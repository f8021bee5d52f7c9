"""What both engines give back for a point, in our own shapes.

The embedded engine and the client of a server have record types of their own that look alike: an id, a payload and
named vectors. Nothing else of an engine is known here.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import polars as pl

from vector_pipeline.embedding.base import SparseVector
from vector_pipeline.index.base import DENSE, SPARSE, StoredPoint, VectorIndexError
from vector_pipeline.index.points import indexed_frame, vector_hash


class Record(Protocol):
    """A point as an engine returns it."""

    @property
    def id(self) -> Any:
        """A UUID, as such or as text."""
        ...

    @property
    def payload(self) -> Any:
        """A mapping, or None where it was not asked for."""
        ...

    @property
    def vector(self) -> Any:
        """Vectors by name; anything else where none were asked for."""
        ...


def records_frame(records: Sequence[Record], vectors: bool) -> pl.DataFrame:
    """Records as an INDEXED frame, with `vector_hash` if asked. Raises VectorIndexError for a foreign id."""
    hashes = None
    if vectors:
        hashes = [vector_hash(np.asarray(_vectors(record)[DENSE], dtype=np.float32)) for record in records]
    return indexed_frame([id_bytes(record.id) for record in records], [r.payload or {} for r in records], hashes)


def stored_point(record: Record) -> StoredPoint:
    """A record with its payload and vectors. Raises VectorIndexError for a foreign id."""
    vectors = _vectors(record)
    dense, sparse = vectors.get(DENSE), vectors.get(SPARSE)
    return StoredPoint(
        point_id=id_bytes(record.id),
        payload=record.payload or {},
        dense=None if dense is None else np.asarray(dense, dtype=np.float32),
        sparse=None if sparse is None else SparseVector(list(sparse.indices), list(sparse.values)),
    )


def id_bytes(value: object) -> bytes:
    """The 16 bytes of a point's id. Raises VectorIndexError where it is not a UUID."""
    if isinstance(value, uuid.UUID):
        return value.bytes
    if isinstance(value, str):
        return uuid.UUID(value).bytes
    raise VectorIndexError(
        "the collection holds a point whose id is not a UUID", hint="use a collection that only the pipeline writes"
    )


def _vectors(record: Record) -> Mapping[str, Any]:
    return record.vector if isinstance(record.vector, dict) else {}
