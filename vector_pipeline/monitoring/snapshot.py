"""What is so at one moment: the state of every source, and what its run is doing.

Pure: rows of the state store and what Dagster has under way go in, lines for people and programs come out.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from vector_pipeline.monitoring.automation import Automation
from vector_pipeline.monitoring.budgets import BudgetLine
from vector_pipeline.monitoring.processes import ProcessLine
from vector_pipeline.state.progress_table import Activity
from vector_pipeline.state.standings import Standing
from vector_pipeline.sync.lateness import seen_version

SourceStatus = Literal[
    "running", "starting", "queued", "failing", "stopped", "behind", "never synced", "removed", "in step"
]

ORDER: tuple[SourceStatus, ...] = (
    "running",
    "starting",
    "failing",
    "stopped",
    "queued",
    "behind",
    "never synced",
    "removed",
    "in step",
)
"""What somebody who watches wants to see first."""

QUIET = timedelta(seconds=15)
"""Progress that was not renewed for so long is that of a process that hangs, or is gone."""

GONE = timedelta(seconds=120)
"""After so long without a word the process is taken for gone, where nobody can look."""


@dataclass(frozen=True, slots=True)
class SourceLine:
    """One source. `stage` and what follows are of the run under way; `total` is None where it is not known.

    `rate` is in units per second, `left_seconds` what remains at that rate; `quiet_seconds` since the run last said
    anything, where that is long ago. `in_step_at`: the last good run; `behind_seconds`: since it is known to be behind.
    """

    source: str
    status: SourceStatus
    stage: str = ""
    unit: str = ""
    done: int = 0
    total: int | None = None
    rate: float | None = None
    left_seconds: float | None = None
    quiet_seconds: float = 0.0
    run_id: str = ""
    quarantined: int = 0
    in_step_at: datetime | None = None
    behind_seconds: float = 0.0
    late: bool = False
    error: str = ""


@dataclass(frozen=True, slots=True)
class ErrorLine:
    """A run that failed of late."""

    source: str
    run_id: str
    at: datetime
    error: str


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything at one moment."""

    at: datetime
    sources: tuple[SourceLine, ...]
    automation: Automation
    processes: tuple[ProcessLine, ...]
    budgets: tuple[BudgetLine, ...]
    errors: tuple[ErrorLine, ...]


def living(activities: Sequence[Activity], gone: Collection[tuple[str, int]], now: datetime) -> dict[str, Activity]:
    """What is being done, by source, without what processes that are gone have left behind."""
    return {
        one.partition: one for one in activities if (one.host, one.pid) not in gone and now - one.updated_at <= GONE
    }


def source_status(
    standing: Standing | None, *, configured: bool, active: bool, asked: str, locked: bool, in_part: bool = False
) -> SourceStatus:
    """The state of a source in a word.

    `active`: its run has said what it is doing. `asked`: the state of its run in Dagster's queue, "" for none.
    `locked`: somebody works on it. `in_part`: its last run left out changes that it knew of.
    """
    if active:
        return "running"
    if asked in ("running", "starting", "stopping"):
        return "running" if asked == "running" else "starting"
    status = standing.run_status if standing else None
    if status == "running" and locked:
        return "running"
    if asked == "queued":
        return "queued"
    if not configured:
        return "removed"
    if status == "running":
        return "stopped"
    if status == "failed":
        return "failing"
    if standing is None or not standing.built_version:
        return "never synced"
    seen = seen_version(standing.observed_version, standing.observed_at, standing.run_started_at, status)
    seen = standing.observed_version if in_part else seen
    return "behind" if seen and seen != standing.built_version else "in step"


def left_seconds(done: int, total: int | None, rate: float | None) -> float | None:
    """How long the rest takes at this rate; None where that can't be told."""
    if total is None or not rate or rate <= 0 or done > total:
        return None
    return (total - done) / rate


def behind_seconds(
    status: SourceStatus, in_step_at: datetime | None, troubled_since: datetime | None, now: datetime
) -> float:
    """For how long a source is known not to be in step; 0.0 where it is, or where nothing is known."""
    moments = [moment for moment in (in_step_at, troubled_since) if moment]
    if status in ("in step", "removed") or not moments:
        return 0.0
    return max(0.0, (now - max(moments)).total_seconds())


def sorted_lines(lines: Sequence[SourceLine]) -> tuple[SourceLine, ...]:
    """What needs a look first; by name within a state."""
    return tuple(sorted(lines, key=lambda line: (ORDER.index(line.status), line.source)))


def counts_by_status(lines: Sequence[SourceLine]) -> Mapping[SourceStatus, int]:
    """How many sources are in which state, in the order of interest."""
    found = {status: sum(line.status == status for line in lines) for status in ORDER}
    return {status: number for status, number in found.items() if number}
