"""What a run is doing now, written to the state store for whoever looks from another process.

A thread of its own writes at most once a second, so that no stage waits for it, and a row that is no longer renewed
tells of a process that is gone. A stage that takes less than a second writes nothing. What can't be written is left
out: a run must not fail because nobody can watch it.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from vector_pipeline.errors import PipelineError
from vector_pipeline.state.store import StateStore
from vector_pipeline.sync.pipeline import Pipeline
from vector_pipeline.sync.progress import Progress, overhearing

EVERY_SECONDS = 1.0
"""Time between two writes."""

_JOIN_SECONDS = 5.0

_log = logging.getLogger(__name__)


@contextmanager
def recorded_activity(pipeline: Pipeline, partition: str, stage: str, run_id: str) -> Iterator[None]:
    """Within the block, what the stage of this run reports can be read from the store (`activities`)."""
    recorder = _Recorder(pipeline.store, pipeline.store.partition(partition).partition_id, run_id)
    recorder.hear(Progress(partition, stage, "", 0))
    with overhearing(recorder.hear):
        recorder.start()
        try:
            yield
        finally:
            recorder.stop()


class _Recorder:
    """Keeps the latest report, and writes it down while it lasts."""

    def __init__(self, store: StateStore, partition_id: int, run_id: str) -> None:
        self._store, self._partition_id, self._run_id = store, partition_id, run_id
        self._host, self._pid = socket.gethostname(), os.getpid()
        self._heard: tuple[Progress, datetime] | None = None
        self._began: dict[str, datetime] = {}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="activity", daemon=True)
        self._has_written = False

    def start(self) -> None:
        self._thread.start()

    def hear(self, report: Progress) -> None:
        """Takes a report, of any thread."""
        began = self._began.setdefault(report.stage, datetime.now(UTC))
        self._heard = report, began

    def stop(self) -> None:
        """Ends the writing, and takes back what was written."""
        self._over.set()
        self._thread.join(_JOIN_SECONDS)
        if self._has_written:
            try:
                self._store.clear_activity(self._partition_id, self._run_id)
            except PipelineError as error:
                _log.debug("the progress of run %s could not be cleared: %s", self._run_id, error)

    def _run(self) -> None:
        while not self._over.wait(EVERY_SECONDS):
            try:
                self._write()
            except PipelineError as error:
                _log.debug("the progress of run %s could not be written: %s", self._run_id, error)

    def _write(self) -> None:
        import psutil  # most stages end before they get here

        if self._heard is None:
            return
        report, began = self._heard
        self._has_written = True
        self._store.record_activity(
            self._partition_id,
            self._run_id,
            stage=report.stage,
            unit=report.unit,
            done=report.done,
            total=report.total,
            started_at=began,
            host=self._host,
            pid=self._pid,
            memory=psutil.Process(self._pid).memory_info().rss,
        )
