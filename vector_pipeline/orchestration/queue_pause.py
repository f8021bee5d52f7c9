"""Whether the queue is paused: a mark in Dagster's own database, so that it outlasts every process.

The run coordinator asks for it before each start of a run. What runs goes on, and what is asked for waits.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import dagster as dg

from vector_pipeline.errors import PipelineError
from vector_pipeline.orchestration.private import read_marks, write_mark

MARK = "vector_pipeline/queue_paused"
"""Key of the mark in Dagster's table of small values."""


class QueuePaused(PipelineError):
    """Something was asked for that does not start while the queue is paused."""


@dataclass(frozen=True, slots=True)
class Pause:
    """Since when nothing starts, and why, in the words of whoever paused ("" for none)."""

    since: datetime
    reason: str = ""


def pause(instance: dg.DagsterInstance, reason: str = "") -> Pause:
    """Starts nothing from now on; the pause in force. One that is there keeps its time and its reason."""
    if there := paused(instance):
        return there
    made = Pause(datetime.now(UTC), reason)
    write_mark(instance, MARK, json.dumps({"since": made.since.isoformat(), "reason": made.reason}))
    return made


def resume(instance: dg.DagsterInstance) -> Pause | None:
    """Lets runs start again; the pause that ended, None where there was none."""
    ended = paused(instance)
    if ended is not None:
        write_mark(instance, MARK, "")
    return ended


def paused(instance: dg.DagsterInstance) -> Pause | None:
    """The pause in force."""
    return read_pause(read_marks(instance, {MARK}))


def read_pause(marks: Mapping[str, str]) -> Pause | None:
    """The pause among the values of Dagster's table."""
    if not (written := marks.get(MARK)):
        return None
    found = json.loads(written)
    return Pause(datetime.fromisoformat(found["since"]), str(found["reason"]))


def raise_if_paused(instance: dg.DagsterInstance) -> None:
    """Raises QueuePaused while the queue is paused."""
    if there := paused(instance):
        why = f": {there.reason}" if there.reason else ""
        raise QueuePaused(
            f"the queue is paused since {there.since:%Y-%m-%d %H:%M} UTC{why}; nothing was started",
            hint="`vector-pipeline queue resume` ends the pause, `sync --even-if-paused` syncs in spite of it",
        )
