"""The checks: each a `.sql` file whose comment states the invariant, run over frames in an in-memory DuckDB.

A check reads while syncs may be writing. What looks wrong at first is therefore looked at again, partition
by partition under its lock, and only what is still wrong then is reported.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from importlib import resources

import duckdb
import polars as pl

from vector_pipeline.consistency.frames import state_and_index
from vector_pipeline.consistency.result import MOST_OFFENDERS, CheckResult
from vector_pipeline.state.errors import StateLocked
from vector_pipeline.sync.pipeline import Pipeline

POINTS_MATCH_STATE = "points_match_state"
_CONFIG: dict[str, str | bool | int | float | list[str]] = {
    # Nothing is fetched.
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
}

NO_PARTITION = "?"
"""Stands in the results for the partition of a point that names none."""


def run_sql(name: str, frames: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """The offenders that `sql/<name>.sql` finds in the frames: partition, document_id, point_id, why."""
    query = resources.files("vector_pipeline.consistency").joinpath("sql", f"{name}.sql").read_text("utf-8")
    with duckdb.connect(":memory:", config=_CONFIG) as database:
        # Nothing is drawn over what the command line shows; DuckDB takes this setting only from a session.
        database.execute("SET enable_progress_bar = false")
        for frame_name, frame in frames.items():
            database.register(frame_name, frame.to_arrow())
        offenders: pl.DataFrame = database.sql(query).pl()
        return offenders


def invariant(name: str) -> str:
    """The sentence that states what a check proves: the first line of its SQL file."""
    query = resources.files("vector_pipeline.consistency").joinpath("sql", f"{name}.sql").read_text("utf-8")
    return query.splitlines()[0].removeprefix("--").strip()


def check_points_match_state(pipeline: Pipeline, partition: str | None = None) -> CheckResult:
    """Compares the state store with the collection, for one partition or for all of them and what is in none."""
    started = time.monotonic()
    frames = state_and_index(pipeline, partition)
    offenders = run_sql(POINTS_MATCH_STATE, frames)
    unconfirmed: tuple[str, ...] = ()
    if not offenders.is_empty():
        offenders, unconfirmed = _confirmed(pipeline, offenders)
    return CheckResult(
        name=POINTS_MATCH_STATE,
        passed=offenders.is_empty(),
        compared=max(frames["recorded"].height, frames["indexed"].height),
        offenders=offenders.height,
        table=offenders.head(MOST_OFFENDERS),
        seconds=time.monotonic() - started,
        invariant=invariant(POINTS_MATCH_STATE),
        by_partition=_by_partition(offenders),
        unconfirmed=unconfirmed,
    )


def _confirmed(pipeline: Pipeline, offenders: pl.DataFrame) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """The offenders that are still there when nobody is writing to their partition, and the partitions where a run
    was writing for too long to look again.
    """
    # A point that names no source is nobody's: no run will ever write it, so there is nothing to wait for.
    confirmed = [offenders.filter(pl.col("partition") == NO_PARTITION)]
    unconfirmed = []
    for name in offenders["partition"].unique().sort().to_list():
        if name == NO_PARTITION:
            continue
        try:
            with pipeline.store.lock(name):
                confirmed.append(run_sql(POINTS_MATCH_STATE, state_and_index(pipeline, name)))
        except StateLocked:
            unconfirmed.append(name)
    return pl.concat(confirmed), tuple(unconfirmed)


def _by_partition(offenders: pl.DataFrame) -> dict[str, dict[str, int]]:
    table: dict[str, dict[str, int]] = {}
    for partition, why, number in offenders.group_by("partition", "why").len().sort("partition", "why").iter_rows():
        table.setdefault(partition, {})[why] = number
    return table
