"""The planners: pure functions of frames that say what to fetch, delete, write and remove.

They compare what is upstream with what is applied and know nothing of how either is reached. The runners
beside this module carry the plans out.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from vector_pipeline.documents import LISTED

HELD = pl.Schema({"document_id": pl.Binary, "native_id": pl.Binary, "version": pl.String, "content_hash": pl.Binary})
"""What the store holds of a partition's live documents."""

FAILED = pl.Schema({"document_id": pl.Binary, "native_id": pl.Binary, "version": pl.String, "due": pl.Boolean})
"""Documents in quarantine, with whether they are to be tried again now."""

EXPECTED = pl.Schema({"chunk_id": pl.Binary, "fingerprint": pl.Binary})
"""Points as they should be, or as they were applied."""


@dataclass(frozen=True, slots=True)
class DocumentPlan:
    """What the documents stage has to do.

    `fetch` has schema LISTED plus `known` (whether an earlier version is held) and `forced` (whether it is to be read
    only because that was asked for); `delete` has schema HELD plus
    `moved` (the source says it goes on under another id); `release` lists ids that left quarantine because the
    source no longer has them, or has the version again that is held; `unchanged` counts the rest.
    """

    fetch: pl.DataFrame
    delete: pl.DataFrame
    release: list[bytes]
    unchanged: int


def plan_documents(
    listed: pl.DataFrame,
    held: pl.DataFrame,
    failed: pl.DataFrame,
    *,
    complete: bool,
    removed: list[bytes],
    unlisted_failures: list[bytes],
    refetch: bool = False,
    force: bool = False,
) -> DocumentPlan:
    """Compares a listing (LISTED) with what is held (HELD) and quarantined (FAILED).

    A document is fetched when it is new, when its version differs, or when `refetch` is set; a failed one only when
    its version is another than the one that failed, or when it is due. With `force` all that is listed is fetched.
    Only a complete listing deletes
    what it lacks; a delta deletes what it names in `removed`. Ids in `unlisted_failures` are known to exist though
    they could not be listed, and stay.
    """
    rows = listed.join(
        held.select("native_id", pl.col("version").alias("held_version")), on="native_id", how="left"
    ).join(
        failed.select("native_id", "due", failed_id="document_id", failed_version="version"), on="native_id", how="left"
    )
    differs = pl.col("held_version").is_null() | (pl.col("held_version") != pl.col("version"))
    failed_alike = (pl.col("failed_version") == pl.col("version")).fill_null(False)
    due = pl.col("due").fill_null(False)
    wanted = due | ((differs | pl.lit(refetch)) & ~(failed_alike & ~pl.lit(refetch)))
    fetch = rows.filter(wanted | pl.lit(force)).select(
        *LISTED, known=pl.col("held_version").is_not_null(), forced=~wanted
    )

    gone = pl.Series("native_id", removed, dtype=pl.Binary)
    stays = pl.Series("native_id", unlisted_failures, dtype=pl.Binary)
    if complete:
        absent = ~pl.col("native_id").is_in(listed["native_id"].implode())
    else:
        absent = pl.col("native_id").is_in(gone.implode()) & ~pl.col("native_id").is_in(listed["native_id"].implode())
    absent = absent & ~pl.col("native_id").is_in(stays.implode())
    moved_from = listed["previous_id"].drop_nulls()
    delete = held.filter(absent).with_columns(moved=pl.col("native_id").is_in(moved_from.implode()))
    is_back = ~wanted & ~differs & (pl.col("failed_version") != pl.col("version"))
    release = failed.filter(absent)["document_id"].to_list() + rows.filter(is_back)["failed_id"].to_list()
    return DocumentPlan(fetch, delete, release, unchanged=rows.height - fetch.height)


def count_vanished(delete: pl.DataFrame, staying: set[bytes]) -> int:
    """How many deletions take text away for good: not renamed, and their content not among what stays."""
    lost = delete.filter(~pl.col("moved"))
    return sum(1 for digest in lost["content_hash"].to_list() if digest not in staying)


def brake_holds(vanished: int, held: int, *, documents: int, share: float, nothing_listed: bool = False) -> bool:
    """Whether a person must allow a deletion: above both the number and the share, or where the source lists nothing.

    A folder that is not mounted and a repository whose branches are hidden look just like empty ones.
    """
    return (vanished > documents and vanished > share * held) or (nothing_listed and vanished > 0)


@dataclass(frozen=True, slots=True)
class PointPlan:
    """Chunk ids whose point is written (new or different) and point ids that go."""

    upsert: list[bytes]
    delete: list[bytes]


def plan_points(desired: pl.DataFrame, applied: pl.DataFrame) -> PointPlan:
    """Compares points as they should be with points as applied, both EXPECTED, of the same documents."""
    upsert = desired.join(applied, on=["chunk_id", "fingerprint"], how="anti")
    delete = applied.join(desired, on="chunk_id", how="anti")
    return PointPlan(upsert["chunk_id"].to_list(), delete["chunk_id"].to_list())
