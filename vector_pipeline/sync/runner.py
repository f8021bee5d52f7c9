"""Running a stage for a partition: under its lock, timed, and entered into the ingestion history.

The one door through which the orchestration and tests start work.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from vector_pipeline.errors import PipelineError
from vector_pipeline.index.base import IndexUnavailable
from vector_pipeline.logs.about import about
from vector_pipeline.sync.activity import recorded_activity
from vector_pipeline.sync.ahead import BESIDE, Follower
from vector_pipeline.sync.ahead_counts import own_part, whole
from vector_pipeline.sync.builds import active_builds
from vector_pipeline.sync.chunks import run_chunks
from vector_pipeline.sync.documents import run_documents
from vector_pipeline.sync.embeddings import run_embeddings
from vector_pipeline.sync.history import History
from vector_pipeline.sync.pipeline import Pipeline
from vector_pipeline.sync.points import purge, run_points
from vector_pipeline.sync.slowest import keeping_slowest
from vector_pipeline.sync.stages import CHUNKS, DOCUMENTS, EMBEDDINGS, POINTS, STAGES, Options, StageResult

_RUNNERS: dict[str, Callable[[Pipeline, str, str, Options], StageResult]] = {
    CHUNKS: run_chunks,
    EMBEDDINGS: run_embeddings,
    POINTS: run_points,
}


def run_stage(
    pipeline: Pipeline,
    stage: str,
    partition: str,
    run_id: str,
    options: Options | None = None,
    *,
    is_last: bool = False,
) -> StageResult:
    """Runs one stage for one partition and records how it went. `is_last`: the run ends with it, whatever it is.

    Raises whatever the stage raises, after recording the failure; a run can be repeated from any stage.
    """
    options = options or Options()
    started = time.monotonic()
    with about(run=run_id, source=partition, stage=stage), pipeline.store.lock(partition):
        history = History(pipeline, partition, run_id, options)
        follower = Follower(pipeline, partition)
        try:
            with recorded_activity(pipeline, partition, stage, run_id), keeping_slowest() as slowest, follower:
                if stage == DOCUMENTS:
                    result = run_documents(pipeline, partition, run_id, options, follower)
                else:
                    result = _run_builds(pipeline, stage, partition, run_id, options)
        except BaseException as error:
            history.record_ahead(follower.done)
            history.record_failure(stage, error)
            raise
        history.record_ahead(follower.done)
        history.record_slowest(slowest.rows())
        result = replace(result, seconds=time.monotonic() - started)
        if stage == POINTS and pipeline.source_settings(partition) is None:
            purge(pipeline, partition)
            history.record_removal()
        else:
            earlier = {} if stage == DOCUMENTS else history.recorded(stage)
            own = own_part(result, earlier)
            history.record(own, is_last=is_last)
            result = whole(own, earlier)
    return result


def _run_builds(pipeline: Pipeline, stage: str, partition: str, run_id: str, options: Options) -> StageResult:
    """Runs a stage for every collection that is kept in step, the live one first; the result is the settings' one.

    Where it fails for one, the others go through the stages that are left, as the run ends here; then it raises.
    """
    builds = _active(pipeline, stage)
    results: dict[Pipeline, StageResult] = {}
    error: PipelineError | None = None
    for build in builds:
        try:
            results[build] = _RUNNERS[stage](build, partition, run_id, options)
        except PipelineError as failure:
            error = failure
    if error is not None:
        for build in results:
            try:
                for later in STAGES[STAGES.index(stage) + 1 :]:
                    _RUNNERS[later](build, partition, run_id, options)
            except PipelineError:
                continue  # found again, and said, by its own next run
        raise error
    return _with_others(results.pop(pipeline), list(results.values()))


def _active(pipeline: Pipeline, stage: str) -> list[Pipeline]:
    try:
        return active_builds(pipeline)
    except IndexUnavailable:
        if stage == POINTS:
            raise
        return [pipeline]  # what needs no index goes on


def _with_others(result: StageResult, others: list[StageResult]) -> StageResult:
    """The result, with what was done to the live collection beside it as `live …`."""
    counts = dict(result.counts)
    for other in others:
        counts |= {f"{BESIDE}{name}": number for name, number in other.counts.items() if number}
    return replace(result, counts=counts, failed=max([result.failed, *(other.failed for other in others)]))


def bring_up_to_date(build: Pipeline, partition: str, run_id: str) -> None:
    """Brings one collection in step with what is stored of a partition; nothing is asked of the source."""
    with build.store.lock(partition):
        for stage in STAGES[STAGES.index(DOCUMENTS) + 1 :]:
            _RUNNERS[stage](build, partition, run_id, Options())


def sync_partition(
    pipeline: Pipeline, partition: str, run_id: str, options: Options | None = None
) -> list[StageResult]:
    """All four stages in order, without Dagster."""
    return [run_stage(pipeline, stage, partition, run_id, options) for stage in STAGES]
