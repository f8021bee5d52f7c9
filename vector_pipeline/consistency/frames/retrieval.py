"""The frame of retrieval: some points, each searched by its own text as people search, and how well it was found.

The query is what the chunk was embedded from, heading path and text, through the same hybrid request that searches
use. A point that is missing, or whose chunk the store has lost or damaged, is not asked for: other checks tell of it.
"""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from vector_pipeline.consistency.look import Look
from vector_pipeline.documents import HASH_BYTES, text_hash
from vector_pipeline.embedding.base import Vectors
from vector_pipeline.index.base import Hit, Query
from vector_pipeline.state.contents import RecordedPoint
from vector_pipeline.state.errors import StateCorrupt
from vector_pipeline.state.records import DesiredChunk, DesiredDocument
from vector_pipeline.sync.pipeline import Pipeline

RETRIEVAL = pl.Schema(
    {
        "partition": pl.String,
        "document_id": pl.Binary,
        "point_id": pl.Binary,
        "terms": pl.Int64,
        "place": pl.Int64,
        "recall": pl.Float64,
        "seconds": pl.Float64,
    }
)
"""One row per point that was asked for.

`terms`: distinct terms of its text. `place`: where the answer with its text came, counting only better ones, null where
it was not among the first DEEP. `recall`: the share of the nearest DEEP that the graph found too. `seconds`: the time
of the hybrid query.
"""

DEEP = 10
_SAME = 1e-5
"""Scores that differ by less are equal: engines add in different orders."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """A point with what it is asked by."""

    partition: str
    document_id: bytes
    chunk: DesiredChunk

    @property
    def own_text(self) -> str:
        """The text that the point shows."""
        return self.chunk.text[self.chunk.prefix :]


def retrieval(look: Look) -> pl.DataFrame:
    """The points looked at, as RETRIEVAL. Raises EmbeddingError where queries can't be embedded."""
    pipeline = look.pipeline
    if not pipeline.index.exists(pipeline.collection):
        return pl.DataFrame(schema=RETRIEVAL)
    asked = _present(pipeline, _asked(look))
    vectors = _stored_vectors(pipeline, asked)
    with pipeline.index.session(pipeline.collection):
        rows = [_row(pipeline, one, vectors.get(one.chunk.text_no)) for one in asked]
    return pl.DataFrame(rows, schema=RETRIEVAL, orient="row")


def _row(pipeline: Pipeline, one: _Asked, stored: Vectors | None) -> tuple[object, ...]:
    dense = pipeline.embedder.embed_query(one.chunk.text) if stored is None else stored
    sparse = pipeline.sparse.encode_query(one.chunk.text)
    started = time.perf_counter()
    hits = pipeline.index.search(pipeline.collection, Query(dense, sparse, limit=DEEP))
    seconds = time.perf_counter() - started
    place = _place(hits, one.own_text)
    return (
        one.partition,
        one.document_id,
        one.chunk.chunk_id,
        len(sparse.indices),
        place,
        _recall(pipeline, dense),
        seconds,
    )


def _place(hits: Sequence[Hit], text: str) -> int | None:
    """The place of the first answer with this text; another of the same text serves as well."""
    score = next((hit.score for hit in hits if hit.payload.get("text") == text), None)
    return None if score is None else 1 + sum(hit.score > score + _SAME for hit in hits)


def _recall(pipeline: Pipeline, dense: Vectors) -> float:
    """The share of the nearest that an approximate search finds; one just as near counts as well."""
    nearest = pipeline.index.search(pipeline.collection, Query(dense, None, limit=DEEP, exact=True))
    found = pipeline.index.search(pipeline.collection, Query(dense, None, limit=DEEP))
    if not nearest:
        return 1.0
    return min(1.0, sum(hit.score >= nearest[-1].score - _SAME for hit in found) / len(nearest))


def _asked(look: Look) -> list[_Asked]:
    """What is asked for, of the chunks that the store has."""
    store = look.pipeline.store
    names = {one.partition_id: one.name for one in store.partitions()}
    points = {point.point_id: point for point in _chosen(look) if point.partition_id in names}
    asked = []
    for number in sorted({point.document_no for point in points.values()}):
        for document in _desired(look.pipeline, number):
            asked += [
                _Asked(names[points[chunk.chunk_id].partition_id], document.document_id, chunk)
                for chunk in document.chunks
                if chunk.chunk_id in points and text_hash(chunk.text) == chunk.chunk_hash
            ]
    return asked


def _chosen(look: Look) -> list[RecordedPoint]:
    """The recorded points to ask for: what was wrong at the first look, else a sample of all."""
    store, target = look.pipeline.store, look.pipeline.store.target_no(look.pipeline.collection)
    if look.suspects is not None:
        return store.find_points(target, [bytes.fromhex(one) for one in look.suspects["point_id"].unique().to_list()])
    limit = look.pipeline.settings.checks.retrieval_sample
    # Other random bytes than those of the other samples: together they see more.
    start = random.Random(f"retrieval {look.seed}").randbytes(HASH_BYTES)
    return store.sample_points(target, look.partition_number(), start=start, limit=limit)


def _desired(pipeline: Pipeline, number: int) -> list[DesiredDocument]:
    try:
        return pipeline.store.desired_points([number], pipeline.model, pipeline.chunking)
    except StateCorrupt:
        return []


def _present(pipeline: Pipeline, asked: Sequence[_Asked]) -> list[_Asked]:
    """Those that the collection holds at all."""
    held = pipeline.index.retrieve(pipeline.collection, [one.chunk.chunk_id for one in asked])
    there = {point.point_id for point in held}
    return [one for one in asked if one.chunk.chunk_id in there]


def _stored_vectors(pipeline: Pipeline, asked: Sequence[_Asked]) -> dict[int, Vectors]:
    """Stored vectors that are what an endpoint would answer for the query: a question to it may cost money."""
    settings = pipeline.settings.embedding
    if settings.provider != "openai" or settings.query_prefix != settings.document_prefix:
        return {}
    stored = pipeline.store.vectors(pipeline.model, [one.chunk.text_no for one in asked])
    return {number: vector for number, vector in stored.items() if vector.shape == (pipeline.embedder.dimension,)}
