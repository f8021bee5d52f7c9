"""Work on items in their order, of which slow ones run ahead on threads, so that all workers are kept busy.

Quick items are done by the caller as they come. Only a few results wait at once, whatever the number of items.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")

_QUICK_PER_SLOW = 4
"""So many quick results may wait for each slow one that may be under way."""


def work_ahead(
    work: Callable[[T], R],
    items: Iterable[tuple[bool, T]],
    at_once: int,
    *,
    on_thread: Callable[[T], R],
    stop: Callable[[], None],
) -> Iterator[R]:
    """The results of `work` on the items, each told with whether it is slow, in their order.

    At most `at_once` slow ones are under way, by `on_thread`. The first exception, in the order of the items, is
    raised in its place. Before this ends, for whatever reason, `stop` is called and all threads have come to an end.
    """
    waiting: deque[tuple[bool, Future[R]]] = deque()
    threads: ThreadPoolExecutor | None = None
    slow_ones = 0
    try:
        for is_slow, item in items:
            if not is_slow and not waiting:
                yield work(item)
                continue
            if is_slow:
                threads = threads or ThreadPoolExecutor(at_once, "conversion")
                waiting.append((True, threads.submit(on_thread, item)))
                slow_ones += 1
            else:
                waiting.append((False, _done(work, item)))
            while waiting and (
                waiting[0][1].done() or slow_ones >= at_once or len(waiting) >= _QUICK_PER_SLOW * at_once
            ):
                was_slow, future = waiting.popleft()
                slow_ones -= was_slow
                yield future.result()
        while waiting:
            yield waiting.popleft()[1].result()
    finally:
        stop()
        if threads is not None:
            threads.shutdown(wait=True, cancel_futures=True)


def _done(work: Callable[[T], R], item: T) -> Future[R]:
    """What came of the item, an exception too, as if it had been done on a thread."""
    future: Future[R] = Future()
    try:
        future.set_result(work(item))
    except Exception as error:  # noqa: BLE001 - raised in its place
        future.set_exception(error)
    return future
