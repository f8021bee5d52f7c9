"""The ingestion history: one row per run and partition, filled in stage by stage.

A run that goes on after a failure, or in another process, continues its row. What stands as running when another
run begins was killed; beginning closes it as failed.
"""

from __future__ import annotations

from collections import Counter
from typing import Literal

from vector_pipeline.errors import PipelineError
from vector_pipeline.state.records import Ingestion
from vector_pipeline.state.store import StateStore
from vector_pipeline.sync.pipeline import Pipeline
from vector_pipeline.sync.stages import POINTS, Options, StageResult

STOPPED = "stopped"
"""The reason in the history of a run that was interrupted."""

_RECENT = 20


def find_ingestion(store: StateStore, partition_id: int, run_id: str) -> Ingestion | None:
    """The row of a run. Runs of one partition may take turns between stages: it need not be the latest."""
    return next((row for row in store.ingestions(partition_id, _RECENT) if row.run_id == run_id), None)


class History:
    """The row of one run for one partition. Made under the partition's lock."""

    def __init__(self, pipeline: Pipeline, partition: str, run_id: str, options: Options) -> None:
        self._store = pipeline.store
        self._partition = partition
        self._counts: Counter[str] = Counter()
        self._seconds = 0.0
        pid = self._store.partition(partition).partition_id
        earlier = find_ingestion(self._store, pid, run_id)
        if earlier is not None and earlier.status in ("running", "failed"):
            self._number = earlier.ingestion_no
            self._counts.update({key: int(value) for key, value in earlier.counts.items()})
            self._seconds = earlier.seconds
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
        """Closes the row as failed. Only our own errors are quoted: others may carry text of documents.

        What is no Exception is a person or the system ending the run, not a fault of it.
        """
        if isinstance(error, PipelineError):
            message = str(error)
        else:
            message = type(error).__name__ if isinstance(error, Exception) else STOPPED
        self._finish("failed", f"{stage}: {message}")

    def _finish(self, status: Literal["success", "partial", "failed"], error: str) -> None:
        self._store.finish_ingestion(
            self._number, status=status, counts=dict(self._counts), seconds=self._seconds, error=error
        )
