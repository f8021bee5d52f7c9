"""Running a stage for a partition: under its lock, timed, and entered into the ingestion history.

The one door through which the orchestration and tests start work.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from vector_pipeline.sync.chunks import run_chunks
from vector_pipeline.sync.documents import run_documents
from vector_pipeline.sync.embeddings import run_embeddings
from vector_pipeline.sync.history import History
from vector_pipeline.sync.pipeline import Pipeline
from vector_pipeline.sync.points import purge, run_points
from vector_pipeline.sync.stages import CHUNKS, DOCUMENTS, EMBEDDINGS, POINTS, STAGES, Options, StageResult

_RUNNERS: dict[str, Callable[[Pipeline, str, str, Options], StageResult]] = {
    DOCUMENTS: run_documents,
    CHUNKS: run_chunks,
    EMBEDDINGS: run_embeddings,
    POINTS: run_points,
}


def run_stage(
    pipeline: Pipeline, stage: str, partition: str, run_id: str, options: Options | None = None
) -> StageResult:
    """Runs one stage for one partition and records how it went.

    Raises whatever the stage raises, after recording the failure; a run can be repeated from any stage.
    """
    options = options or Options()
    started = time.monotonic()
    with pipeline.store.lock(partition):
        history = History(pipeline, partition, run_id, options)
        try:
            result = _RUNNERS[stage](pipeline, partition, run_id, options)
        except BaseException as error:
            history.record_failure(stage, error)
            raise
        result = replace(result, seconds=time.monotonic() - started)
        if stage == POINTS and pipeline.source_settings(partition) is None:
            purge(pipeline, partition)
        else:
            history.record(result)
    return result


def sync_partition(
    pipeline: Pipeline, partition: str, run_id: str, options: Options | None = None
) -> list[StageResult]:
    """All four stages in order, without Dagster."""
    return [run_stage(pipeline, stage, partition, run_id, options) for stage in STAGES]
