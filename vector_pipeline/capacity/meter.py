"""What this process and those it started take, as the system says, asked so seldom that asking costs nothing.

Counted is memory that the system can't take back: files that are only mapped (the embedded index) are left out
where the system tells them apart.
"""

from __future__ import annotations

import ctypes
import gc
import os
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import psutil

from vector_pipeline.capacity.decision import Measure

EVERY_SECONDS = 0.2
"""Time between two measurements."""

_CHILDREN_SECONDS = 2.0
"""Time between two looks for processes that were started: that takes milliseconds."""

_CGROUP_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))


class Meter:
    """Measures this process and its children; safe for threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process = psutil.Process()
        self._children: list[psutil.Process] = []
        self._looked = self._measured = -1e9
        self._last = Measure(0, 0)

    def measure(self, *, fresh: bool = False) -> Measure:
        """The memory in use, at most 0.2 s old, or of this moment."""
        with self._lock:
            now = time.monotonic()
            if fresh or now - self._measured >= EVERY_SECONDS:
                memory = _own_memory(self._process) + sum(map(_own_memory, self._family(now)))
                self._last, self._measured = Measure(memory, psutil.virtual_memory().available), now
            return self._last

    def processor_seconds(self) -> float:
        """What this process and its children have taken of all cores so far."""
        with self._lock:
            family = [self._process, *self._family(time.monotonic())]
        return sum(map(_processor_seconds, family)) + sum(os.times()[2:4])

    def _family(self, now: float) -> list[psutil.Process]:
        if now - self._looked >= _CHILDREN_SECONDS:
            self._children, self._looked = self._process.children(recursive=True), now
        return self._children


def machine_memory() -> int:
    """Bytes of memory that this machine has, or its container may take."""
    found = psutil.virtual_memory().total
    for path in _CGROUP_LIMITS:
        with suppress(OSError, ValueError):
            found = min(found, int(path.read_text()))
    return int(found)


def give_back_memory() -> None:
    """Gives freed memory back to the system, which the allocator of Linux otherwise keeps for later."""
    gc.collect()
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).malloc_trim(0)


def _own_memory(process: psutil.Process) -> int:
    try:
        found = process.memory_info()
    except psutil.Error:
        return 0
    shared: int = getattr(found, "shared", 0)
    return int(found.rss) - shared


def _processor_seconds(process: psutil.Process) -> float:
    try:
        found = process.cpu_times()
    except psutil.Error:
        return 0.0
    return float(found.user + found.system)
