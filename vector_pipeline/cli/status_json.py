"""The state of the sources as JSON."""

from __future__ import annotations

from datetime import datetime
from typing import TypedDict


class SourceStatus(TypedDict):
    """The state of one source."""

    # type and name, such as git/handbook
    source: str
    # in a word or two: in step, due, failed, …
    state: str
    # why it is due, else empty
    due: str
    # documents held
    documents: int
    # chunks they are cut into
    chunks: int
    # points in the collection of the settings
    points: int
    # documents that could not be brought in
    quarantined: int
    # when a run last ended well
    last_success_at: datetime | None
    # when the source was last asked
    observed_at: datetime | None
    # for how long it has not been in step
    behind_seconds: float
    # whether that is longer than its limit
    late: bool
    # what went wrong last, else empty
    error: str


class BuildStatus(TypedDict):
    """How far the collection of the settings is while searches use another one."""

    # the collection being built
    collection: str
    # the one that searches use
    live: str
    # whether somebody took it back
    rejected: bool
    # points there
    points: int
    # texts that have their vector already
    embedded: int
    # points there will be, as far as is known
    expected: int
    # sources
    partitions: int
    # those of them that are not complete in it
    waiting: list[str]
    # how far, in percent
    percent: int


class StatusJson(TypedDict):
    """The state of every source."""

    # in the order of the settings
    sources: list[SourceStatus]
    # sites that did not say which parts they have, with the error
    not_discovered: dict[str, str]
    # sites none of whose parts the settings take
    nothing_found: dict[str, str]
    # sources for which the collection of the settings waits while searches use a former one
    searches_wait_for: list[str]
    # null where searches use the collection of the settings
    build: BuildStatus | None
    # why the index could not be asked, else empty
    index_error: str
