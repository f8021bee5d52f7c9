"""The shape of `monitor --json`: one snapshot."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

if TYPE_CHECKING:
    from datetime import datetime

    from vector_pipeline.monitoring.snapshot import Snapshot


class SourceLineJson(TypedDict):
    """One source."""

    # The source
    source: str
    # running, starting, queued, failing, stopped, behind, never synced, removed or in step
    status: str
    # Stage of the run under way, empty without one
    stage: str
    # What the stage counts
    unit: str
    # How many of them are done
    done: int
    # Of how many, null where that is not known
    total: int | None
    # Units per second, null where that can't be told
    rate: float | None
    # Seconds until the stage is done at that rate, null where that can't be told
    left_seconds: float | None
    # Seconds since the run last said anything, 0 where that is not long ago
    quiet_seconds: float
    # The run under way, empty without one
    run_id: str
    # Documents in quarantine
    quarantined: int
    # When the last good run ended, null before the first
    in_step_at: str | None
    # Seconds since the source is known not to be in step
    behind_seconds: float
    # Whether that is more than its limit
    late: bool
    # What the last run failed with
    error: str


class RunJson(TypedDict):
    """A run that has not ended."""

    # Its id
    run_id: str
    # Its job
    job: str
    # Its source, empty for jobs of no source
    source: str
    # queued, starting, running or stopping
    status: str
    # When it was asked for
    created_at: str
    # When it began, null before
    started_at: str | None
    # Its priority: higher is sooner
    priority: int


class PoolJson(TypedDict):
    """A pool of places that steps need."""

    # Its name
    name: str
    # Places, null for no limit
    limit: int | None
    # Places taken
    used: int
    # Steps that wait for one
    waiting: int


class QueueJson(TypedDict):
    """What Dagster has under way."""

    # Whether there is an instance of Dagster
    is_used: bool
    # Whether the daemon runs
    daemon_alive: bool
    # When it was last heard of, null for never
    daemon_heard_at: str | None
    # Since when the queue is paused, null where it is not
    paused_since: str | None
    # Runs that wait, all of them
    queued: int
    # The first of the runs that have not ended
    runs: list[RunJson]
    # Pools with their places
    pools: list[PoolJson]


class ProcessJson(TypedDict):
    """One process of ours on this machine."""

    # Its number
    pid: int
    # What it does
    what: str
    # Share of one core since the look before
    cpu: float
    # Bytes of memory
    memory: int


class BudgetJson(TypedDict):
    """The budget of requests to a site."""

    # The site
    site: str
    # Seconds until the next request may leave
    wait_seconds: float
    # Seconds for which the site wants none
    blocked_seconds: float
    # Seconds between requests that the site asked for
    spacing_seconds: float
    # Limit of the settings per minute, 0 for none
    per_minute: float


class ErrorJson(TypedDict):
    """A run that failed of late."""

    # Its source
    source: str
    # Its id
    run_id: str
    # When it ended
    at: str
    # What it failed with
    error: str


class MonitorJson(TypedDict):
    """Everything at one moment."""

    # The moment
    at: str
    # All sources, those that need a look first
    sources: list[SourceLineJson]
    # Runs, pools and the daemon
    queue: QueueJson
    # Our processes, the largest first
    processes: list[ProcessJson]
    # Budgets of requests by site
    budgets: list[BudgetJson]
    # Runs that failed within a day, the latest first
    errors: list[ErrorJson]


def document(snapshot: Snapshot) -> MonitorJson:
    """The snapshot as plain values."""
    queue = snapshot.automation
    return {
        "at": snapshot.at.isoformat(),
        "sources": [
            {
                "source": one.source,
                "status": one.status,
                "stage": one.stage,
                "unit": one.unit,
                "done": one.done,
                "total": one.total,
                "rate": _rounded(one.rate),
                "left_seconds": _rounded(one.left_seconds),
                "quiet_seconds": round(one.quiet_seconds, 1),
                "run_id": one.run_id,
                "quarantined": one.quarantined,
                "in_step_at": _iso(one.in_step_at),
                "behind_seconds": round(one.behind_seconds, 1),
                "late": one.late,
                "error": one.error,
            }
            for one in snapshot.sources
        ],
        "queue": {
            "is_used": queue.is_used,
            "daemon_alive": queue.is_alive(snapshot.at),
            "daemon_heard_at": _iso(queue.heard_at()),
            "paused_since": _iso(queue.paused_since),
            "queued": queue.queued,
            "runs": [
                {
                    "run_id": run.run_id,
                    "job": run.job,
                    "source": run.source,
                    "status": run.status,
                    "created_at": run.created_at.isoformat(),
                    "started_at": _iso(run.started_at),
                    "priority": run.priority,
                }
                for run in queue.runs
            ],
            "pools": [
                {"name": pool.name, "limit": pool.limit, "used": pool.used, "waiting": pool.waiting}
                for pool in queue.pools
            ],
        },
        "processes": [
            {"pid": one.pid, "what": one.what, "cpu": round(one.cpu, 3), "memory": one.memory}
            for one in snapshot.processes
        ],
        "budgets": [
            {
                "site": one.site,
                "wait_seconds": round(one.wait_seconds, 3),
                "blocked_seconds": round(one.blocked_seconds, 3),
                "spacing_seconds": round(one.spacing_seconds, 3),
                "per_minute": one.per_minute,
            }
            for one in snapshot.budgets
        ],
        "errors": [
            {"source": one.source, "run_id": one.run_id, "at": one.at.isoformat(), "error": one.error}
            for one in snapshot.errors
        ],
    }


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)
