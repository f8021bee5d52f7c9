"""Keeps a run below its ceilings: says how large the next batch may be, and waits where there is no room for one.

One governor serves all threads of a run. It shrinks batches before it waits and waits before it gives up.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from typing import TypeVar

from vector_pipeline.capacity.decision import Ceilings, Measure, allowance, is_full, next_factor, pause
from vector_pipeline.capacity.meter import Meter, give_back_memory, machine_memory
from vector_pipeline.errors import PipelineError
from vector_pipeline.settings_limits import LimitSettings

T = TypeVar("T")

PER_CHARACTER = 16
"""Bytes that a character of text takes while it is worked on: itself, its pieces, their tokens. Measured."""

_PATIENCE = 2.0
"""Longest wait in seconds for room that others take."""

_SLICE = 0.05
_WINDOW = 10.0
"""Seconds over which the use of processors is averaged."""


class MemoryCeilingReached(PipelineError):
    """A run takes more memory than `limits.max_memory` allows, with the smallest batches too."""


class Governor:
    """Sizes of batches and pauses between them, for the ceilings of the settings."""

    def __init__(self, ceilings: Ceilings, meter: Meter | None = None) -> None:
        self._ceilings = ceilings
        self._meter = meter or Meter()
        self._lock = threading.Lock()
        self._factor = 1.0
        self._patience = _PATIENCE
        self._since: tuple[float, float] | None = None

    @classmethod
    def from_settings(cls, limits: LimitSettings) -> Governor:
        """The governor of the settings: without `max_memory` half of the machine's, and then nothing fails for it."""
        total = machine_memory()
        cores = 0.0 if limits.max_cpu >= 1 else limits.max_cpu * _cores()
        memory = limits.max_memory or total // 2
        return cls(Ceilings(memory, total // 20, cores, is_strict=limits.max_memory is not None))

    def windows(self, items: Sequence[T], most: int, each: int) -> Iterator[Sequence[T]]:
        """The items in order, at most `most` at a time, fewer where memory is short; each takes about `each` bytes."""
        start = 0
        while start < len(items):
            end = start + self.allowed(most, each)
            yield items[start:end]
            start = end

    def allowed(self, most: int, each: int) -> int:
        """How many units may be worked on now, each of about `each` bytes: at most `most`, at least one.

        Waits a moment where there is no room. Raises MemoryCeilingReached.
        """
        self._spare_processors()
        measure = self._make_room()
        with self._lock:
            self._factor = next_factor(self._factor, measure, self._ceilings)
            return allowance(most, each, self._factor, measure, self._ceilings)

    def small_part(self, most: int) -> int:
        """Bytes that something may keep for good, such as a cache: a sixty-fourth of the ceiling, at most `most`."""
        return min(most, self._ceilings.memory // 64)

    def has_room(self) -> bool:
        """Whether more may be begun beside what is under way."""
        return not is_full(self._meter.measure(), self._ceilings)

    def _make_room(self) -> Measure:
        """What is in use, after waiting for others where it is too much. Raises MemoryCeilingReached."""
        measure = self._meter.measure()
        if not is_full(measure, self._ceilings):
            self._patience = _PATIENCE
            return measure
        give_back_memory()
        deadline = time.monotonic() + self._patience
        while is_full(measure := self._meter.measure(fresh=True), self._ceilings):
            if time.monotonic() >= deadline:
                self._patience /= 2  # waiting did not help; it will help less the next time
                break
            time.sleep(_SLICE)
        if self._ceilings.is_strict and measure.memory > self._ceilings.memory:
            raise MemoryCeilingReached(
                f"a run takes {measure.memory / 1e6:,.0f} MB with the smallest batches, more than the "
                f"{self._ceilings.memory / 1e6:,.0f} MB of limits.max_memory",
                hint=f"set limits.max_memory to {2 * measure.memory // 10**6}MB or more, or leave it out",
            )
        return measure

    def _spare_processors(self) -> None:
        """Waits as long as the use of processors is above its ceiling, on average."""
        cores = self._ceilings.cores
        if not cores:
            return
        now, used = time.monotonic(), self._meter.processor_seconds()
        with self._lock:
            since = self._since
            if since is None or now - since[0] > _WINDOW:
                self._since = now, used
        if since is not None:
            time.sleep(pause(used - since[1], now - since[0], cores))


def _cores() -> int:
    import psutil

    return psutil.cpu_count() or 1
