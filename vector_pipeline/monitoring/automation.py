"""What Dagster runs for us, as plain values, and what they say about its health.

Whoever knows Dagster fills them in; here it is judged. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from vector_pipeline.monitoring.probe import Finding

SILENT_AFTER = timedelta(seconds=120)
"""A daemon that was not heard of for so long is gone: it says every 30 seconds that it is there."""

FAILS_AFTER = 3
"""Failed ticks in a row after which a sensor has failed; before, it may be over in a moment."""

_START = "start it with `vector-pipeline dev`"


@dataclass(frozen=True, slots=True)
class Daemon:
    """One of Dagster's daemons: when it was last heard of (None: never), and what it says is wrong."""

    name: str
    heard_at: datetime | None
    errors: int = 0


@dataclass(frozen=True, slots=True)
class Ticker:
    """A sensor or a schedule. `status` is that of its last tick ("" before the first), `failures` how many in a row."""

    name: str
    kind: str
    is_on: bool
    ticked_at: datetime | None = None
    status: str = ""
    failures: int = 0


@dataclass(frozen=True, slots=True)
class Run:
    """A run that has not ended: `status` is queued, starting, running or stopping. `source` is "" for other jobs."""

    run_id: str
    job: str
    source: str
    status: str
    created_at: datetime
    started_at: datetime | None = None
    priority: int = 0


@dataclass(frozen=True, slots=True)
class Pool:
    """A pool: its limit (None: none), places taken, and steps that wait for one."""

    name: str
    limit: int | None
    used: int
    waiting: int


@dataclass(frozen=True, slots=True)
class CheckAnswer:
    """The last answer of a check of the collection."""

    name: str
    passed: bool
    answered_at: datetime


@dataclass(frozen=True, slots=True)
class Automation:
    """All of it as of now. `runs` are the first of those that have not ended, `queued` counts all that wait.

    `is_used` is False where there is no instance of Dagster yet.
    """

    is_used: bool = False
    daemons: tuple[Daemon, ...] = ()
    tickers: tuple[Ticker, ...] = ()
    runs: tuple[Run, ...] = ()
    queued: int = 0
    paused_since: datetime | None = None
    pools: tuple[Pool, ...] = ()
    checks: tuple[CheckAnswer, ...] = ()

    def heard_at(self) -> datetime | None:
        """When any of the daemons was last heard of."""
        return max((one.heard_at for one in self.daemons if one.heard_at), default=None)

    def is_alive(self, now: datetime) -> bool:
        """Whether the daemon runs."""
        heard = self.heard_at()
        return heard is not None and now - heard <= SILENT_AFTER


def judge_daemon(automation: Automation, now: datetime) -> Finding:
    """Whether the daemon runs. One that was never started is no fault: syncs may be run from the terminal alone."""
    heard = automation.heard_at()
    if heard is None:
        return Finding("degraded", "not running: it was never started", f"{_START} to keep sources in step by itself")
    silent = now - heard
    if silent > SILENT_AFTER:
        return Finding("failed", f"not heard of for {_words(silent)}", _START)
    late = [one.name for one in automation.daemons if one.heard_at is None or now - one.heard_at > 2 * SILENT_AFTER]
    if late:
        return Finding("degraded", f"running, but not its part {', '.join(late)}", "look at its log; start it again")
    failing = [one.name for one in automation.daemons if one.errors]
    if failing:
        return Finding("degraded", f"running, with errors in {', '.join(failing)}", "look at Deployment in Dagster")
    return Finding("ok", f"running, heard of {_words(silent)} ago")


def judge_tickers(automation: Automation, kind: str, now: datetime) -> Finding:
    """Whether the sensors, or the schedules, are on and work."""
    ours = [one for one in automation.tickers if one.kind == kind]
    if not ours:
        return Finding("degraded", f"no {kind} was ever on", _START)
    failing = [one for one in ours if one.is_on and one.failures]
    if failing:
        said = ", ".join(f"{one.name} ({one.failures} in a row)" for one in failing)
        # A sensor has another try in seconds; the next tick of a schedule is far.
        lasts = kind != "sensor" or any(one.failures >= FAILS_AFTER for one in failing)
        hint = f"its ticks in Dagster say why (Automation, {failing[0].name})"
        return Finding("failed" if lasts else "degraded", f"failing: {said}", hint)
    off = _names(one for one in ours if not one.is_on)
    if kind == "sensor" and off:
        return Finding("degraded", f"off: {off}", "switch it on in Dagster (Automation)")
    on = sum(one.is_on for one in ours)
    last = max((one.ticked_at for one in ours if one.is_on and one.ticked_at), default=None)
    ticked = f", last tick {_words(now - last)} ago" if last else ""
    return Finding("ok", f"{on} of {len(ours)} on{ticked}")


def _names(tickers: Iterable[Ticker]) -> str:
    return ", ".join(one.name for one in tickers)


def _words(span: timedelta) -> str:
    seconds = max(0, int(span.total_seconds()))
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
