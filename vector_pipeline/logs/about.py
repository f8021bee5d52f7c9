"""What log records are about: run, source, stage, document. Said once around a piece of work, on every record in it.

A context variable: the record's author need not know. Threads that a piece of work starts say it anew, or not at all.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType

PACKAGE = "vector_pipeline"

RUNS = logging.getLogger(f"{PACKAGE}.runs")
"""For what runs do and how they end. Commands show that themselves, so on a terminal it is not repeated."""

_about: ContextVar[Mapping[str, str]] = ContextVar("vector_pipeline_log", default=MappingProxyType({}))


@contextmanager
def about(**facts: str) -> Iterator[None]:
    """Within the block, records of this thread bear these facts: `run`, `source`, `stage`, `document`."""
    before = _about.get()
    _about.set({**before, **facts})
    try:
        yield
    finally:
        # Not by its token: Dagster may close a resource in another context than the one it opened it in.
        _about.set(before)


class Marking(logging.Filter):
    """Puts what is being worked on into every record that does not say it itself. For handlers."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Always true; the record gains the facts."""
        for name, value in _about.get().items():
            if not hasattr(record, name):
                setattr(record, name, value)
        return True
