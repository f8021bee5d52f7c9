"""A guess at what the later stages would do, without reading a document: averages of earlier runs, by document read.

What is stored already and waits is counted, not guessed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from vector_pipeline.state.records import Ingestion, Partition
from vector_pipeline.sync.cursors import EVERYTHING, after_revision
from vector_pipeline.sync.listing import Looked
from vector_pipeline.sync.pipeline import Pipeline
from vector_pipeline.sync.rates import amount_of
from vector_pipeline.sync.stages import CHUNKS, DOCUMENTS, EMBEDDINGS, POINTS, Options

_RUNS = 50


@dataclass(frozen=True, slots=True)
class Averages:
    """Per document that runs read: chunks cut, texts embedded, points written; and tokens per text embedded."""

    chunks: float
    texts: float
    points: float
    tokens: float


def averages(rows: Sequence[Ingestion]) -> Averages | None:
    """The averages of recorded runs, None where they read nothing."""
    documents = _sum(rows, DOCUMENTS, "documents")
    if not documents:
        return None
    texts = _sum(rows, EMBEDDINGS, "texts")
    return Averages(
        chunks=_sum(rows, CHUNKS, "chunks") / documents,
        texts=texts / documents,
        points=_sum(rows, POINTS, "points") / documents,
        tokens=_sum(rows, EMBEDDINGS, "tokens") / texts if texts else 0.0,
    )


def estimated(builds: Sequence[Pipeline], partition: Partition, options: Options, looked: Looked) -> Mapping[str, int]:
    """Counts as the history of a run has them, guessed; only those of documents where nothing was ever measured."""
    store, pid, to_read = builds[-1].store, partition.partition_id, looked.plan.fetch.height
    gone = looked.plan.delete.height
    counts = {f"{DOCUMENTS}: reread": to_read, f"{DOCUMENTS}: deleted": gone}
    found = averages(store.ingestions(pid, _RUNS)) or averages(store.ingestions(None, _RUNS))
    waiting = sum(_stale(build, partition, options) for build in builds)
    texts = sum(_lacking(build, partition, options) for build in builds)
    counts[f"{CHUNKS}: chunked"] = waiting + to_read
    if found is None:
        return counts | {f"{EMBEDDINGS}: embedded": texts}
    counts[f"{POINTS}: deleted"] = round(gone * found.points)
    texts += round(to_read * found.texts + waiting * found.chunks)
    return counts | {
        f"{CHUNKS}: chunks": round((waiting + to_read) * found.chunks),
        f"{EMBEDDINGS}: embedded": texts,
        f"{EMBEDDINGS}: tokens": round(texts * found.tokens),
        f"{POINTS}: upserted": round(to_read * found.points + waiting * found.chunks),
    }


def _stale(build: Pipeline, partition: Partition, options: Options) -> int:
    """Stored documents that have to be cut for a collection."""
    store, chunking = build.store, build.store.find_chunking(build.chunks_config)
    after = after_revision(store, partition, CHUNKS, build.chunks_config, options)
    return store.count_stale(partition.partition_id, after=after, chunking=EVERYTHING if chunking is None else chunking)


def _lacking(build: Pipeline, partition: Partition, options: Options) -> int:
    """Stored texts that have to be embedded for a collection."""
    store, chunking = build.store, build.store.find_chunking(build.chunks_config)
    model = store.find_model(build.embedder.identity)
    if chunking is None:
        return 0
    after = after_revision(store, partition, EMBEDDINGS, build.embeddings_config, options)
    unknown = EVERYTHING if model is None else model
    return len(store.texts_to_embed(partition.partition_id, after=after, model=unknown, chunking=chunking))


def _sum(rows: Sequence[Ingestion], stage: str, unit: str) -> int:
    return sum(amount_of(row.counts, stage, unit) for row in rows)
