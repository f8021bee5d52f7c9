"""The one runner of all checks: SQL over frames in an in-memory DuckDB.

A check reads while syncs may be writing. What looks wrong at first is therefore looked at again, partition
by partition under its lock, and only what is still wrong then is reported.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import duckdb
import polars as pl

from vector_pipeline.consistency.check_file import COLLECTION, Check, all_checks, checks_on
from vector_pipeline.consistency.frames import FRAMES, OF_A_COLLECTION
from vector_pipeline.consistency.look import Depth, Look
from vector_pipeline.consistency.result import MOST_OFFENDERS, OFFENDERS, CheckResult
from vector_pipeline.errors import PipelineError
from vector_pipeline.index.base import VectorIndexError
from vector_pipeline.state.errors import StateLocked
from vector_pipeline.sync.builds import active_builds
from vector_pipeline.sync.collection import collection_is_lost
from vector_pipeline.sync.pipeline import Pipeline

POINTS_MATCH_STATE = "points_match_state"
_ID = re.compile(r"[0-9a-f]{32}")
_CONFIG: dict[str, str | bool | int | float | list[str]] = {
    # Nothing is fetched.
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
}

NO_PARTITION = "?"
"""Stands in the results for the partition of a point that names none."""


def look_at(
    pipeline: Pipeline, partition: str | None = None, *, depth: Depth = Depth.SAMPLE, seed: int | None = None
) -> Look:
    """A look with all frames; `seed` chooses the sample, by default from the time."""
    look = Look(pipeline, FRAMES, partition, depth)
    return look if seed is None else Look(pipeline, FRAMES, partition, depth, seed)


def checked_builds(pipeline: Pipeline) -> list[Pipeline]:
    """The pipelines of the collections to check: that of the one that searches use, where its settings are known, then
    that of the one being built.
    """
    try:
        first, *others = active_builds(pipeline)
        return [first, *(build for build in others if not collection_is_lost(build))]
    except VectorIndexError:
        # The checks that need the index will say so, each for itself.
        return [pipeline]


def is_of_a_collection(check: Check) -> bool:
    """Whether what it says of one collection says nothing of another."""
    return not OF_A_COLLECTION.isdisjoint(check.frames)


def run_checks(look: Look, checks: Iterable[Check] | None = None) -> list[CheckResult]:
    """The results of checks over one look, in their order; of all that are registered on the collection by default."""
    return list(each_result(look, checks_on(COLLECTION) if checks is None else list(checks)))


def each_result(look: Look, checks: Sequence[Check]) -> Iterator[CheckResult]:
    """The result of each check as soon as it is there. One that can't run says why, and the others go on.

    Frames that no later check reads are given up, so that not all of them are in memory at once.
    """
    with _database() as database:
        for position, check in enumerate(checks):
            started = time.monotonic()
            try:
                yield _result(database, check, look)
            except PipelineError as error:
                nothing = pl.DataFrame(schema=OFFENDERS)
                seconds = time.monotonic() - started
                yield CheckResult(check.name, check.invariant, check.severity, 0, nothing, seconds, error=str(error))
            look.release(name for later in checks[position + 1 :] for name in (*later.frames, *later.compares))


def run_check(check: Check, look: Look) -> CheckResult:
    """The result of one check: what it says at a second look where the first was bad. Raises PipelineError."""
    with _database() as database:
        return _result(database, check, look)


def _result(database: duckdb.DuckDBPyConnection, check: Check, look: Look) -> CheckResult:
    started = time.monotonic()
    offending, numbers = _query(database, check, {name: look.frame(name) for name in check.frames})
    unconfirmed: tuple[str, ...] = ()
    if check.confirmed and not offending.is_empty():
        offending, unconfirmed = _confirmed(database, check, look, offending)
    compared = numbers.pop("compared", None)
    return CheckResult(
        name=check.name,
        invariant=check.invariant,
        severity=check.severity,
        compared=max((look.frame(name).height for name in check.compares), default=0)
        if compared is None
        else int(compared),
        offending=offending,
        seconds=time.monotonic() - started,
        numbers=numbers,
        unconfirmed=unconfirmed,
        documents=_names(look, offending),
    )


def _names(look: Look, offending: pl.DataFrame) -> dict[str, str]:
    """Readable names of the documents that are shown as offenders, by id."""
    ids = offending.head(MOST_OFFENDERS)["document_id"].unique().to_list()
    wanted = [bytes.fromhex(one) for one in ids if _ID.fullmatch(one)]
    named = look.pipeline.store.document_names(wanted) if wanted else {}
    return {document_id.hex(): name for document_id, name in named.items()}


def run_sql(name: str, frames: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """The offenders (OFFENDERS) that a check finds in frames made elsewhere."""
    with _database() as database:
        return _query(database, all_checks()[name], frames)[0]


def check_points_match_state(pipeline: Pipeline, partition: str | None = None) -> CheckResult:
    """Compares the state store with the collection, for one partition or for all of them and what is in none."""
    return run_check(all_checks()[POINTS_MATCH_STATE], look_at(pipeline, partition))


@contextmanager
def _database() -> Iterator[duckdb.DuckDBPyConnection]:
    """An empty database in memory. Opening one takes longer than most checks, so that many share it."""
    with duckdb.connect(":memory:", config=_CONFIG) as database:
        # Nothing is drawn over what the command line shows; DuckDB takes this setting only from a session.
        database.execute("SET enable_progress_bar = false")
        yield database


def _query(
    database: duckdb.DuckDBPyConnection, check: Check, frames: Mapping[str, pl.DataFrame]
) -> tuple[pl.DataFrame, dict[str, float]]:
    """The offenders, and the numbers besides."""
    for name, frame in frames.items():
        database.register(name, frame.to_arrow())
    try:
        offending = database.sql(check.offenders).pl().cast(dict(OFFENDERS)).select(list(OFFENDERS))
        if not check.numbers:
            return offending, {}
        row = database.sql(check.numbers).pl().to_dicts()[0]
        return offending, {name: float(value) for name, value in row.items() if value is not None}
    finally:
        for name in frames:
            database.unregister(name)


def _confirmed(
    database: duckdb.DuckDBPyConnection, check: Check, look: Look, offending: pl.DataFrame
) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """The offenders that are still there when nobody is writing to their partition, and the partitions where a run
    was writing for too long to look again.
    """
    # A point that names no source is nobody's: no run will ever write it, so there is nothing to wait for.
    confirmed = [offending.filter(pl.col("partition") == NO_PARTITION)]
    unconfirmed = []
    for (name,), suspects in offending.sort("partition").group_by("partition", maintain_order=True):
        partition = str(name)
        if partition == NO_PARTITION:
            continue
        try:
            with look.pipeline.store.lock(partition):
                again = look.again(partition, suspects)
                confirmed.append(_query(database, check, {one: again.frame(one) for one in check.frames})[0])
        except StateLocked:
            unconfirmed.append(partition)
    return pl.concat(confirmed), tuple(unconfirmed)
