"""Carries out the plan for one partition: marks exactly what is wrong as not done, then lets the stages do it.

Marks are made under the partition's lock and are enough by themselves: who dies after them leaves work that the next
sync finds. What is stored is looked at before anything is made from it again, so that damage is not spread.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence

import polars as pl

from vector_pipeline.consistency.repair_plan import NO_PARTITION, PartitionPlan
from vector_pipeline.errors import PipelineError
from vector_pipeline.state.rows import batches
from vector_pipeline.sync.chunks import run_chunks
from vector_pipeline.sync.collection import prepare_collection
from vector_pipeline.sync.cursors import EVERYTHING
from vector_pipeline.sync.doubt import record_doubt
from vector_pipeline.sync.embeddings import run_embeddings
from vector_pipeline.sync.pipeline import Pipeline
from vector_pipeline.sync.points import purge, run_points
from vector_pipeline.sync.runner import run_stage
from vector_pipeline.sync.stages import CHUNKS, DOCUMENTS, EMBEDDINGS, POINTS, Options, StageResult

REASON = "a check found it damaged, or other than at its source; to be read again"

_COUNTED: Mapping[str, tuple[str, Sequence[str]]] = {
    "documents read": (DOCUMENTS, ("added", "changed", "metadata", "reread")),
    "documents removed": (DOCUMENTS, ("deleted",)),
    "documents cut": (CHUNKS, ("chunked",)),
    "texts embedded": (EMBEDDINGS, ("embedded",)),
    "points written": (POINTS, ("upserted",)),
    "points removed": (POINTS, ("deleted",)),
}

_RUNNERS: Mapping[str, Callable[[Pipeline, str, str, Options], StageResult]] = {
    CHUNKS: run_chunks,
    EMBEDDINGS: run_embeddings,
    POINTS: run_points,
}


def mend(pipeline: Pipeline, plan: PartitionPlan, run_id: str) -> dict[str, int]:
    """Does what the plan says; what was done, in words and numbers. Raises PipelineError.

    What fails at the source keeps nothing else from being mended; it is raised at the end.
    """
    if plan.purge:
        return _purge(pipeline, plan.partition)
    target = prepare_collection(pipeline)
    if plan.partition == NO_PARTITION:
        pipeline.store.drop_unowned()
        return {"points removed": _remove(pipeline, target, plan.remove)}
    return _Mending(pipeline, plan, target, run_id).run()


def run_apart(
    pipeline: Pipeline, stage: str, partition: str, run_id: str, options: Options | None = None
) -> StageResult:
    """Runs a stage after the documents under the partition's lock, without a row in the ingestion history: that a run
    ended well means that its source was looked at.
    """
    with pipeline.store.lock(partition):
        return _RUNNERS[stage](pipeline, partition, run_id, options or Options())


def forget_written(pipeline: Pipeline, partition_id: int, target: int) -> tuple[int, int]:
    """Takes back all points of a partition that can be made again from the store, deleted documents' too. Call it under
    the partition's lock, after noting doubt: nobody looks at points that are forgotten otherwise.

    Returns the number of documents whose points stay as they are because a chunk or a vector is missing, and that of
    texts without a vector. Vectors that are damaged count as missing.
    """
    store = pipeline.store
    model, chunking, dimension = pipeline.model, pipeline.chunking, pipeline.embedder.dimension
    for some in store.all_document_ids(partition_id):
        store.drop_vectors(model, store.unsound_vectors(partition_id, chunking, model, dimension, some))
    unready = store.unready_documents(partition_id, chunking, model)
    for some in store.all_document_ids(partition_id):
        points = store.points_of_documents(partition_id, target, set(some) - unready)
        # Only those that lack something are looked at by the stages before: the next sync makes what they lack.
        store.forget_points(partition_id, target, points, unready.intersection(some))
    return len(unready), len(store.texts_to_embed(partition_id, after=EVERYTHING, model=model, chunking=chunking))


def _purge(pipeline: Pipeline, partition: str) -> dict[str, int]:
    """Removes what is left of a source, unless it has come back since the check looked."""
    with pipeline.store.lock(partition):
        known = {one.name for one in pipeline.store.partitions()}
        if partition in known and pipeline.source_settings(partition) is not None:
            return {}
        purge(pipeline, partition)
    return {"sources purged": 1}


def _remove(pipeline: Pipeline, target: int, point_ids: Sequence[bytes]) -> int:
    """Removes points that nobody has recorded meanwhile; how many."""
    recorded = pipeline.store.recorded_among(target, point_ids)
    stray = [point_id for point_id in point_ids if point_id not in recorded]
    for some in batches(stray, pipeline.settings.index.batch_size):
        pipeline.index.delete(pipeline.collection, some)
    return len(stray)


class _Mending:
    """The mending of one partition."""

    def __init__(self, pipeline: Pipeline, plan: PartitionPlan, target: int, run_id: str) -> None:
        self.pipeline, self.store, self.plan = pipeline, pipeline.store, plan
        self.target, self.run_id = target, run_id
        self.name = plan.partition
        self.pid = pipeline.store.partition(plan.partition).partition_id
        self.chunking = pipeline.chunking
        self.counts: Counter[str] = Counter()
        self.fetch: set[bytes] = set()
        self.cut: set[bytes] = set()
        self.later: set[bytes] = set()

    def run(self) -> dict[str, int]:
        with self.store.lock(self.name):
            self._mark()
        failure: PipelineError | None = None
        run, options = run_apart, Options(full=self.plan.sync)
        if self.fetch or self.plan.sync:
            try:
                self._count(run_stage(self.pipeline, DOCUMENTS, self.name, self.run_id, options))
                run = run_stage
            except PipelineError as error:
                failure = error
        wanted = self.fetch or self.plan.counts.keys() - {"remove"}
        for stage in (CHUNKS, EMBEDDINGS, POINTS) if wanted else ():
            done = run(self.pipeline, stage, self.name, self.run_id, options)
            if stage == CHUNKS and self._mark_points():
                if run is run_apart:
                    self._count(done)
                # Within a run of the history, the result of a stage has what the run did of it before.
                done = run(self.pipeline, stage, self.name, self.run_id, options)
            self._count(done)
        if failure is not None:
            raise failure
        return {name: number for name, number in self.counts.items() if number}

    def _count(self, result: StageResult) -> None:
        for words, (stage, names) in _COUNTED.items():
            if stage == result.stage:
                self.counts[words] += sum(int(result.counts.get(name, 0)) for name in names)

    def _mark(self) -> None:
        """Makes all marks but those on points of documents that are to be read or cut first."""
        plan, store = self.plan, self.store
        of_points = store.documents_of_points(self.pid, self.target, self.chunking, [*plan.write, *plan.embed])
        documents = {*of_points.values(), *plan.look, *plan.cut, *plan.fetch}
        unlike, doubtful = store.damaged_documents(self.pid, documents)
        damaged = store.damaged_texts(self.pid, self.chunking, documents)
        self.fetch = {*plan.fetch, *unlike, *doubtful}
        self.cut = {*plan.cut}.union(*damaged.values()) - unlike
        if store.unknown_documents(self.pid, plan.fetch):
            # Only a listing of everything shows what nobody knows of; what is left of it would be in its way.
            store.forget_scan(self.pid)
            store.drop_unowned()
        # First of the others: text that is read again must not be taken for this.
        store.disown_texts(damaged)
        store.read_again(self.pid, self.fetch, unlike, reason=REASON)
        store.forget_chunked(self.pid, self.chunking, self.cut)
        self._drop_vectors(documents)
        waiting = self.fetch | self.cut
        named = {point for point in (*plan.write, *plan.embed) if point in of_points}
        self.later = {point for point in named if of_points[point] in waiting}
        points = (named - self.later) | self._differing(set(plan.look) - waiting)
        store.forget_points(self.pid, self.target, self._derived(points), documents - waiting)
        if plan.remove:
            self.counts["points removed"] += _remove(self.pipeline, self.target, plan.remove)
        if plan.compare:
            record_doubt(store, self.pid, self.target, self.pipeline.points_config(self.target))

    def _mark_points(self) -> bool:
        """Has points of documents that were read or cut written again, now that their chunks are right; of those that
        were read all points, since what is wrong in the collection, the source does not tell.

        Those that could not be read keep what they have. Says whether there is anything to write.
        """
        with self.store.lock(self.name):
            rows = self.store.quarantined(self.pid).filter(pl.col("stage") == DOCUMENTS)
            unread = self.fetch & set(rows["document_id"].to_list())
            read = self.fetch - unread
            of_points = self.store.documents_of_points(self.pid, self.target, self.chunking, list(self.later))
            points = {point for point, document in of_points.items() if document not in unread}
            points |= self.store.points_of_documents(self.pid, self.target, read).keys()
            documents = read | {of_points[point] for point in points if point in of_points}
            points |= self._differing(set(self.plan.look) & self.cut)
            self.store.forget_points(self.pid, self.target, self._derived(points), documents)
        return bool(documents)

    def _drop_vectors(self, documents: Iterable[bytes]) -> None:
        """Drops the vectors named by the plan, and what else of these documents has none that could be written."""
        model, dimension = self.pipeline.model, self.pipeline.embedder.dimension
        texts = set(self.store.derived_texts(self.pid, self.chunking, self.plan.embed).values())
        texts |= self.store.unsound_vectors(self.pid, self.chunking, model, dimension, documents)
        self.store.drop_vectors(model, texts)

    def _differing(self, documents: Iterable[bytes]) -> set[bytes]:
        """The points of documents that the collection lacks or has in another version than the record says."""
        recorded = self.store.points_of_documents(self.pid, self.target, documents)
        found = self.pipeline.index.retrieve(self.pipeline.collection, list(recorded))
        present = {point.point_id: point.payload.get("payload_hash") for point in found}
        return {point for point, (_, mark) in recorded.items() if present.get(point) != mark.hex()}

    def _derived(self, points: Iterable[bytes]) -> set[bytes]:
        """Those that a chunk stands for. The others must stay on record, or nobody would remove them."""
        return set(self.store.derived_texts(self.pid, self.chunking, list(points)))
