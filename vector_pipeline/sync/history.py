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
from vector_pipeline.sync.errors import BrakePulled
from vector_pipeline.sync.pipeline import Pipeline
from vector_pipeline.sync.stages import DOCUMENTS, POINTS, Options, StageResult

STOPPED = "stopped"
"""The reason in the history of a run that was interrupted."""

HELD_BACK = "documents: held back by the brake"
"""The count, in the history of a run that the brake ended, of the documents it would have deleted."""

ROWS, REVISION = "documents: rows", "documents: revision"
"""Facts among the counts: how many documents there were after the documents stage, and at which revision."""

BRAKE_DOCUMENTS, BRAKE_SHARE = "brake: documents", "brake: share"
"""Facts among the counts: the limits that deletions were under."""

REMOVAL, ALLOWED = "removal", "deletions allowed"
"""Modes of runs: of a source that left the settings; ends the mode of a run whose deletions a person allowed."""

_FACTS = (ROWS, REVISION, BRAKE_DOCUMENTS, BRAKE_SHARE)
_RECENT = 20


def find_ingestion(store: StateStore, partition_id: int, run_id: str) -> Ingestion | None:
    """The row of a run. Runs of one partition may take turns between stages: it need not be the latest."""
    return next((row for row in store.ingestions(partition_id, _RECENT) if row.run_id == run_id), None)


class History:
    """The row of one run for one partition. Made under the partition's lock."""

    def __init__(self, pipeline: Pipeline, partition: str, run_id: str, options: Options) -> None:
        self._store = pipeline.store
        self._partition = partition
        self._limits = pipeline.settings.limits
        self._counts: Counter[str] = Counter()
        self._facts: dict[str, int | float] = {}
        self._seconds = 0.0
        pid = self._store.partition(partition).partition_id
        earlier = find_ingestion(self._store, pid, run_id)
        if earlier is not None and earlier.status in ("running", "failed"):
            self._number = earlier.ingestion_no
            added_up = set(earlier.counts) - {HELD_BACK, *_FACTS}
            self._counts.update({key: int(earlier.counts[key]) for key in added_up})
            self._facts = {key: earlier.counts[key] for key in _FACTS if key in earlier.counts}
            self._seconds = earlier.seconds
            return
        self._number = self._store.begin_ingestion(pid, run_id, _mode(pipeline, partition, options))

    def record(self, result: StageResult) -> None:
        """Adds a finished stage; the last one closes the row, as partial where documents are in quarantine."""
        for name, number in result.counts.items():
            self._counts[f"{result.stage}: {name}"] += number
        self._seconds += result.seconds
        if result.stage == DOCUMENTS:
            self._facts = {
                ROWS: result.rows,
                REVISION: self._store.partition(self._partition).revision,
                BRAKE_DOCUMENTS: self._limits.brake_documents,
                BRAKE_SHARE: self._limits.brake_share,
            }
        if result.stage != POINTS:
            self._store.record_progress(self._number, counts=self._all, seconds=self._seconds)
            return
        quarantined = self._store.quarantined(self._store.partition(self._partition).partition_id)
        self._finish("success" if quarantined.is_empty() else "partial", "")

    def record_failure(self, stage: str, error: BaseException) -> None:
        """Closes the row as failed. Only our own errors are quoted: others may carry text of documents.

        What is no Exception is a person or the system ending the run, not a fault of it.
        """
        if isinstance(error, BrakePulled):
            self._counts[HELD_BACK] = error.vanished
        if isinstance(error, PipelineError):
            message = str(error)
        else:
            message = type(error).__name__ if isinstance(error, Exception) else STOPPED
        self._finish("failed", f"{stage}: {message}")

    @property
    def _all(self) -> dict[str, int | float]:
        """The counts and the facts."""
        return {**self._counts, **self._facts}

    def _finish(self, status: Literal["success", "partial", "failed"], error: str) -> None:
        self._store.finish_ingestion(self._number, status=status, counts=self._all, seconds=self._seconds, error=error)


def _mode(pipeline: Pipeline, partition: str, options: Options) -> str:
    """How the run works, in words for its row."""
    if pipeline.source_settings(partition) is None:
        return REMOVAL
    mode = "full" if options.full else "auto"
    return f"{mode}, {ALLOWED}" if options.allow_deletions else mode
