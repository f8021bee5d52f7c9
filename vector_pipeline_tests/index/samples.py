"""Points to write: small, deterministic, with a vector and terms that follow from a number."""

from __future__ import annotations

from typing import Any

import numpy as np

from vector_pipeline.embedding.base import SparseVector, Vectors
from vector_pipeline.index.base import CollectionSchema, Point, VectorIndex

DIMENSION = 8
SCHEMA = CollectionSchema(
    DIMENSION, payload_indexes={"source": "tenant", "tags": "keyword", "size": "integer", "updated_at": "datetime"}
)


def point_id(number: int) -> bytes:
    """A UUID's 16 bytes."""
    return number.to_bytes(16, "big")


def vector(seed: int) -> Vectors:
    """A unit vector."""
    values = np.random.default_rng(seed).standard_normal(DIMENSION).astype(np.float32)
    return np.asarray(values / np.linalg.norm(values), dtype=np.float32)


def terms(*indices: int) -> SparseVector:
    """The terms, all of weight 1."""
    return SparseVector(list(indices), [1.0] * len(indices))


def make_point(number: int, *, source: str = "git/a", seed: int | None = None, **payload: Any) -> Point:
    """Point `number`; term 1 is in all, term 1000 + number in this one only."""
    seed = number if seed is None else seed
    full = {"source": source, "document_id": f"d{number // 4}", "payload_hash": f"p{seed}", "text": "x", **payload}
    return Point(point_id(number), vector(seed), terms(1, 1000 + number), full)


def ids_in(index: VectorIndex, collection: str, source: str | None = None) -> set[int]:
    """Numbers of all points that a scroll gives."""
    frames = index.scroll(collection, source, batch=50)
    return {int.from_bytes(value, "big") for frame in frames for value in frame["point_id"]}
