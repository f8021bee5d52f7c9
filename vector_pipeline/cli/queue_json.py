"""What the commands about the queue print with `--json`."""

from __future__ import annotations

from typing import TypedDict


class PauseJson(TypedDict):
    """A pause of the queue."""

    # Since when nothing starts.
    since: str
    # Why, in the words of whoever paused; "" for none.
    reason: str


class QueuedRunJson(TypedDict):
    """A run that has not ended."""

    # The id of the run.
    run_id: str
    # The job it is a run of.
    job: str
    # The source it is for; "" where it is for none, or for several.
    source: str
    # queued, starting, running or stopping.
    state: str
    # Why it was asked for.
    reason: str
    # Higher ones start first.
    priority: int
    # Whether it counts as bulk work, of which only some runs go at once.
    bulk: bool
    # When it was asked for.
    asked_at: str
    # When it began, if it has.
    started_at: str | None
    # Seconds since it was asked for.
    age: float


class PoolJson(TypedDict):
    """A pool."""

    # Its name: a source type, embedding or index.
    name: str
    # How many steps it lets go at once; null for no limit.
    limit: int | None
    # How many do.
    used: int
    # How many wait for a place.
    waiting: int


class QueueJson(TypedDict):
    """The queue: what runs, what waits, and whether anything starts."""

    # The pause in force, null for none.
    paused: PauseJson | None
    # Whether Dagster's daemon, which starts runs, is there.
    daemon_alive: bool
    # When the daemon was last heard of, null for never.
    daemon_heard_at: str | None
    # Runs that may be under way at once; 0 while the queue is paused.
    limit: int
    # Of these, runs at most that count as bulk work; null where nothing limits them.
    bulk_limit: int | None
    # The runs under way, then those that wait, in the order in which they start.
    runs: list[QueuedRunJson]
    # The pools by name.
    pools: list[PoolJson]


class CanceledRunJson(TypedDict):
    """A run that was cancelled."""

    # The id of the run.
    run_id: str
    # canceled, or stopping while its process ends.
    state: str


class CanceledJson(TypedDict):
    """What `queue cancel` did."""

    # The runs it was done to.
    runs: list[CanceledRunJson]


class RetriedJson(TypedDict):
    """What `queue retry` did."""

    # The id of the new run.
    run_id: str
    # The id of the run that is tried again.
    parent_run_id: str
    # Whether it goes on behind the steps that succeeded.
    from_failure: bool


class PausedJson(TypedDict):
    """What `queue pause` or `queue resume` did."""

    # The pause in force now, null for none.
    paused: PauseJson | None
    # Whether the command changed something.
    changed: bool
    # Runs that are under way and go on.
    under_way: int
    # Runs that wait in the queue.
    queued: int


class WatchedRunJson(TypedDict):
    """A run that was followed to its end."""

    # The id of the run.
    run_id: str
    # The source it is for; "" where it is for none, or for several.
    source: str
    # done, failed or canceled; queued, starting, running or stopping where watching was interrupted.
    state: str
    # What it did, in words; "" where nothing is recorded of it.
    summary: str
    # What went wrong, "" for nothing.
    error: str


class WatchJson(TypedDict):
    """The runs that were followed."""

    # The runs, in the order in which they were asked for.
    runs: list[WatchedRunJson]


class DetachedRunJson(TypedDict):
    """A run that syncs a source."""

    # The id of the run.
    run_id: str
    # The source.
    source: str
    # Why the source is due.
    reason: str
    # False where a run that was asked for earlier will do it.
    new: bool


class NotAskedForJson(TypedDict):
    """A source for which no run was asked for."""

    # The source.
    source: str
    # What went wrong.
    error: str


class DetachedJson(TypedDict):
    """What `sync --detach` put into the queue."""

    # The runs, one for each source that is due.
    runs: list[DetachedRunJson]
    # Sources that did not answer.
    failed: list[NotAskedForJson]
