"""Which collection points are written to, and which one searches see.

Another chunking or embedding configuration writes another collection; the alias moves to it only when every
source has all of its points there and the checks pass (`consistency.switching`), so that a search never sees a
half-built one.
"""

from __future__ import annotations

from datetime import UTC, datetime

from vector_pipeline.state.targets_table import LIVE
from vector_pipeline.sync.cursors import is_behind
from vector_pipeline.sync.doubt import is_doubted
from vector_pipeline.sync.pipeline import Pipeline
from vector_pipeline.sync.stages import POINTS


def prepare_collection(pipeline: Pipeline) -> int:
    """The number of the target that points are recorded under, its collection created where missing.

    A collection that had to be created holds nothing, whatever was recorded of it before (someone deleted
    the shard, or the server lost its disk): that record is dropped, and every point is written again.
    """
    created = False
    if collection_is_lost(pipeline):
        with pipeline.store.lock(f"collection {pipeline.collection}"):
            # Asked again under the lock, and dropped before the collection exists: a run that dies in between
            # leaves it lost, so that the next one does the same again.
            if collection_is_lost(pipeline):
                pipeline.store.drop_target(pipeline.collection)
                created = pipeline.index.ensure(pipeline.collection, pipeline.collection_schema)
    pipeline.index.ensure(pipeline.collection, pipeline.collection_schema)
    if pipeline.beside is None:
        _record_made(pipeline, created=created)
        _point_first_alias(pipeline)
    return pipeline.store.target_no(pipeline.collection)


def _record_made(pipeline: Pipeline, *, created: bool) -> None:
    """Records what the collection is made from, so that it can be kept up once the settings are others."""
    record, held = pipeline.record(), pipeline.store.find_target(pipeline.collection)
    if created or held is None or held.settings != record:
        pipeline.store.record_settings(pipeline.collection, record, datetime.now(UTC) if created else None)


def _point_first_alias(pipeline: Pipeline) -> None:
    """Gives the first collection its alias at once: until then there is nothing to search."""
    alias, store = pipeline.settings.index.alias, pipeline.store
    searched = pipeline.index.alias(alias)
    if searched is None or not pipeline.index.exists(searched):
        pipeline.index.set_alias(alias, pipeline.collection)
        searched = pipeline.collection
    held = store.find_target(searched)
    # What moved the alias may have died before it was recorded. A collection that is nobody's of ours stays unrecorded.
    if held.state != LIVE if held else searched == pipeline.collection:
        store.record_live(searched, datetime.now(UTC))


def unsettled(pipeline: Pipeline, target: int) -> list[str]:
    """The sources that are not complete in the collection of these settings."""
    config, store = pipeline.points_config(target), pipeline.store
    found = []
    for name in pipeline.partitions():
        partition = store.partition(name)
        if is_behind(store, partition, POINTS, config) or is_doubted(store, partition.partition_id, target, config):
            found.append(name)
    return found


def collection_is_lost(pipeline: Pipeline) -> bool:
    """Whether the collection that points were recorded for does not exist (any more)."""
    return not pipeline.index.exists(pipeline.collection)
