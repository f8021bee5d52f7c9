"""What a check says: whether the invariant holds, over how much it looked, who offends, and what would mend that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
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
    """

    name: str
    invariant: str
    severity: Severity
    compared: int
    offending: pl.DataFrame
    seconds: float
    numbers: Mapping[str, float] = field(default_factory=dict)
    unconfirmed: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether nothing offends."""
        return self.offending.is_empty()

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
