"""Checks and repairs as JSON."""

from __future__ import annotations

from typing import TypedDict


class Offender(TypedDict):
    """Something that a check found wrong."""

    # its source
    partition: str
    # path, address or title of its document, where known
    document: str
    # id of the document, where there is one
    document_id: str
    # id of the point, where there is one
    point_id: str
    # what is wrong with it
    why: str
    # what mends it
    repair: str


class CheckAnswer(TypedDict):
    """What a check found."""

    # name of the check
    name: str
    # what must hold
    invariant: str
    # error or warning
    severity: str
    # whether nothing offends
    passed: bool
    # why it could not look, else empty
    error: str
    # how many things were compared
    compared: int
    # how many of them offend
    offenders: int
    # the same by source and by what mends them
    offenders_by_source: dict[str, dict[str, int]]
    # at most 50 of them
    first_offenders: list[Offender]
    # sources that looked wrong while a run was writing them, and are not counted
    being_written: list[str]
    # other numbers that the check found
    numbers: dict[str, float]
    # how long it took
    seconds: float


class CheckJson(TypedDict):
    """What the checks found."""

    # whether all passed, warnings too
    passed: bool
    # the collections looked at, the one that searches use first
    collections: list[str]
    # one per check
    checks: list[CheckAnswer]


class CheckFacts(TypedDict):
    """One of the checks there are."""

    # its name
    name: str
    # error or warning
    severity: str
    # the stages, or the collection, that it belongs to
    on: list[str]
    # when it runs by itself
    when: str
    # what must hold
    invariant: str


class CheckListJson(TypedDict):
    """The checks there are."""

    # by name
    checks: list[CheckFacts]


class RepairPlanned(TypedDict):
    """What would be done, or was done, for one source. Ids as hexadecimal digits."""

    # its name; empty for all
    source: str
    # points to write again from what is stored
    write: list[str]
    # documents whose points are looked at one by one
    look: list[str]
    # points to remove
    remove: list[str]
    # points to embed again
    embed: list[str]
    # documents to cut again
    cut: list[str]
    # documents to read again at the source
    fetch: list[str]
    # whether all of it is compared with the collection
    compare: bool
    # whether all of it is synced
    sync: bool
    # whether all that is left of it goes
    purge: bool


class RepairDone(TypedDict):
    """What was done for one source."""

    # its name
    source: str
    # what, in numbers
    counts: dict[str, int]
    # what went wrong, else empty
    error: str


class RepairCheck(TypedDict):
    """What a check said before or after."""

    # its name
    check: str
    # whether it passed
    passed: bool
    # error or warning
    severity: str
    # how many things were compared
    compared: int
    # how many of them offend
    offenders: int
    # why it could not look, else empty
    error: str


class RepairLeft(TypedDict):
    """What nothing could mend."""

    # the check that found it
    check: str
    # the source
    source: str
    # how many
    offenders: int
    # why it is left
    why: str


class RepairedCollection(TypedDict):
    """The repair of one collection."""

    # its name
    collection: str
    # whether all checks of errors pass now
    passed: bool
    # whether anything was carried out
    done: bool
    # why all points are written again, else empty
    rebuild: str
    # what is to be done, by source
    plan: list[RepairPlanned]
    # what was done, by source
    sources: list[RepairDone]
    # what the checks said before
    before: list[RepairCheck]
    # what they say now; null where nothing was carried out
    after: list[RepairCheck] | None
    # what is left
    left: list[RepairLeft]


class RepairJson(TypedDict):
    """What a repair did."""

    # the collection that searches use first
    collections: list[RepairedCollection]
