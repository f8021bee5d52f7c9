"""Rebuild: every point of the sources written again from what is stored, without asking a source or an endpoint.

New points go over the old ones and what is left over is removed afterwards, so that searches find everything
throughout. A collection that is lost or can't be read is made anew.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from vector_pipeline.consistency.mending import forget_written, run_apart
from vector_pipeline.errors import PipelineError
from vector_pipeline.index.base import IndexDamaged
from vector_pipeline.sync.collection import collection_is_lost, prepare_collection
from vector_pipeline.sync.cursors import is_behind
from vector_pipeline.sync.doubt import record_doubt
from vector_pipeline.sync.pipeline import Pipeline
from vector_pipeline.sync.progress import report
from vector_pipeline.sync.stages import CHUNKS, POINTS, Options


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What became of one partition. `kept` documents can't be written from what is stored (`lacking` texts have no
    vector) and were left as they are: the next sync embeds what is missing. `error` is "" where all went well.
    """

    partition: str
    counts: Mapping[str, int] = field(default_factory=dict)
    kept: int = 0
    lacking: int = 0
    error: str = ""


def rebuild_reason(pipeline: Pipeline) -> str:
    """Why the collection has to be made anew, "" where it need not: points were written to it and it is gone, or it
    can't be read.
    """
    if collection_is_lost(pipeline):
        target = pipeline.store.targets().get(pipeline.collection)
        written = target is not None and pipeline.store.count_points(target) > 0
        return f"the collection {pipeline.collection} is gone" if written else ""
    try:
        pipeline.index.ensure(pipeline.collection, pipeline.collection_schema)
        pipeline.index.info(pipeline.collection)
    except IndexDamaged as error:
        return f"the collection {pipeline.collection} can't be read: {error.message}"
    return ""


def rebuild(pipeline: Pipeline, sources: Sequence[str] = ()) -> list[Rebuilt]:
    """Writes the points of these sources again, by default of all in the settings; what became of each.

    Where the collection itself has to be made anew, all sources are rebuilt, whichever were named.
    """
    known = {one.name for one in pipeline.store.partitions()}
    everything = [name for name in pipeline.partitions() if name in known]
    chosen = [name for name in sources if name in known] if sources else everything
    if rebuild_reason(pipeline):
        _drop_damaged(pipeline)
        chosen = everything
    run_id = f"rebuild-{uuid.uuid4()}"
    rebuilt = []
    for position, name in enumerate(chosen):
        report("", "sources", "sources", position, len(chosen))
        try:
            rebuilt.append(_rebuild(pipeline, name, run_id))
        except PipelineError as error:
            rebuilt.append(Rebuilt(name, error=str(error)))
    return rebuilt


def _drop_damaged(pipeline: Pipeline) -> None:
    """Removes a collection whose files can't be read, with its record: the next to write makes it anew."""
    with pipeline.store.lock(f"collection {pipeline.collection}"):
        if rebuild_reason(pipeline) and not collection_is_lost(pipeline):
            pipeline.index.drop(pipeline.collection)
    prepare_collection(pipeline)


def _rebuild(pipeline: Pipeline, name: str, run_id: str) -> Rebuilt:
    store, target = pipeline.store, prepare_collection(pipeline)
    partition = store.partition(name).partition_id
    with store.lock(name):
        # Noted first: whoever finds only some of the record compares everything with the collection.
        record_doubt(store, partition, target, pipeline.points_config(target))
        kept, lacking = forget_written(pipeline, partition, target)
    counts: dict[str, int] = {}
    if is_behind(store, store.partition(name), CHUNKS, pipeline.chunks_config):
        run_apart(pipeline, CHUNKS, name, run_id)
    result = run_apart(pipeline, POINTS, name, run_id, Options(full=True))
    counts["points written"], counts["points removed"] = int(result.counts["upserted"]), int(result.counts["deleted"])
    return Rebuilt(name, {words: number for words, number in counts.items() if number}, kept, lacking)
