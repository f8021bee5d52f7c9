"""Where the runners report what they are doing, and a place to listen.

A context variable rather than a parameter: stages run inside Dagster steps, which the command line starts
in its own process and thread, and only the command line listens.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

Listener = Callable[["Progress"], None]


@dataclass(frozen=True, slots=True)
class Progress:
    """`done` of `total` (None while unknown) `unit` in a stage of a partition, counted from its start."""

    partition: str
    stage: str
    unit: str
    done: int
    total: int | None = None


_listener: ContextVar[Listener | None] = ContextVar("vector_pipeline_progress", default=None)


def report(partition: str, stage: str, unit: str, done: int, total: int | None = None) -> None:
    """Tells the listener, if there is one."""
    if listener := _listener.get():
        listener(Progress(partition, stage, unit, done, total))


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Within the block, `listener` hears every report of this thread."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)


@contextmanager
def ignored() -> Iterator[None]:
    """Within the block nobody hears the reports of this thread: its work is shown as part of another stage."""
    token = _listener.set(None)
    try:
        yield
    finally:
        _listener.reset(token)


@contextmanager
def overhearing(listener: Listener) -> Iterator[None]:
    """Within the block, `listener` hears every report of this thread, beside whoever listens already."""
    other = _listener.get()

    def both(report: Progress) -> None:
        listener(report)
        if other:
            other(report)

    with listening(both):
        yield
