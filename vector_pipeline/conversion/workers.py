"""The pool of worker processes: a few, started when first needed, used again, replaced when they end.

Safe for threads: each waits for a worker of its own, and its file's time starts only then. Fresh interpreters are
started, never forks, since the parent may run many threads.
"""

from __future__ import annotations

import sys
import threading
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from vector_pipeline.conversion.wire import Request, most_bytes, request_body
from vector_pipeline.conversion.worker_process import ConversionStopped, WorkerProcess

WORKER_COMMAND = (sys.executable, "-P", "-m", "vector_pipeline.conversion.worker")
_SLICE = 0.1
_END_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Limits:
    """How many workers there may be at once, and what each may take for a file: seconds, and bytes of memory."""

    workers: int
    seconds: float
    max_memory: int


class WorkerPool:
    """At most so many workers as the limits say, run by `command`. Closed after use, else with the interpreter."""

    def __init__(
        self,
        limits: Limits,
        command: Sequence[str] = WORKER_COMMAND,
        *,
        has_room: Callable[[], bool] = lambda: True,
    ) -> None:
        """Where `has_room` says no, only one worker is at work at a time."""
        self._limits, self._command, self._has_room = limits, tuple(command), has_room
        self._changed = threading.Condition()
        self._idle: list[WorkerProcess] = []
        self._busy = 0
        self._running: set[WorkerProcess] = set()
        self._is_closed = False
        self._at_exit = weakref.finalize(self, _kill, self._running)

    def ask(self, request: Request, stopped: Callable[[], bool] = lambda: False) -> bytes:
        """The answer of a worker. Raises ConversionError, and ConversionStopped once `stopped` says so or when closed.

        Blocks until a worker is free and has answered.
        """
        worker = self._take(stopped)
        healthy = False
        try:
            worker = worker or self._started()
            answered = worker.ask(
                request_body(request),
                self._limits.seconds,
                most_bytes(request.max_text),
                lambda: self._is_closed or stopped(),
            )
            healthy = not answered.is_last
        finally:
            self._give_back(worker, healthy)
        return answered.body

    def close(self) -> None:
        """Kills all workers, busy ones too, and waits for their end; may be called twice."""
        with self._changed:
            self._is_closed = True
            idle, self._idle = self._idle, []
            self._changed.notify_all()
        for worker in idle:
            self._end(worker)
        with self._changed:
            self._changed.wait_for(lambda: not self._busy, _END_SECONDS)

    def _take(self, stopped: Callable[[], bool]) -> WorkerProcess | None:
        """A worker that waits for work, None where one may be started. Counts as busy from here on."""
        with self._changed:
            while True:
                if self._is_closed or stopped():
                    raise ConversionStopped
                if not self._busy or (self._busy < self._limits.workers and self._has_room()):
                    break
                self._changed.wait(_SLICE)
            self._busy += 1
            while self._idle:
                worker = self._idle.pop()
                if worker.is_alive:
                    return worker
                self._end(worker)  # killed from outside
            return None

    def _started(self) -> WorkerProcess:
        worker = WorkerProcess(self._command, self._limits.max_memory)
        self._running.add(worker)
        return worker

    def _give_back(self, worker: WorkerProcess | None, healthy: bool) -> None:
        with self._changed:
            keep = healthy and not self._is_closed
            if keep and worker is not None:
                self._idle.append(worker)
        if worker is not None and not keep:
            self._end(worker)
        with self._changed:
            self._busy -= 1
            self._changed.notify_all()

    def _end(self, worker: WorkerProcess) -> None:
        worker.end()
        self._running.discard(worker)


def _kill(workers: set[WorkerProcess]) -> None:
    for worker in list(workers):
        worker.end()
