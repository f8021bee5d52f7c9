"""The frame of contents: points as the collection holds them, measured against what the store makes of them.

Read by document, some at a time, so that memory stays small whatever the depth: after a run the points of what changed
last, otherwise a sample or all, at a second look only what was wrong at the first. A point whose chunk the store no
longer has, or whose text is damaged there, is not measured: other checks tell of these.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter, sub

import numpy as np
import polars as pl

from vector_pipeline.consistency.look import Depth, Look
from vector_pipeline.documents import HASH_BYTES, text_hash
from vector_pipeline.embedding.base import SparseVector, Vectors
from vector_pipeline.index.base import StoredPoint
from vector_pipeline.state.contents import RecordedPoint
from vector_pipeline.state.errors import StateCorrupt
from vector_pipeline.state.records import DesiredChunk, DesiredDocument
from vector_pipeline.sync.payload import chunk_payload, document_payload, fingerprint
from vector_pipeline.sync.pipeline import Pipeline

CONTENTS = pl.Schema(
    [
        ("partition", pl.Categorical()),
        ("document_id", pl.Binary),
        ("point_id", pl.Binary),
        ("dimension", pl.Int32),
        ("wanted_dimension", pl.Int32),
        ("finite", pl.Boolean),
        ("length", pl.Float32),
        ("wanted_length", pl.Float32),
        ("likeness", pl.Float32),
        ("stored", pl.Categorical()),
        ("terms", pl.Int32),
        ("wanted_terms", pl.Int32),
        ("same_terms", pl.Boolean),
        ("as_recorded", pl.Boolean),
        ("as_derived", pl.Boolean),
    ]
)
"""One row per point of the collection that was looked at.

`dimension` is 0 without a dense vector; `wanted_length` is null where any length is right. `stored` says what the
store has for the text under this model: "sound", "missing" or "broken"; `likeness` is the cosine between a sound one
and the point's. `as_recorded`: the payload and the model are those of the recorded fingerprint; `as_derived`: that
fingerprint is what document, chunk and model give now.
"""

LATEST = 200
"""Points of a partition whose contents are read back after a run."""

_BATCH = 1_000
_UNIT = 0.001
_WEIGHT = 0.001


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What a point should be made of."""

    point: RecordedPoint
    document: DesiredDocument
    chunk: DesiredChunk
    fingerprint: bytes


def contents(look: Look) -> pl.DataFrame:
    """The contents of the points looked at, as CONTENTS."""
    index, collection = look.pipeline.index, look.pipeline.collection
    if not index.exists(collection):
        return pl.DataFrame(schema=CONTENTS)
    names = {one.partition_id: one.name for one in look.pipeline.store.partitions()}
    parts = [pl.DataFrame(schema=CONTENTS)]
    # Opened once for all batches: opening grows with the collection.
    with index.session(collection):
        for points in _chosen(look, list(names)):
            known = [point for point in points if point.partition_id in names]
            parts.append(pl.DataFrame(list(_rows(look, known, names)), schema=CONTENTS, orient="row"))
    return pl.concat(parts)


def _chosen(look: Look, partitions: Sequence[int]) -> Iterator[list[RecordedPoint]]:
    """The recorded points to look at, in batches."""
    store, number = look.pipeline.store, look.partition_number()
    target = store.target_no(look.pipeline.collection)
    if look.suspects is not None:
        ids = [bytes.fromhex(one) for one in look.suspects["point_id"].unique().to_list() if one]
        yield store.find_points(target, ids)
    elif look.depth is Depth.FULL:
        yield from store.recorded_points(target, number, batch=_BATCH)
    elif look.depth is Depth.LATEST:
        for one in [number] if number is not None else partitions:
            yield store.find_points(target, store.latest_points(target, one, LATEST))
    else:
        start, limit = random.Random(look.seed).randbytes(HASH_BYTES), look.pipeline.settings.checks.sample
        yield store.sample_points(target, number, start=start, limit=limit)


def _rows(look: Look, points: Sequence[RecordedPoint], names: Mapping[int, str]) -> Iterator[tuple[object, ...]]:
    """A row for each of the points that is in the collection and can be measured."""
    pipeline = look.pipeline
    wanted = _wanted(look, points, names)
    found = {
        point.point_id: point
        for point in pipeline.index.retrieve(pipeline.collection, [w.point.point_id for w in wanted])
    }
    present = [one for one in wanted if one.point.point_id in found]
    stored = pipeline.store.vector_bytes(pipeline.model, [one.chunk.text_no for one in present])
    terms = pipeline.sparse.encode([one.chunk.text for one in present])
    schema = pipeline.collection_schema
    for one, expected in zip(present, terms, strict=True):
        held = found[one.point.point_id]
        state, vector = _stored(stored.get(one.chunk.text_no), schema.dimension)
        yield (
            names[one.point.partition_id],
            one.document.document_id,
            one.point.point_id,
            *_dense(held, schema.dimension),
            _wanted_length(schema.distance, vector),
            _likeness(held.dense, vector),
            state,
            *_sparse(held.sparse, expected),
            _as_recorded(held, one, pipeline.vectors_identity),
            one.fingerprint == one.point.fingerprint,
        )


def _wanted(look: Look, points: Sequence[RecordedPoint], names: Mapping[int, str]) -> list[_Wanted]:
    """What the points are made of, where the store has it and its text is what its hash says."""
    pipeline, wanted = look.pipeline, []
    number_of = attrgetter("document_no")
    by_document = {number: list(some) for number, some in groupby(sorted(points, key=number_of), key=number_of)}
    for document in _desired(pipeline, list(by_document)):
        chunks = {chunk.chunk_id: chunk for chunk in document.chunks}
        chosen = by_document[document.document_no]
        shared = document_payload(names[chosen[0].partition_id], document)
        for point in chosen:
            chunk = chunks.get(point.point_id)
            if chunk is not None and text_hash(chunk.text) == chunk.chunk_hash:
                payload = chunk_payload(shared, document, chunk)
                mark = fingerprint(payload, chunk.chunk_hash, pipeline.vectors_identity)
                wanted.append(_Wanted(point, document, chunk, mark))
    return wanted


def _desired(pipeline: Pipeline, numbers: Sequence[int]) -> list[DesiredDocument]:
    """The documents, without those whose chunks can't be read."""
    try:
        return pipeline.store.desired_points(numbers, pipeline.model, pipeline.chunking)
    except StateCorrupt:
        if len(numbers) == 1:
            return []
        return [document for number in numbers for document in _desired(pipeline, [number])]


def _dense(held: StoredPoint, dimension: int) -> tuple[int, int, bool, float]:
    """Dimension, the dimension wanted, whether all of it is finite, length."""
    if held.dense is None:
        return 0, dimension, True, 0.0
    finite = bool(np.isfinite(held.dense).all())
    return held.dense.shape[0], dimension, finite, float(np.linalg.norm(held.dense)) if finite else 0.0


def _stored(data: bytes | None, dimension: int) -> tuple[str, Vectors | None]:
    """The state of a stored vector, and the vector where it is sound. Providers give vectors of length 1."""
    if data is None:
        return "missing", None
    if len(data) != 4 * dimension:
        return "broken", None
    vector = np.frombuffer(data, dtype="<f4")
    sound = bool(np.isfinite(vector).all()) and abs(float(np.linalg.norm(vector)) - 1) < _UNIT
    return ("sound", vector) if sound else ("broken", None)


def _wanted_length(distance: str, stored: Vectors | None) -> float | None:
    """With cosine distance the engine keeps unit vectors, with another what was written."""
    if distance == "Cosine":
        return 1.0
    return None if stored is None else float(np.linalg.norm(stored))


def _likeness(held: Vectors | None, stored: Vectors | None) -> float | None:
    """The cosine of both, null where they can't be compared."""
    if held is None or stored is None or held.shape != stored.shape:
        return None
    lengths = float(np.linalg.norm(held)) * float(np.linalg.norm(stored))
    return float(held @ stored) / lengths if np.isfinite(lengths) and lengths > 0 else None


def _sparse(held: SparseVector | None, expected: SparseVector) -> tuple[int, int, bool]:
    """Number of terms, the number wanted, whether they and their weights are the same."""
    terms = dict(zip(held.indices, held.values, strict=True)) if held is not None else {}
    same = terms.keys() == set(expected.indices)
    if same:
        differences = map(sub, map(terms.__getitem__, expected.indices), expected.values)
        same = max(map(abs, differences), default=0.0) < _WEIGHT
    return len(terms), len(expected.indices), same


def _as_recorded(held: StoredPoint, wanted: _Wanted, identity: bytes) -> bool:
    """Whether the payload is the one of the hash it carries; another hash than the recorded is found elsewhere."""
    payload = {name: value for name, value in held.payload.items() if name != "payload_hash"}
    carried = held.payload.get("payload_hash")
    if carried != wanted.point.fingerprint.hex():
        return True
    try:
        return fingerprint(payload, wanted.chunk.chunk_hash, identity) == wanted.point.fingerprint
    except (TypeError, ValueError):
        return False
