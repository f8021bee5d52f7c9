"""What `prune` frees in index and state store, in the order in which one sets the next free.

Syncs may run meanwhile. Whatever is removed is asked for again in the transaction that removes it, alone among all
that write; chunks and cursors of former builds go under the lock of their partition.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from vector_pipeline.consistency.former_collections import former_collections
from vector_pipeline.consistency.leftovers import leftover_kinds
from vector_pipeline.consistency.prunable import Kind, Prunable
from vector_pipeline.documents import hash16
from vector_pipeline.state.errors import StateLocked
from vector_pipeline.state.expired import Garbage
from vector_pipeline.sync.cursors import stage_key
from vector_pipeline.sync.pipeline import Pipeline
from vector_pipeline.sync.stages import CHUNKS, EMBEDDINGS

PRUNE_LOCK = "prune"
"""The lock of the state store that whoever prunes holds."""

LONGEST_RUN = timedelta(days=1)
"""A run under former settings that began before its model was found unused has ended by then."""

WAIT_SECONDS = 5.0
"""How long a source that is at work is waited for."""


@dataclass(frozen=True, slots=True)
class Needed:
    """What the settings and the recorded collections need: chunkings, models, and the stages of their cursors."""

    chunkings: frozenset[bytes]
    models: frozenset[str]
    stages: frozenset[str]


def prunable_kinds(pipeline: Pipeline, now: datetime, *, collections_now: bool = False) -> list[Kind]:
    """All kinds but Dagster's, in the order in which they are to be freed."""
    store, keep = pipeline.store, pipeline.settings.retention
    deleted, history, unused = now - keep.deleted_documents, now - keep.history, now - keep.embeddings

    def sweep_texts() -> Garbage:
        store.mark_texts(now)
        return store.sweep_texts(unused)

    return [
        former_collections(pipeline, now, timedelta(0) if collections_now else keep.collections),
        _kind("chunks of former collections", lambda: _unused_chunks(pipeline), lambda: _drop_chunks(pipeline)),
        _kind(
            "deleted documents",
            lambda: store.expired_documents(deleted),
            lambda: store.drop_expired_documents(deleted),
        ),
        _kind("history entries", lambda: store.expired_history(history), lambda: store.drop_expired_history(history)),
        _kind("texts nothing refers to", lambda: store.unused_texts(unused), sweep_texts),
        _models(pipeline, now),
        *leftover_kinds(pipeline, now),
    ]


def find_needed(pipeline: Pipeline) -> Needed | None:
    """What must stay for the settings and for every recorded collection.

    None where it was never recorded what one of them is made of: then everything may be.
    """
    made = [(pipeline.chunks_config, pipeline.embedder.identity)]
    for target in pipeline.store.target_records():
        if target.collection == pipeline.collection:
            continue
        chunks, model = (target.settings or {}).get("chunks"), (target.settings or {}).get("embedder")
        if not (isinstance(chunks, str) and isinstance(model, str)):
            return None
        made.append((bytes.fromhex(chunks), model))
    stages = {stage_key(CHUNKS, chunks) for chunks, _ in made}
    stages |= {stage_key(EMBEDDINGS, hash16(chunks, model.encode())) for chunks, model in made}
    return Needed(frozenset(chunks for chunks, _ in made), frozenset(model for _, model in made), frozenset(stages))


def _unused_chunks(pipeline: Pipeline) -> Garbage:
    needed = find_needed(pipeline)
    return Garbage(pipeline.store.count_unused_chunks(needed.chunkings) if needed else 0)


def _drop_chunks(pipeline: Pipeline) -> Garbage:
    """Drops chunks that no collection needs. A partition at work is left for the next time."""
    store, needed = pipeline.store, find_needed(pipeline)
    if needed is None:
        return Garbage()
    dropped = 0
    stages = _unused_stages(pipeline, needed)
    for partition in store.partitions():
        try:
            with store.lock(partition.name, WAIT_SECONDS):
                dropped += store.drop_unused_chunks(partition.partition_id, needed.chunkings, stages)
        except StateLocked:
            continue
    return Garbage(dropped)


def _models(pipeline: Pipeline, now: datetime) -> Kind:
    store = pipeline.store
    before = now - max(pipeline.settings.retention.embeddings, LONGEST_RUN)

    def find() -> Garbage:
        needed = find_needed(pipeline)
        return store.unused_models(needed.models, before) if needed else Garbage()

    def free() -> Garbage:
        needed = find_needed(pipeline)
        if needed is None:
            return Garbage()
        store.mark_models(needed.models, now)
        return store.sweep_models(needed.models, before, _unused_stages(pipeline, needed))

    return _kind("vectors of models no longer used", find, free)


def _unused_stages(pipeline: Pipeline, needed: Needed) -> list[str]:
    """Cursors of chunks and embeddings that belong to none of what is needed."""
    of_builds = tuple(f"{stage}@" for stage in (CHUNKS, EMBEDDINGS))
    return sorted(
        stage for stage in pipeline.store.cursor_stages() if stage.startswith(of_builds) and stage not in needed.stages
    )


def _kind(name: str, find: Callable[[], Garbage], free: Callable[[], Garbage]) -> Kind:
    def look() -> Prunable:
        found = find()
        return Prunable(name, found.number, found.size, found.oldest, found.waiting)

    def remove() -> Prunable:
        gone = free()
        return Prunable(name, gone.number, gone.size, gone.oldest, find().waiting)

    return Kind(name, look, remove)
