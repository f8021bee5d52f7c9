"""The pace of requests to a host: so many at once in this process, and so far apart over all processes of this machine.

The one idea: a place is taken first and the moment to leave is reserved after, so that starts are spaced as promised.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from vector_pipeline.sources.request_budget import Budget, Turn, shared_budget

_SLICE = 0.25


class HostPace:
    """What all threads of this process share that ask one host; its budget is shared with other processes."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._change = threading.Condition()
        self._taken = 0

    @contextlib.contextmanager
    def place(self, most: int, until: float, given_up: Callable[[], bool]) -> Iterator[bool]:
        """One of `most` places while inside. False, without a place, at `until` (monotonic) or once `given_up`."""
        taken = self._take(most, until, given_up)
        try:
            yield taken
        finally:
            if taken:
                with self._change:
                    self._taken -= 1
                    self._change.notify_all()

    def turn(self, spacing: float, most_wait: float) -> Turn:
        """When the next request may leave, at least `spacing` seconds after the one before; reserves the moment."""
        return self._budget.turn(spacing, most_wait)

    def block(self, seconds: float) -> None:
        """Lets no request leave for so long, at most an hour: the host asked for it."""
        self._budget.block(seconds)

    def _take(self, most: int, until: float, given_up: Callable[[], bool]) -> bool:
        with self._change:
            while self._taken >= most:
                left = until - time.monotonic()
                if left <= 0 or given_up():
                    return False
                self._change.wait(min(_SLICE, left))
            self._taken += 1
            return True


_paces: dict[tuple[Path, str], HostPace] = {}
_paces_lock = threading.Lock()


def shared_pace(site: str, cache_dir: Path) -> HostPace:
    """The pace of a host, one per process. `site` is its name, with the port where that is not a usual one."""
    with _paces_lock:
        pace = _paces.get((cache_dir, site))
        if pace is None:
            pace = _paces[cache_dir, site] = HostPace(shared_budget(site, cache_dir))
        return pace
