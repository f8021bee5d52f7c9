"""Taking one snapshot after the other, at little cost.

What changes from second to second is read each time; what is dear, or changes seldom, as often as its cost allows.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from vector_pipeline.monitoring.automation import Automation
from vector_pipeline.monitoring.budgets import budgets
from vector_pipeline.monitoring.paced import Paced
from vector_pipeline.monitoring.processes import Processes, is_gone
from vector_pipeline.monitoring.snapshot import (
    QUIET,
    ErrorLine,
    Snapshot,
    SourceLine,
    behind_seconds,
    left_seconds,
    living,
    sorted_lines,
    source_status,
)
from vector_pipeline.monitoring.speed import Speedometer
from vector_pipeline.state.errors import StateLocked
from vector_pipeline.state.evidence import RunFacts
from vector_pipeline.state.progress_table import Activity
from vector_pipeline.state.standings import Standing
from vector_pipeline.sync.footing import partitions_in_part
from vector_pipeline.sync.pipeline import Pipeline
from vector_pipeline.sync.sightings import DIFFERS, UNANSWERED, sighted_since

MOST_ERRORS = 5
ERRORS_FROM = timedelta(days=1)
_RECENT_RUNS = 200


@dataclass(frozen=True, slots=True)
class _Past:
    """What is known of the sources and changes with a run at most."""

    configured: frozenset[str]
    facts: Mapping[str, RunFacts]
    troubled: Mapping[str, datetime]
    quarantined: Mapping[str, int]
    in_part: frozenset[str]
    errors: tuple[ErrorLine, ...]


class Watch:
    """Takes snapshots of a project. `automation` says what Dagster has under way."""

    def __init__(self, pipeline: Pipeline, automation: Callable[[], Automation], settings_file: str = "") -> None:
        self._pipeline = pipeline
        home = os.environ.get("DAGSTER_HOME") or str(pipeline.data_dir / "dagster")
        self._processes = Processes({home, settings_file} - {""})
        self._speed = Speedometer()
        self._past = Paced(self._read_past, least=3.0, most=30.0)
        self._automation = Paced(automation, least=1.0, most=5.0)
        self._budgets = Paced(lambda: tuple(budgets(pipeline.settings, pipeline.data_dir)), least=1.0, most=5.0)

    def snapshot(self) -> Snapshot:
        """What is so now. Raises StateError."""
        now = datetime.now(UTC)
        store = self._pipeline.store
        standings = {one.name: one for one in store.standings()}
        recorded = store.activities()
        gone = {(one.host, one.pid) for one in recorded if is_gone(one.host, one.pid)}
        active = living(recorded, gone, now)
        past, automation = self._past(), self._automation()
        asked = {run.source: run.status for run in reversed(automation.runs) if run.source}
        names = dict.fromkeys([*past.configured, *standings])
        lines = [
            self._line(name, standings.get(name), active.get(name), asked.get(name, ""), past, now) for name in names
        ]
        self._speed.keep({_key(one) for one in active.values()})
        named = [(one.host, one.pid) for one in active.values()]
        processes = tuple(self._processes.look(named))
        return Snapshot(now, sorted_lines(lines), automation, processes, self._budgets(), past.errors)

    def _line(
        self,
        name: str,
        standing: Standing | None,
        activity: Activity | None,
        asked: str,
        past: _Past,
        now: datetime,
    ) -> SourceLine:
        facts = past.facts.get(name)
        locked = (
            activity is None and standing is not None and standing.run_status == "running" and self._is_locked(name)
        )
        status = source_status(
            standing,
            configured=name in past.configured,
            active=activity is not None,
            asked=asked,
            locked=locked,
            in_part=name in past.in_part,
        )
        behind = behind_seconds(status, facts.good_at if facts else None, past.troubled.get(name), now)
        settings = self._pipeline.source_settings(name)
        line = SourceLine(
            name,
            status,
            quarantined=past.quarantined.get(name, 0),
            in_step_at=facts.good_at if facts else None,
            behind_seconds=behind,
            late=settings is not None and behind > settings.behind_limit.total_seconds(),
            error=facts.last_error if facts and status == "failing" else "",
        )
        return self._with_progress(line, activity, now) if activity else line

    def _with_progress(self, line: SourceLine, activity: Activity, now: datetime) -> SourceLine:
        rate = self._speed.note(_key(activity), activity.done, time.monotonic())
        if rate is None:
            seconds = (activity.updated_at - activity.started_at).total_seconds()
            rate = activity.done / seconds if seconds > 0 else None
        quiet = now - activity.updated_at
        return replace(
            line,
            stage=activity.stage,
            unit=activity.unit,
            done=activity.done,
            total=activity.total,
            rate=rate,
            left_seconds=left_seconds(activity.done, activity.total, rate),
            quiet_seconds=quiet.total_seconds() if quiet > QUIET else 0.0,
            run_id=activity.run_id,
        )

    def _is_locked(self, name: str) -> bool:
        """Whether a run is at work: one that was killed still stands as running."""
        try:
            with self._pipeline.store.lock(name, 0):
                return False
        except StateLocked:
            return True

    def _read_past(self) -> _Past:
        store = self._pipeline.store
        names = {one.partition_id: one.name for one in store.partitions()}
        facts = {names[number]: found for number, found in store.run_facts().items() if number in names}
        troubled: dict[str, datetime] = {}
        for notes in (sighted_since(store, DIFFERS), sighted_since(store, UNANSWERED)):
            for number, at in notes.items():
                if name := names.get(number):
                    troubled[name] = min(at, troubled.get(name, at))
        for name, found in facts.items():
            if found.failing_since:
                troubled[name] = min(found.failing_since, troubled.get(name, found.failing_since))
        return _Past(
            frozenset(self._pipeline.partitions()),
            facts,
            troubled,
            store.quarantine_counts(),
            frozenset(names[number] for number in partitions_in_part(store) if number in names),
            self._read_errors(),
        )

    def _read_errors(self) -> tuple[ErrorLine, ...]:
        since = datetime.now(UTC) - ERRORS_FROM
        failed = [
            ErrorLine(row.partition, row.run_id, row.finished_at or row.started_at, row.error)
            for row in self._pipeline.store.ingestions(limit=_RECENT_RUNS)
            if row.status == "failed" and row.started_at >= since
        ]
        return tuple(failed[:MOST_ERRORS])


def _key(activity: Activity) -> Hashable:
    return activity.partition, activity.run_id, activity.stage
