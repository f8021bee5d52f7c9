"""The ingestion history: one row per run and partition, filled in stage by stage.

A run that goes on after a failure, or in another process, continues its row. What stands as running when another
run begins was killed; beginning closes it as failed.
"""

from __future__ import annotations

from collections import Counter
from typing import Literal

from vector_pipeline.errors import PipelineError
from vector_pipeline.sync.pipeline import Pipeline
from vector_pipeline.sync.stages import POINTS, Options, StageResult


class History:
    """The row of one run for one partition. Made under the partition's lock."""

    def __init__(self, pipeline: Pipeline, partition: str, run_id: str, options: Options) -> None:
        self._store = pipeline.store
        self._partition = partition
        self._counts: Counter[str] = Counter()
        self._seconds = 0.0
        pid = self._store.partition(partition).partition_id
        last = next(iter(self._store.ingestions(pid, 1)), None)
        if last is not None and last.run_id == run_id and last.status in ("running", "failed"):
            self._number = last.ingestion_no
            self._counts.update({key: int(value) for key, value in last.counts.items()})
            self._seconds = last.seconds
            return
        self._number = self._store.begin_ingestion(pid, run_id, "full" if options.full else "auto")

    def record(self, result: StageResult) -> None:
        """Adds a finished stage; the last one closes the row, as partial where documents are in quarantine."""
        for name, number in result.counts.items():
            self._counts[f"{result.stage}: {name}"] += number
        self._seconds += result.seconds
        if result.stage != POINTS:
            self._store.record_progress(self._number, counts=dict(self._counts), seconds=self._seconds)
            return
        quarantined = self._store.quarantined(self._store.partition(self._partition).partition_id)
        self._finish("success" if quarantined.is_empty() else "partial", "")

    def record_failure(self, stage: str, error: BaseException) -> None:
        """Closes the row as failed. Only our own errors are quoted: others may carry text of documents."""
        message = str(error) if isinstance(error, PipelineError) else type(error).__name__
        self._finish("failed", f"{stage}: {message}")

    def _finish(self, status: Literal["success", "partial", "failed"], error: str) -> None:
        self._store.finish_ingestion(
            self._number, status=status, counts=dict(self._counts), seconds=self._seconds, error=error
        )
