"""A sync as JSON."""

from __future__ import annotations

from typing import TypedDict


class SyncedSource(TypedDict):
    """What became of one source."""

    # type and name, such as git/handbook
    source: str
    # in step, success, partial, failed, stopped, removed or nothing found
    status: str
    # why it was due
    reason: str
    # what changed, as in the history of the run
    counts: dict[str, int | float]
    # documents that could not be brought in
    quarantined: int
    # how long its run took
    seconds: float
    # what went wrong, else empty
    error: str
    # what to do about that
    hint: str
    # its run in Dagster, empty where nothing ran
    run_id: str
    # the summary of the run, line by line
    summary: list[str]


class SyncCheck(TypedDict):
    """What the check of the collection found afterwards."""

    # whether the collection matches the state
    passed: bool
    # the checks that failed, with what they found
    failed: dict[str, str]
    # why it could not be checked, else empty
    error: str
    # its run in Dagster
    run_id: str


class SyncJson(TypedDict):
    """What a sync did."""

    # the sources that were asked, by name
    sources: list[SyncedSource]
    # null where it was not time for a check
    check: SyncCheck | None
    # whether a person or the system stopped it
    stopped: bool
    # sources for which the collection of the settings waits while searches use a former one
    searches_wait_for: list[str]
    # whether searches moved to the collection of the settings
    switched: bool
    # why they did not, though it is complete
    not_switched: str
    # how long all of it took
    seconds: float
