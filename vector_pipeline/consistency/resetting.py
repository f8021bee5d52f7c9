"""Reset: a source is read again as if for the first time, whatever is stored of it.

By default its points stay searchable until that has happened: what was known is no longer believed, rather than
removed. Embeddings stay either way, so that nothing known is embedded again.
"""

from __future__ import annotations

from dataclasses import dataclass

from vector_pipeline.consistency.mending import forget_written
from vector_pipeline.sources.forgetting import forget_mirror
from vector_pipeline.sync.builds import active_builds
from vector_pipeline.sync.collection import prepare_collection
from vector_pipeline.sync.errors import UnknownSource
from vector_pipeline.sync.pipeline import Pipeline
from vector_pipeline.sync.points import purge


@dataclass(frozen=True, slots=True)
class WasReset:
    """What was stored of the source, and whether a mirror was removed; `dropped` says that its points are gone too."""

    partition: str
    documents: int
    points: int
    quarantined: int
    mirror: bool
    dropped: bool


def reset(pipeline: Pipeline, partition: str, *, drop: bool = False) -> WasReset:
    """Forgets a source; with `drop`, its documents and points as well, at once. Raises UnknownSource or StateLocked.

    A reset that was killed can be repeated; what it had forgotten by then, the next sync reads.
    """
    store = pipeline.store
    if partition not in {one.name for one in store.partitions()}:
        raise UnknownSource(f"{partition}: nothing is stored of it", hint="see `vector-pipeline status` for the names")
    target = prepare_collection(pipeline)
    settings = pipeline.source_settings(partition)
    with store.lock(partition):
        number = store.partition(partition).partition_id
        before = (
            store.count_documents(number),
            store.count_points(target, number),
            store.quarantined(number)["document_id"].n_unique(),
        )
        # First of all: from here on the next sync asks for everything and compares everything.
        store.forget_progress(number)
        mirror = settings is not None and forget_mirror(partition, settings, pipeline.data_dir)
        for build in active_builds(pipeline):
            _forget_damage(build, number)
            forget_written(build, number, build.store.target_no(build.collection))
        if drop:
            # What a person keeps out stays out: nobody has taken that back.
            kept_out = store.kept_out(number) if settings is not None else []
            purge(pipeline, partition)
            if kept_out:
                fresh = store.partition(partition).partition_id
                store.keep_out(fresh, {one.native_id: (one.uri, "") for one in kept_out})
    return WasReset(partition, *before, mirror, drop)


def _forget_damage(pipeline: Pipeline, number: int) -> None:
    """Takes back what is known of the documents. Damaged texts would be found again by their hash: they lose it."""
    store = pipeline.store
    for some in store.all_document_ids(number):
        unlike = store.damaged_documents(number, some).contents
        store.disown_texts(store.damaged_texts(number, pipeline.chunking, some))
        store.forget_documents(number, some, unlike)
        store.forget_chunked(number, pipeline.chunking, set(some) - unlike)
