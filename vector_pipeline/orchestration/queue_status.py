"""What is in Dagster's queue and under way, what the pools hold, and whether anything starts at all. Reads only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import dagster as dg

from vector_pipeline.monitoring.automation import SILENT_AFTER, Pool
from vector_pipeline.orchestration.busy import MOST_RUNS
from vector_pipeline.orchestration.coordinator import SteeredRunCoordinator, partition_of
from vector_pipeline.orchestration.names import BULK_TAG, INTERACTIVE_TAG, REASON_TAG
from vector_pipeline.orchestration.private import BACKFILL_ID_TAG, NOT_FINISHED_STATUSES, PRIORITY_TAG
from vector_pipeline.orchestration.queue_pause import Pause, paused

STATES = {
    dg.DagsterRunStatus.NOT_STARTED: "queued",
    dg.DagsterRunStatus.MANAGED: "queued",
    dg.DagsterRunStatus.QUEUED: "queued",
    dg.DagsterRunStatus.STARTING: "starting",
    dg.DagsterRunStatus.STARTED: "running",
    dg.DagsterRunStatus.CANCELING: "stopping",
    dg.DagsterRunStatus.SUCCESS: "done",
    dg.DagsterRunStatus.FAILURE: "failed",
    dg.DagsterRunStatus.CANCELED: "canceled",
}
"""The states of runs in our words."""

_ORDER = ("running", "stopping", "starting", "queued")


@dataclass(frozen=True, slots=True)
class Waiting:
    """A run that has not ended. `source` is the partition it is for, "" where it is for none or several."""

    run_id: str
    job: str
    source: str
    state: str
    reason: str
    priority: int
    is_bulk: bool
    asked_at: datetime
    started_at: datetime | None


@dataclass(frozen=True, slots=True)
class Queue:
    """The queue now. `heard_at` is when the daemon last said that it is there, `runs` and `bulk` are the limits.

    `can_pause` is False where Dagster has another run coordinator than ours.
    """

    pause: Pause | None
    heard_at: datetime | None
    is_alive: bool
    can_pause: bool
    runs: int
    bulk: int | None
    unfinished: list[Waiting]
    pools: list[Pool]


def look_at_queue(instance: dg.DagsterInstance) -> Queue:
    """The queue: what runs first, then what waits, in the order in which it starts."""
    heard_at = last_heartbeat(instance)
    config = instance.get_concurrency_config().run_queue_config
    pause = paused(instance)
    limits = config.tag_concurrency_limits if config else []
    return Queue(
        pause,
        heard_at,
        is_alive(heard_at),
        can_pause(instance),
        config.max_concurrent_runs if config else 0,
        next((int(limit["limit"]) for limit in limits if limit["key"] == BULK_TAG), None),
        unfinished_runs(instance),
        pools(instance),
    )


def unfinished_runs(instance: dg.DagsterInstance) -> list[Waiting]:
    """The runs that have not ended."""
    records = instance.get_run_records(dg.RunsFilter(statuses=NOT_FINISHED_STATUSES), limit=MOST_RUNS)
    found = [_waiting(record) for record in records]
    return sorted(found, key=lambda run: (_ORDER.index(run.state), -run.priority, run.asked_at))


def pools(instance: dg.DagsterInstance) -> list[Pool]:
    """The pools by name."""
    storage = instance.event_log_storage
    infos = storage.get_concurrency_infos(sorted(storage.get_concurrency_keys()))
    return [Pool(name, info.limit, info.active_slot_count, info.pending_step_count) for name, info in infos.items()]


def can_pause(instance: dg.DagsterInstance) -> bool:
    """Whether the queue is ours to hold."""
    return isinstance(instance.run_coordinator, SteeredRunCoordinator)


def last_heartbeat(instance: dg.DagsterInstance) -> datetime | None:
    """When the part of the daemon that starts runs last said that it is there."""
    beat = instance.get_daemon_heartbeats().get("QUEUED_RUN_COORDINATOR")
    return datetime.fromtimestamp(beat.timestamp, UTC) if beat else None


def is_alive(heard_at: datetime | None, now: datetime | None = None) -> bool:
    """Whether a daemon that was last heard of then is taken to be there."""
    return heard_at is not None and (now or datetime.now(UTC)) - heard_at <= SILENT_AFTER


def _waiting(record: dg.RunRecord) -> Waiting:
    run = record.dagster_run
    started = record.start_time
    return Waiting(
        run.run_id,
        run.job_name,
        partition_of(run),
        STATES[run.status],
        _reason(run),
        priority_of(run),
        BULK_TAG in run.tags,
        record.create_timestamp.astimezone(UTC),
        None if started is None else datetime.fromtimestamp(started, UTC),
    )


def _reason(run: dg.DagsterRun) -> str:
    """Why the run is there."""
    if reason := run.tags.get(REASON_TAG):
        return reason
    if BACKFILL_ID_TAG in run.tags:
        return f"backfill {run.tags[BACKFILL_ID_TAG]}"
    if INTERACTIVE_TAG in run.tags:
        return "sync at a terminal"
    return next((f"{kind} {run.tags[tag]}" for tag, kind in _LAUNCHERS.items() if tag in run.tags), "asked for by hand")


_LAUNCHERS = {"dagster/schedule_name": "schedule", "dagster/sensor_name": "sensor"}


def priority_of(run: dg.DagsterRun) -> int:
    """The priority as Dagster reads it: what is no number is 0."""
    try:
        return int(run.tags.get(PRIORITY_TAG, "0"))
    except ValueError:
        return 0
