"""What would mend what checks found: the smallest set of actions, per source.

Pure: offenders in, a plan out. An action is tried once; what offends again afterwards needs the next stronger one:
written from the store, cut again from the stored text, read again at the source.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from vector_pipeline.consistency.result import CUT, EMBED, FETCH, PURGE, REMOVE, SYNC, WRITE, CheckResult

STRONGER: Mapping[str, str] = {WRITE: CUT, EMBED: CUT, CUT: FETCH}
"""What is tried next where an action did not help; after the last one, a person has to look."""

OF_THE_INDEX = frozenset({"points_match_state", "counts_match"})
"""Checks whose "sync" needs no source: comparing the record with the collection is enough."""

FOUND = pl.Schema(
    {
        "check": pl.String,
        "severity": pl.String,
        "partition": pl.String,
        "document_id": pl.String,
        "point_id": pl.String,
        "why": pl.String,
        "repair": pl.String,
    }
)
"""Offenders of several checks, one below the other."""

NO_PARTITION = "?"
"""Stands for the partition of a point that names none."""

_ID = re.compile(r"[0-9a-f]{32}")

Tried = Set[tuple[str, str, str]]
"""What was done before: (partition, id of the document or else of the point, action)."""


@dataclass(frozen=True, slots=True)
class PartitionPlan:
    """What to do in one partition. Ids are bytes, sorted.

    Points: `write` again from the store, `remove` from the collection, `embed` again (and write). Documents: `look`
    (write what of their points the collection lacks), `cut` again, `fetch` at the source. `compare` everything with
    the collection; `sync` the source in full; `purge` all that is left of it.
    """

    partition: str
    write: tuple[bytes, ...] = ()
    look: tuple[bytes, ...] = ()
    remove: tuple[bytes, ...] = ()
    embed: tuple[bytes, ...] = ()
    cut: tuple[bytes, ...] = ()
    fetch: tuple[bytes, ...] = ()
    compare: bool = False
    sync: bool = False
    purge: bool = False

    @property
    def counts(self) -> dict[str, int]:
        """How many of what, without what is not to be done."""
        many = {name: len(getattr(self, name)) for name in ("write", "look", "remove", "embed", "cut", "fetch")}
        flags = {name: int(getattr(self, name)) for name in ("compare", "sync", "purge")}
        return {name: number for name, number in (many | flags).items() if number}


@dataclass(frozen=True, slots=True)
class Left:
    """Offenders that no action mends: of which check, where, how many, and what one of them says."""

    check: str
    partition: str
    number: int
    why: str


@dataclass(frozen=True, slots=True)
class RepairPlan:
    """Everything to do, by partition; `rebuild` says why the whole collection is made anew, "" where it need not."""

    partitions: Sequence[PartitionPlan] = ()
    left: Sequence[Left] = ()
    rebuild: str = ""
    actions: Tried = field(default_factory=frozenset)
    """What this plan tries, for the next one."""

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to do."""
        return not (self.partitions or self.rebuild)


def found_by(results: Iterable[CheckResult]) -> pl.DataFrame:
    """The offenders of all results, as FOUND."""
    frames = [
        one.offending.with_columns(check=pl.lit(one.name), severity=pl.lit(one.severity)).select(list(FOUND))
        for one in results
        if not one.offending.is_empty()
    ]
    return pl.concat(frames) if frames else pl.DataFrame(schema=FOUND)


def plan_repair(
    found: pl.DataFrame,
    *,
    known: Collection[str],
    configured: Collection[str],
    tried: Tried = frozenset(),
    sync: bool = False,
) -> RepairPlan:
    """The plan for offenders (FOUND).

    `known` are the partitions of the store, `configured` those of the settings: of one that is known and no longer
    configured, all goes. With `sync`, a source that is behind is synced. `tried` is what earlier plans did.
    """
    drafts: dict[str, _Draft] = {}
    left: dict[tuple[str, str], Left] = {}
    actions: set[tuple[str, str, str]] = set()
    for row in found.iter_rows(named=True):
        partition, subject = row["partition"], row["document_id"] or row["point_id"]
        action = _action(row, tried)
        if partition in known and partition not in configured and action not in ("", SYNC):
            action = PURGE
        if action == SYNC and row["check"] not in OF_THE_INDEX and not (sync and partition in configured):
            action = ""
        if partition not in known and action != (REMOVE if partition == NO_PARTITION else PURGE):
            action = ""  # a site, say, which is no partition itself
        subject = "" if action in (SYNC, PURGE) else subject
        untried = action and (partition, subject, action) not in tried
        if untried and drafts.setdefault(partition, _Draft()).add(action, row):
            actions.add((partition, subject, action))
        else:
            _leave(left, row)
    plans = [drafts[name].plan(name) for name in sorted(drafts)]
    actions -= {(plan.partition, "", SYNC) for plan in plans if not (plan.compare or plan.sync)}
    # Comparisons last: a point that another source is about to claim back must not be taken for a stray before.
    plans.sort(key=lambda plan: plan.compare)
    return RepairPlan([plan for plan in plans if plan.counts], list(left.values()), actions=frozenset(actions))


def _action(row: Mapping[str, Any], tried: Tried) -> str:
    """What to do about an offender: what its check says, or the next stronger action where that was done already.

    A warning is not worth a stronger one.
    """
    action, subject = str(row["repair"]), row["document_id"] or row["point_id"]
    while (row["partition"], subject, action) in tried and action in STRONGER and row["severity"] == "error":
        if not row["document_id"]:
            return ""
        action = STRONGER[action]
    return action


def _leave(left: dict[tuple[str, str], Left], row: Mapping[str, Any]) -> None:
    key = (row["check"], row["partition"])
    before = left.get(key)
    left[key] = Left(*key, 1 + (before.number if before else 0), before.why if before else row["why"])


def _id(text: str) -> bytes:
    """The id, b"" for none; what a payload claims to be a document's id need not be one."""
    return bytes.fromhex(text) if _ID.fullmatch(text) else b""


class _Draft:
    """What is wanted in one partition, before what others cover is left out."""

    def __init__(self) -> None:
        self.points: dict[str, set[bytes]] = {WRITE: set(), REMOVE: set(), EMBED: set()}
        self.documents: dict[str, set[bytes]] = {WRITE: set(), CUT: set(), FETCH: set()}
        self.flags: dict[str, bool] = {"compare": False, SYNC: False, PURGE: False}

    def add(self, action: str, row: Mapping[str, Any]) -> bool:
        """Notes an action; False where the row names nothing that it could be done to."""
        document, point = _id(row["document_id"]), _id(row["point_id"])
        if action == SYNC:
            self.flags["compare" if row["check"] in OF_THE_INDEX else SYNC] = True
        elif action == PURGE:
            self.flags[PURGE] = True
        elif action in (CUT, FETCH) and document:
            self.documents[action].add(document)
        elif action in (WRITE, REMOVE, EMBED) and point:
            self.points[action].add(point)
        elif action in (WRITE, EMBED) and document:
            self.documents[WRITE].add(document)
        else:
            return False
        return True

    def plan(self, name: str) -> PartitionPlan:
        """The smallest plan: nothing besides a purge, no point removed that is written over, none written twice."""
        if self.flags[PURGE]:
            return PartitionPlan(name, purge=True)
        embed = self.points[EMBED]
        write = self.points[WRITE] - embed
        remove = self.points[REMOVE] - write - embed
        exact = bool(write or embed or remove or any(self.documents.values()))
        return PartitionPlan(
            name,
            write=tuple(sorted(write)),
            look=tuple(sorted(self.documents[WRITE])),
            remove=tuple(sorted(remove)),
            embed=tuple(sorted(embed)),
            cut=tuple(sorted(self.documents[CUT])),
            fetch=tuple(sorted(self.documents[FETCH])),
            # What is wrong point by point is known already; should more be wrong, the next look says so.
            compare=self.flags["compare"] and not exact and not self.flags[SYNC],
            sync=self.flags[SYNC],
        )
