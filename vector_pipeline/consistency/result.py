"""What a check says: whether the invariant holds, over how much it looked, who offends, and what would mend that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import polars as pl

MOST_OFFENDERS = 50
"""Offenders that a report shows; the number of all of them is in `offenders`."""

OFFENDERS = pl.Schema(
    {
        "partition": pl.String,
        "document_id": pl.String,
        "point_id": pl.String,
        "why": pl.String,
        "repair": pl.String,
    }
)
"""One row per offence. Ids are 32 hex digits, "" where the offence is of no single document or point.

`repair` names what mends it: one of REPAIRS.
"""

OFFENDER_COLUMNS = ("partition", "document", "point_id", "why", "repair", "document_id")
"""The columns of `offender_rows`, the ones that people read first in front."""

Severity = Literal["error", "warning"]

WRITE, REMOVE, EMBED, CUT, FETCH, PURGE, SYNC = "write", "remove", "embed", "cut", "fetch", "purge", "sync"
REPAIRS: Mapping[str, str] = {
    WRITE: "the point is written again from the store",
    REMOVE: "the point is removed from the collection",
    EMBED: "the text is embedded again and its point written",
    CUT: "the document is cut again",
    FETCH: "the document is read again at its source",
    PURGE: "what is left of the removed source goes",
    SYNC: "a sync of the source, full if need be",
    "": "nothing that the pipeline could do by itself",
}
"""What `repair` may do, in words."""


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The answer of one check. `compared` rows were looked at; `offending` holds all offenders (OFFENDERS).

    `numbers` are figures that the check found besides, for plots. `unconfirmed` names partitions that looked wrong
    while a run was writing to them for so long that nobody could look again: that run's own checks decide.
    `documents` gives the readable names of the documents that `table` shows, by id. `error` says why the check could
    not run, "" if it did.
    """

    name: str
    invariant: str
    severity: Severity
    compared: int
    offending: pl.DataFrame
    seconds: float
    numbers: Mapping[str, float] = field(default_factory=dict)
    unconfirmed: tuple[str, ...] = ()
    documents: Mapping[str, str] = field(default_factory=dict)
    error: str = ""

    @property
    def passed(self) -> bool:
        """Whether the check ran and nothing offends."""
        return not self.error and self.offending.is_empty()

    @property
    def is_error(self) -> bool:
        """Whether it is an error if it does not pass; that it could not run always is."""
        return bool(self.error) or self.severity == "error"

    @property
    def offenders(self) -> int:
        """How many rows offend."""
        return self.offending.height

    @property
    def table(self) -> pl.DataFrame:
        """The first offenders, at most 50."""
        return self.offending.head(MOST_OFFENDERS)

    @property
    def by_partition(self) -> dict[str, dict[str, int]]:
        """Number of offenders per partition and reason."""
        table: dict[str, dict[str, int]] = {}
        counted = self.offending.group_by("partition", "why").len().sort("partition", "why")
        for partition, why, number in counted.iter_rows():
            table.setdefault(partition, {})[why] = number
        return table


def offender_rows(result: CheckResult) -> list[dict[str, str]]:
    """The first offenders for people: OFFENDER_COLUMNS, with the readable name of each document where it is known."""
    rows = [{**row, "document": result.documents.get(row["document_id"], "")} for row in result.table.to_dicts()]
    return [{name: str(row[name]) for name in OFFENDER_COLUMNS} for row in rows]


def with_other(result: CheckResult, other: CheckResult, collection: str) -> CheckResult:
    """The result of a check with that of the same for another collection, whose offenders say so."""
    elsewhere = other.offending.with_columns(why=pl.concat_str("why", pl.lit(f" (in {collection})")))
    error = f"{collection}: {other.error}" if other.error else ""
    both = merged([result, replace(other, offending=elsewhere, error=error)])
    return replace(both, numbers=result.numbers)


def merged(results: Sequence[CheckResult]) -> CheckResult:
    """One result of a check for several partitions that were looked at apart; there must be at least one.

    Numbers besides are left out where there are several: they are of one look each.
    """
    first = results[0]
    if len(results) == 1:
        return first
    return replace(
        first,
        compared=sum(result.compared for result in results),
        offending=pl.concat(result.offending for result in results),
        seconds=sum(result.seconds for result in results),
        numbers={},
        unconfirmed=tuple(name for result in results for name in result.unconfirmed),
        documents={key: name for result in results for key, name in result.documents.items()},
        error="; ".join(dict.fromkeys(result.error for result in results if result.error)),
    )
