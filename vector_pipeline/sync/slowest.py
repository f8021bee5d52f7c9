"""The documents that took longest in a run, stage by stage: kept in a small heap while the stages tell of all.

A context variable, as for progress: what measures a document need not know who keeps it.
"""

from __future__ import annotations

import heapq
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from vector_pipeline.state.durations_table import Duration

KEPT = 20
"""So many documents are kept per stage."""

_keeper: ContextVar[Slowest | None] = ContextVar("vector_pipeline_slowest", default=None)


class Slowest:
    """The slowest documents told so far; safe for threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._heaps: dict[str, list[tuple[float, int, bytes]]] = {}

    def note(self, stage: str, document_id: bytes, seconds: float, size: int) -> None:
        """Takes a document, and drops the quickest of the stage where there are too many."""
        with self._lock:
            heap = self._heaps.setdefault(stage, [])
            keep = heapq.heappush if len(heap) < KEPT else heapq.heappushpop
            keep(heap, (seconds, size, document_id))

    def rows(self) -> list[Duration]:
        """What was kept, the slowest of each stage first."""
        with self._lock:
            return [
                Duration(document_id, stage, seconds, size)
                for stage, heap in self._heaps.items()
                for seconds, size, document_id in sorted(heap, reverse=True)
            ]


def note_duration(stage: str, document_id: bytes, seconds: float, size: int) -> None:
    """Tells how long a document took in a stage, in seconds, and how many characters it has."""
    if keeper := _keeper.get():
        keeper.note(stage, document_id, seconds, size)


@contextmanager
def keeping_slowest() -> Iterator[Slowest]:
    """Within the block, what is told in this context is kept."""
    keeper = Slowest()
    token = _keeper.set(keeper)
    try:
        yield keeper
    finally:
        _keeper.reset(token)
