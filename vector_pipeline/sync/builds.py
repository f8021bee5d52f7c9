"""The builds that are kept in step: the collection that searches use, and the one that the settings ask for.

They are the same most of the time. After a change of chunking, embedding or distance they differ until the new one is
complete, and both get every change of the sources meanwhile.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from vector_pipeline.embedding.base import EmbeddingError
from vector_pipeline.state.errors import StateLocked
from vector_pipeline.state.targets_table import LIVE, REJECTED
from vector_pipeline.sync.collection import unsettled
from vector_pipeline.sync.cursors import EVERYTHING, is_behind, record_revision
from vector_pipeline.sync.pipeline import Pipeline
from vector_pipeline.sync.stages import CHUNKS, EMBEDDINGS, POINTS


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the collection of the settings is while searches use another one, `live`.

    `points` of `expected` are there, of which `embedded` have their vector already; `expected` grows while documents
    are still being cut. `waiting` lists the sources that are not complete in it. `rejected`: it is complete or not, but
    searches go to it only when somebody says so.
    """

    collection: str
    live: str
    rejected: bool
    points: int
    embedded: int
    expected: int
    partitions: int
    waiting: list[str]

    @property
    def percent(self) -> int:
        """Embedding and writing count alike; 100 only when every source is complete."""
        if not self.waiting:
            return 100
        share = (self.embedded + self.points) / (2 * self.expected) if self.expected else 0.0
        return min(99, int(100 * share))


def active_builds(pipeline: Pipeline) -> list[Pipeline]:
    """The pipelines of the collections that get every change: the live one first, then that of the settings.

    A live collection that this version would make differently, or whose model can't be opened, is left as it is.
    Raises VectorIndexError.
    """
    live = pipeline.live
    if live is None or live is pipeline:
        return [pipeline]
    try:
        same = live.collection == pipeline.index.alias(pipeline.settings.index.alias)
    except EmbeddingError:
        same = False
    return [live, pipeline] if same else [pipeline]


def build_progress(pipeline: Pipeline) -> Progress | None:
    """How far the collection of the settings is; None where searches use it, or nothing was indexed yet."""
    store, live = pipeline.store, pipeline.index.alias(pipeline.settings.index.alias)
    if live is None or live == pipeline.collection:
        return None
    record = store.find_target(pipeline.collection)
    target = record.number if record else None
    partitions = [store.partition(name) for name in pipeline.partitions()]
    cut = sum(store.count_chunks(partition.partition_id, pipeline.chunking) for partition in partitions)
    expected = cut
    if any(is_behind(store, partition, CHUNKS, pipeline.chunks_config) for partition in partitions):
        expected = max(cut, store.count_points(store.target_no(live)))
    return Progress(
        collection=pipeline.collection,
        live=live,
        rejected=record is not None and record.state == REJECTED,
        points=0 if target is None else store.count_points(target),
        embedded=store.count_embedded(pipeline.chunking, pipeline.model),
        expected=expected,
        partitions=len(partitions),
        waiting=pipeline.partitions() if target is None else unsettled(pipeline, target),
    )


def searched_chunking(pipeline: Pipeline) -> int:
    """The number of the chunks that searches find, as far as the store knows: without a question to the index."""
    for target in pipeline.store.target_records():
        if target.state == LIVE and target.settings and target.settings.get("chunks"):
            return pipeline.store.chunking_no(bytes.fromhex(str(target.settings["chunks"])))
    return pipeline.chunking


def release_inactive(pipeline: Pipeline) -> None:
    """Takes out of quarantine what failed for a collection that is no longer kept up.

    Should it be kept up again, it is compared from the beginning, so that what failed is tried again. A source at work
    is left for the next time.
    """
    active = {build.quarantine_stage(stage) for build in active_builds(pipeline) for stage in (CHUNKS, EMBEDDINGS)}
    stages = pl.col("stage")
    of_builds = stages.str.split("@").list.first().is_in([CHUNKS, EMBEDDINGS])
    rows = pipeline.store.quarantined().filter(of_builds & ~stages.is_in(active)).select("partition", "stage").unique()
    for name, stage in rows.sort("partition", "stage").iter_rows():
        try:
            with pipeline.store.lock(name, 0):
                _compare_anew(pipeline, name, stage.partition("@")[2])
                pipeline.store.release_stage(pipeline.store.partition(name).partition_id, stage)
        except StateLocked:
            continue


def _compare_anew(pipeline: Pipeline, name: str, collection: str) -> None:
    """Takes back how far a partition has come in a collection; without its name (filed by a former version), in all
    that are kept up.
    """
    store = pipeline.store
    for build in _recorded(pipeline, collection) if collection else active_builds(pipeline):
        target = store.target_no(build.collection)
        for stage, config in (
            (CHUNKS, build.chunks_config),
            (EMBEDDINGS, build.embeddings_config),
            (POINTS, build.points_config(target)),
        ):
            record_revision(store, store.partition(name), stage, config, EVERYTHING)


def _recorded(pipeline: Pipeline, collection: str) -> list[Pipeline]:
    """The pipeline of a recorded collection, none where this version would make it differently."""
    record = pipeline.store.find_target(collection)
    build = pipeline.at(collection, record.settings) if record and record.settings else None
    try:
        return [build] if build and build.collection == collection else []
    except EmbeddingError:
        return []
