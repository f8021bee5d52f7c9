"""Which collection points are written to, and which one searches see.

Another chunking or embedding configuration writes another collection; the alias moves to it only when every
source has all of its points there, so that a search never sees a half-built one.
"""

from __future__ import annotations

from vector_pipeline.sync.cursors import is_behind
from vector_pipeline.sync.pipeline import Pipeline
from vector_pipeline.sync.stages import POINTS


def prepare_collection(pipeline: Pipeline) -> int:
    """The number of the target that points are recorded under, its collection created where missing.

    A collection that had to be created holds nothing, whatever was recorded of it before (someone deleted
    the shard, or the server lost its disk): that record is dropped, and every point is written again.
    """
    if collection_is_lost(pipeline):
        with pipeline.store.lock(f"collection {pipeline.collection}"):
            # Asked again under the lock, and dropped before the collection exists: a run that dies in between
            # leaves it lost, so that the next one does the same again.
            if collection_is_lost(pipeline):
                pipeline.store.drop_target(pipeline.collection)
                pipeline.index.ensure(pipeline.collection, pipeline.collection_schema)
    pipeline.index.ensure(pipeline.collection, pipeline.collection_schema)
    target = pipeline.store.target_no(pipeline.collection)
    if pipeline.index.alias(pipeline.settings.index.alias) is None:
        pipeline.index.set_alias(pipeline.settings.index.alias, pipeline.collection)
    return target


def settle_alias(pipeline: Pipeline, target: int) -> bool:
    """Moves the alias to this configuration's collection once every configured source is complete in it.

    True if searches use that collection now.
    """
    if unsettled(pipeline, target):
        return False
    alias = pipeline.settings.index.alias
    if pipeline.index.alias(alias) != pipeline.collection:
        pipeline.index.set_alias(alias, pipeline.collection)
    return True


def former_collection_kept_by(pipeline: Pipeline) -> list[str]:
    """`unsettled`, for reports: also none before anything was indexed."""
    if pipeline.index.alias(pipeline.settings.index.alias) is None:
        return []
    return unsettled(pipeline, pipeline.store.target_no(pipeline.collection))


def unsettled(pipeline: Pipeline, target: int) -> list[str]:
    """The sources that keep searches on the collection of former settings; none where they use this one."""
    if pipeline.index.alias(pipeline.settings.index.alias) == pipeline.collection:
        return []
    config = pipeline.points_config(target)
    store = pipeline.store
    return [name for name in pipeline.partitions() if is_behind(store, store.partition(name), POINTS, config)]


def collection_is_lost(pipeline: Pipeline) -> bool:
    """Whether the collection that points were recorded for does not exist (any more)."""
    return not pipeline.index.exists(pipeline.collection)
