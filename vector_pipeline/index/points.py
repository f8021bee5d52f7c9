"""What both engines share: points checked before they are written, INDEXED frames made of what is read.

The one idea: a point is refused here, by id and field, when an engine would change it silently, refuse a whole
batch for it or, worse, store it and fail at every later read.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from vector_pipeline.documents import HASH_BYTES, uuid_text
from vector_pipeline.embedding.base import Vectors
from vector_pipeline.index.base import INDEXED, Point, Query, StoredPoint, VectorIndexError

RRF_K = 2
"""Constant of reciprocal rank fusion: Qdrant's own default, given explicitly so that both engines rank alike."""

_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,199}")
_MAX_DEPTH = 60  # the engine stores deeper payloads but can't read them back (its limit is 128)
_MAX_SPARSE_INDEX = 2**32 - 1


def check_name(name: str) -> str:
    """The name of a collection or alias, if it is safe as a folder name and in a URL; VectorIndexError otherwise."""
    if not _NAME.fullmatch(name):
        raise VectorIndexError(
            f"{name!r} can't name a collection",
            hint='use letters, digits, "_", "-" and "." only, at most 200, not starting with "."',
        )
    return name


def checked_vectors(points: Sequence[Point], dimension: int) -> Vectors:
    """The dense vectors of the points as one array, shape (points, dimension), after checking every point.

    Raises VectorIndexError naming the first point that can't be stored as it is: wrong dimension, values that are
    not finite, repeated or unpaired sparse indices, payload that is not JSON.
    """
    seen: set[int] = set()
    for point in points:
        if fault := _point_fault(point, dimension, seen):
            raise VectorIndexError(
                f"point {_name(point)} can't be stored: {fault}", hint="nothing of this batch was written"
            )
    vectors = np.asarray([point.dense for point in points], dtype=np.float32).reshape(len(points), dimension)
    finite = np.isfinite(vectors).all(axis=1)
    if not finite.all():
        raise VectorIndexError(
            f"point {_name(points[int(finite.argmin())])} can't be stored: its vector holds NaN or infinite values",
            hint="nothing of this batch was written",
        )
    return vectors


def _name(point: Point) -> str:
    return uuid_text(point.point_id) if len(point.point_id) == 16 else point.point_id.hex()


def _point_fault(point: Point, dimension: int, seen: set[int]) -> str | None:
    """What is wrong with a point, or None.

    `seen` holds the ids of payload values found right before, which live as long as the batch: the points of one
    document share most of theirs.
    """
    if len(point.point_id) != 16:
        return "its id is not 16 bytes long"
    if point.dense.shape != (dimension,):
        return f"its vector has shape {point.dense.shape}, the collection holds {dimension} dimensions"
    indices, values = point.sparse.indices, point.sparse.values
    if len(indices) != len(values) or len(set(indices)) != len(indices):
        return "its sparse vector repeats indices or lacks values"
    if len(indices) and not (min(indices) >= 0 and max(indices) <= _MAX_SPARSE_INDEX):
        return "its sparse vector has an index that is not an unsigned 32-bit number"
    if not all(map(math.isfinite, values)):
        return "its sparse vector holds NaN or infinite values"
    for key, value in point.payload.items():
        if id(value) in seen and id(key) in seen:
            continue
        if fault := _key_fault(key) or _json_fault(value, 1):
            return f"payload field {key!a} {fault}"
        seen.add(id(value))
        seen.add(id(key))
    return None


def _key_fault(key: object) -> str | None:
    return _text_fault(key) if isinstance(key, str) else "has a key that is not text"


def _text_fault(text: str) -> str | None:
    if text.isascii():
        return None
    try:
        text.encode()
    except UnicodeEncodeError:
        return "holds half of a surrogate pair, which UTF-8 can't say"
    return None


def _json_fault(value: Any, depth: int) -> str | None:
    """Why a payload value would not come back as it is, or None."""
    if value is None or isinstance(value, bool):
        return None
    if isinstance(value, str):
        return _text_fault(value)
    if isinstance(value, int):
        return None if -(2**63) <= value < 2**63 else "holds an integer beyond 64 bits"
    if isinstance(value, float):
        return None if math.isfinite(value) else "holds NaN or an infinite number"
    if depth > _MAX_DEPTH:
        return f"is nested deeper than {_MAX_DEPTH} levels"
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if fault := _key_fault(key) or _json_fault(inner, depth + 1):
                return fault
        return None
    if isinstance(value, list | tuple):
        for inner in value:
            if fault := _json_fault(inner, depth + 1):
                return fault
        return None
    return f"holds a {type(value).__name__}, which is not JSON"


def check_query(query: Query) -> bool:
    """Whether the query can match anything: False where a filter allows no value.

    Raises VectorIndexError where it asks for nothing: no vector, or no hit.
    """
    if query.limit < 1:
        raise VectorIndexError(f"a search for {query.limit} hits finds nothing", hint="ask for 1 or more")
    if query.dense is None and not sparse_terms(query):
        raise VectorIndexError("the search has neither a vector nor a term", hint="search for at least one word")
    if query.dense is not None and not (query.dense.ndim == 1 and np.isfinite(query.dense).all()):
        raise VectorIndexError("the search's vector is not a row of finite numbers", hint="check the embedding model")
    return all(len(values) for values in query.must.values())


def sparse_terms(query: Query) -> bool:
    """Whether the query has at least one term."""
    return query.sparse is not None and len(query.sparse.indices) > 0


def prefetch_limit(query: Query) -> int:
    """How many hits each kind of vector contributes to the fusion."""
    return max(50, 4 * query.limit)


def vector_hash(dense: Vectors) -> bytes:
    """SHA-256, 16 bytes, over a vector's little-endian float32 bytes.

    Equal input gives equal hashes within one engine. It need not be the hash of the vector that was written:
    with cosine distance Qdrant normalises on write what is not a unit vector already.
    """
    return hashlib.sha256(dense.astype("<f4", copy=False).tobytes()).digest()[:HASH_BYTES]


def indexed_frame(ids: list[bytes], payloads: list[Mapping[str, Any]], hashes: list[bytes] | None) -> pl.DataFrame:
    """An INDEXED frame, with `vector_hash` where hashes are given; null where a payload lacks the field."""
    columns: dict[str, list[Any]] = {"point_id": ids}
    for field in ("source", "document_id", "payload_hash"):
        values = [payload.get(field) for payload in payloads]
        columns[field] = [value if isinstance(value, str) else None for value in values]
    schema = dict(INDEXED)
    if hashes is not None:
        columns["vector_hash"] = hashes
        schema["vector_hash"] = pl.Binary()
    return pl.DataFrame(columns, schema=schema)


def in_order(point_ids: Sequence[bytes], found: Mapping[bytes, StoredPoint]) -> list[StoredPoint]:
    """The points found, once each, in the order they were asked for."""
    return [found[point_id] for point_id in dict.fromkeys(point_ids) if point_id in found]
