"""The ingestion history: one row per run and partition, filled in stage by stage.

A run that goes on after a failure, or in another process, continues its row. What stands as running when another
run begins was killed; beginning closes it as failed.
"""

from __future__ import annotations

import logging
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Literal

from vector_pipeline.errors import PipelineError
from vector_pipeline.logs.about import RUNS
from vector_pipeline.state.durations_table import Duration
from vector_pipeline.state.history_table import ONE_DOCUMENT
from vector_pipeline.state.records import Ingestion
from vector_pipeline.state.store import StateStore
from vector_pipeline.sync.ahead import Done
from vector_pipeline.sync.errors import BrakePulled
from vector_pipeline.sync.footing import is_in_part, is_unfinished
from vector_pipeline.sync.modes import part_in_words
from vector_pipeline.sync.pipeline import Pipeline
from vector_pipeline.sync.sightings import DIFFERS, record_caught_up, sighted_since
from vector_pipeline.sync.stages import DOCUMENTS, POINTS, Mode, Options, StageResult
from vector_pipeline.sync.summary import QUARANTINED, STOPPED, summarize

HELD_BACK = "documents: held back by the brake"
"""The count, in the history of a run that the brake ended, of the documents it would have deleted."""

ROWS, REVISION = "documents: rows", "documents: revision"
"""Facts among the counts: how many documents there were after the documents stage, and at which revision."""

BRAKE_DOCUMENTS, BRAKE_SHARE = "brake: documents", "brake: share"
"""Facts among the counts: the limits that deletions were under."""

REMOVAL, ALLOWED = "removal", "deletions allowed"
"""Modes of runs: of a source that left the settings; ends the mode of a run whose deletions a person allowed."""

LAG = "lag: seconds"
"""A fact among the counts: from the first look that saw a change to the end of the run that brought it in."""

_FACTS = (ROWS, REVISION, BRAKE_DOCUMENTS, BRAKE_SHARE, LAG, QUARANTINED, "chunks: rows", "points: rows")
_RECENT = 20
_LEVELS = {"success": logging.INFO, "partial": logging.WARNING, "failed": logging.ERROR}

Ending = Literal["success", "partial", "failed"]


def find_ingestion(store: StateStore, partition_id: int, run_id: str) -> Ingestion | None:
    """The row of a run. Runs of one partition may take turns between stages: it need not be the latest."""
    return next((row for row in store.ingestions(partition_id, _RECENT) if row.run_id == run_id), None)


class History:
    """The row of one run for one partition. Made under the partition's lock."""

    def __init__(self, pipeline: Pipeline, partition: str, run_id: str, options: Options, mode: str = "") -> None:
        """Begins the row, or goes on with it. `mode` says how the run works where its options do not."""
        self._store = pipeline.store
        self._partition = partition
        self._limits = pipeline.settings.limits
        self._currency = pipeline.settings.embedding.currency
        self._began = time.monotonic()
        self._counts: dict[str, int | float] = defaultdict(int)
        self._facts: dict[str, int | float] = {}
        self._seconds = 0.0
        pid = self._store.partition(partition).partition_id
        earlier = find_ingestion(self._store, pid, run_id)
        if earlier is not None and earlier.status in ("running", "failed"):
            self._row = earlier
            added_up = set(earlier.counts) - {HELD_BACK, *_FACTS}
            self._counts.update({key: earlier.counts[key] for key in added_up})
            self._facts = {key: earlier.counts[key] for key in _FACTS if key in earlier.counts}
            self._seconds = earlier.seconds
            return
        mode = mode or _mode(pipeline, partition, options)
        self._row = self._begin(pid, run_id, mode)
        RUNS.info("the run begins (%s)", mode)

    def record(self, result: StageResult, *, is_last: bool = False) -> None:
        """Adds a finished stage; the last one closes the row, as partial where documents are in quarantine.

        `is_last`: the run has no later stage.
        """
        for name, number in result.counts.items():
            self._counts[f"{result.stage}: {name}"] += number
        self._spend(result.stage, result.seconds)
        partition = self._store.partition(self._partition)
        self._facts[f"{result.stage}: rows"] = result.rows
        if result.stage == DOCUMENTS:
            self._facts[REVISION] = partition.revision
        if result.stage == DOCUMENTS and self._row.mode != ONE_DOCUMENT:
            self._facts |= {BRAKE_DOCUMENTS: self._limits.brake_documents, BRAKE_SHARE: self._limits.brake_share}
        changed = {name: number for name, number in result.counts.items() if number}
        RUNS.info("%s: done", result.stage, extra={"counts": changed, "seconds": round(result.seconds, 3)})
        if result.stage != POINTS and not is_last:
            self._store.record_progress(self._row.ingestion_no, counts=self._all, seconds=self._seconds)
            return
        quarantined = self._store.quarantined(partition.partition_id)["document_id"].n_unique()
        self._facts[QUARANTINED] = quarantined
        if result.stage == POINTS and self._brought_in_all(partition.partition_id):
            self._facts |= self._lag(partition.partition_id)
            record_caught_up(self._store, partition.partition_id, self._row.started_at)
        self._finish("partial" if quarantined else "success")

    def recorded(self, stage: str) -> dict[str, int | float]:
        """What the run has counted of a stage so far, by a follower or in an attempt before."""
        prefix = f"{stage}: "
        return {name.removeprefix(prefix): number for name, number in self._counts.items() if name.startswith(prefix)}

    def record_ahead(self, done: Mapping[str, Done]) -> None:
        """Adds what a follower did of later stages. Their seconds are among those of the documents, not on top."""
        for stage, ahead in done.items():
            counts = ahead.counts
            if not (counts or ahead.seconds):
                continue  # nothing was followed
            for name, number in counts.items():
                self._counts[f"{stage}: {name}"] += number
            self._counts[f"{stage}: seconds"] = round(self._counts[f"{stage}: seconds"] + ahead.seconds, 3)

    def record_slowest(self, rows: Sequence[Duration]) -> None:
        """Keeps which documents took longest in this run."""
        if rows:
            self._store.record_durations(self._row.ingestion_no, rows)

    def record_failure(self, stage: str, error: BaseException) -> None:
        """Closes the row as failed. Only our own errors are quoted: others may carry text of documents.

        What is no Exception is a person or the system ending the run, not a fault of it.
        """
        if isinstance(error, BrakePulled):
            self._counts[HELD_BACK] = error.vanished
        self._spend(stage, time.monotonic() - self._began)
        if isinstance(error, PipelineError):
            message, hint = error.message, error.hint
        elif isinstance(error, Exception):
            message, hint = type(error).__name__, "an error that nobody foresaw: the run in Dagster has all of it"
        else:
            message, hint = STOPPED, ""
        self._finish("failed", f"{stage}: {message}", hint)

    def record_removal(self) -> None:
        """Says that all of the source is gone, the row of this run too."""
        RUNS.info("%s: removed, with all points and all that was stored of it", self._partition)

    def _begin(self, partition_id: int, run_id: str, mode: str) -> Ingestion:
        number = self._store.begin_ingestion(partition_id, run_id, mode)
        rows = self._store.ingestions(partition_id, 1)
        return next(row for row in rows if row.ingestion_no == number)

    def _spend(self, stage: str, seconds: float) -> None:
        self._seconds += seconds
        self._counts[f"{stage}: seconds"] = round(self._counts[f"{stage}: seconds"] + seconds, 3)

    def _brought_in_all(self, partition_id: int) -> bool:
        """Whether the documents are all of one known state of the source."""
        left_out = is_unfinished(self._store, partition_id) or is_in_part(self._store, partition_id)
        return not left_out and self._row.mode != ONE_DOCUMENT

    def _lag(self, partition_id: int) -> Mapping[str, float]:
        """How long ago the change was first seen that this run has brought in; nothing where none had been.

        Nor in the first run of a source, which brings in what was there for long.
        """
        seen = sighted_since(self._store, DIFFERS).get(partition_id)
        rows = self._store.ingestions(partition_id, _RECENT)
        earlier = [row for row in rows if row.ingestion_no != self._row.ingestion_no and row.mode != ONE_DOCUMENT]
        if seen is None or not any(row.status in ("success", "partial") for row in earlier):
            return {}
        return {LAG: round(max(0.0, (datetime.now(UTC) - seen).total_seconds()), 3)}

    @property
    def _all(self) -> dict[str, int | float]:
        """The counts and the facts."""
        return {**self._counts, **self._facts}

    def _finish(self, status: Ending, error: str = "", hint: str = "") -> None:
        row = replace(self._row, counts=self._all, seconds=self._seconds)
        close_run(self._store, row, status, error, hint, self._currency)


def close_run(store: StateStore, row: Ingestion, status: Ending, error: str, hint: str, currency: str) -> None:
    """Records that a run has ended so, and says it in the log, in the words of its summary."""
    row = replace(row, status=status, error=error, hint=hint)
    store.finish_ingestion(
        row.ingestion_no, status=status, counts=row.counts, seconds=row.seconds, error=error, hint=hint
    )
    facts = {"source": row.partition, "run": row.run_id, "status": status, "seconds": round(row.seconds, 3)}
    RUNS.log(_LEVELS[status], "%s", summarize(row, currency).line, extra={**facts, "counts": dict(row.counts)})


def _mode(pipeline: Pipeline, partition: str, options: Options) -> str:
    """How the run works, in words for its row."""
    if pipeline.source_settings(partition) is None:
        return REMOVAL
    words = ["full" if options.full else "", "force" if options.force else "", part_in_words(options)]
    if options.mode == Mode.AUTO and not options.full:
        words.insert(0, Mode.AUTO.value)
    return ", ".join(filter(None, [*words, ALLOWED if options.allow_deletions else ""]))
