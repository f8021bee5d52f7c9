"""Work on several threads that can be given up: signals that stop it, and results in the order of the items.

The one idea: whoever stops waiting for results halts the work, so that no request leaves that nobody reads.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor, wait
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")

_SLICE = 0.25
"""Seconds of a single wait: a signal that comes just before one is seen only after it."""


class Halt:
    """A signal to stop; what it halts includes everything below it. `on_set` is called once, when it is set."""

    def __init__(self, above: Halt | None = None, on_set: Callable[[], None] | None = None) -> None:
        self._event = threading.Event()
        self._lock = threading.Lock()
        self._below: set[Halt] = set()
        self._on_set: Callable[[], None] | None = on_set or (above._on_set if above else None)
        self._above = above
        if above is not None:
            with above._lock:
                above._below.add(self)
            if above.is_set():
                self.set()

    def is_set(self) -> bool:
        """Whether the work is to stop."""
        return self._event.is_set()

    def set(self) -> None:
        """Stops the work, and all below it."""
        if self._event.is_set():
            return
        self._event.set()
        with self._lock:
            below = list(self._below)
        for one in below:
            one.set()
        if self._on_set is not None:
            self._on_set()

    def wait(self, seconds: float) -> bool:
        """Waits so long, or until the signal: True where it came."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            if self._event.wait(min(left, _SLICE)):
                return True
        return self._event.is_set()

    def leave(self) -> None:
        """Takes the signal out of the one above: its work is over."""
        if self._above is not None:
            with self._above._lock:
                self._above._below.discard(self)


def in_order(
    work: Callable[[T], R], items: Iterable[T], pool: ThreadPoolExecutor, ahead: int, check: Callable[[], None]
) -> Iterator[R]:
    """The results of `work` in the order of the items, which are taken from their iterator no earlier than needed.

    At most `ahead` items are under way or wait for the caller. The first exception of a work, in the order of the
    items, is raised. `check` is called before anything is handed to the pool or taken from it, and raises if the pool
    may be closed.
    """
    under_way: deque[Future[R]] = deque()

    def first() -> R:
        one = under_way.popleft()
        check()
        try:
            while not wait([one], timeout=_SLICE).done:
                check()
            return one.result()
        except CancelledError:
            check()
            raise

    for item in items:
        check()
        under_way.append(pool.submit(work, item))
        if len(under_way) >= ahead:
            yield first()
    while under_way:
        yield first()
