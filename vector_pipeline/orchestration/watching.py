"""What Dagster does for us now, as plain values: its daemons, sensors, schedules, runs, pools and check answers.

Read-only and bounded. Where no instance was made yet none is made by looking. One looker keeps the instance open: to
open it costs more than to ask it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg

from vector_pipeline.consistency.check_file import COLLECTION as ON_COLLECTION
from vector_pipeline.consistency.check_file import checks_on
from vector_pipeline.monitoring.automation import Automation, CheckAnswer, Daemon, Run, Ticker
from vector_pipeline.orchestration.coordinator import partition_of
from vector_pipeline.orchestration.home import find_home
from vector_pipeline.orchestration.names import COLLECTION
from vector_pipeline.orchestration.private import NOT_FINISHED_STATUSES
from vector_pipeline.orchestration.queue_pause import paused
from vector_pipeline.orchestration.queue_status import STATES, pools, priority_of

MOST_RUNS = 100
"""Runs that have not ended which are shown one by one."""


class Watcher:
    """Looks at the instance of a project, as often as asked."""

    def __init__(self, instance: dg.DagsterInstance | None) -> None:
        self._instance = instance

    def look(self, *, checks: bool = False, tickers: bool = True) -> Automation:
        """How things stand now; with `checks` the last answers of the collection's checks, one query each."""
        instance = self._instance
        if instance is None:
            return Automation()
        queued = dg.RunsFilter(statuses=[dg.DagsterRunStatus.QUEUED])
        pause = paused(instance)
        return Automation(
            is_used=True,
            daemons=tuple(_daemons(instance)),
            tickers=tuple(_tickers(instance)) if tickers else (),
            runs=tuple(_runs(instance)),
            queued=instance.get_runs_count(queued),
            paused_since=pause.since if pause else None,
            pools=tuple(pools(instance)),
            checks=tuple(_checks(instance)) if checks else (),
        )


@contextmanager
def watched(data_dir: Path) -> Iterator[Watcher]:
    """A looker at the project's instance, where there is one."""
    home = find_home(data_dir)
    if home is None:
        yield Watcher(None)
        return
    with dg.DagsterInstance.from_config(str(home)) as instance:
        yield Watcher(instance)


def _daemons(instance: dg.DagsterInstance) -> Iterator[Daemon]:
    beats = instance.get_daemon_heartbeats()
    for name in sorted({*instance.get_required_daemon_types(), *beats}):
        beat = beats.get(name)
        heard = datetime.fromtimestamp(beat.timestamp, UTC) if beat else None
        yield Daemon(name.lower(), heard, len(beat.errors or ()) if beat else 0)


def _tickers(instance: dg.DagsterInstance) -> Iterator[Ticker]:
    for state in sorted(instance.all_instigator_state(), key=lambda state: state.name):
        latest = next(iter(instance.get_ticks(state.instigator_origin_id, state.selector_id, limit=1)), None)
        kind = state.instigator_type.value.lower()
        if latest is None:
            yield Ticker(state.name, kind, state.is_running)
            continue
        failing = latest.status.value in ("FAILURE", "STARTED")
        failures = max(latest.consecutive_failure_count, latest.tick_data.failure_count) if failing else 0
        at = datetime.fromtimestamp(latest.timestamp, UTC)
        yield Ticker(state.name, kind, state.is_running, at, latest.status.value.lower(), failures)


def _runs(instance: dg.DagsterInstance) -> Iterator[Run]:
    unfinished = dg.RunsFilter(statuses=NOT_FINISHED_STATUSES)
    for record in instance.get_run_records(unfinished, limit=MOST_RUNS, ascending=True):
        run = record.dagster_run
        started = datetime.fromtimestamp(record.start_time, UTC) if record.start_time else None
        yield Run(
            run.run_id,
            run.job_name,
            partition_of(run),
            STATES[run.status],
            record.create_timestamp.astimezone(UTC),
            started,
            priority_of(run),
        )


def _checks(instance: dg.DagsterInstance) -> Iterator[CheckAnswer]:
    for check in checks_on(ON_COLLECTION):
        record = instance.get_latest_asset_check_evaluation_record(dg.AssetCheckKey(COLLECTION, check.name))
        said = record.evaluation if record else None
        if record and said:
            yield CheckAnswer(check.name, said.passed, datetime.fromtimestamp(record.create_timestamp, UTC))
