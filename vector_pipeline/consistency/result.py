"""What a check says: whether the invariant holds, over how much it looked, and who offends."""

from __future__ import annotations

from dataclasses import dataclass, field

import polars as pl

MOST_OFFENDERS = 50
"""Offenders that a result carries; the number of all of them is in `offenders`."""


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The answer of one check. `compared` rows were looked at; `table` holds at most 50 of the offenders.

    `by_partition` counts offenders per partition and reason, for reports. `unconfirmed` names partitions that looked
    wrong while a run was writing to them for so long that nobody could look again: that run's own checks decide.
    """

    name: str
    passed: bool
    compared: int
    offenders: int
    table: pl.DataFrame
    seconds: float
    invariant: str = ""
    by_partition: dict[str, dict[str, int]] = field(default_factory=dict)
    unconfirmed: tuple[str, ...] = ()
