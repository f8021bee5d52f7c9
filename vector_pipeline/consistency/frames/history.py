"""Frames about what runs did: what each says of itself, what the documents' history says of it, what is left of it.

Only as far back as both histories are whole: their oldest rows go with time.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl

from vector_pipeline.consistency.look import Look
from vector_pipeline.state.evidence import CHANGES, LAST_CHANGES, RETURNS
from vector_pipeline.state.records import Ingestion
from vector_pipeline.sync.history import ALLOWED, BRAKE_DOCUMENTS, BRAKE_SHARE, REMOVAL, REVISION, ROWS

INGESTIONS = pl.Schema(
    {
        "partition": pl.String,
        "run_id": pl.String,
        "status": pl.String,
        "mode": pl.String,
        "age": pl.Float64,
        "ended": pl.Float64,
        "seconds": pl.Float64,
        "added": pl.Int64,
        "changed": pl.Int64,
        "metadata": pl.Int64,
        "deleted": pl.Int64,
        "moved": pl.Int64,
        "documents": pl.Int64,
        "revision": pl.Int64,
        "brake_documents": pl.Int64,
        "brake_share": pl.Float64,
        "recent": pl.Boolean,
        "allowed": pl.Boolean,
    }
)
"""Runs by what they say of themselves. `age` and `ended`: seconds since they began and ended (null where not);
`seconds`: how long their stages took; `documents` at `revision`: what there was after the documents stage, null where
that did not finish; `recent`: whether the documents' history is whole since it began; `allowed`: no brake held it.
"""

BUILT = pl.Schema({"partition": pl.String, "built": pl.Boolean, "revision": pl.Int64, "runs": pl.Int64})
"""Partitions: whether a scan was ever applied whole, their revision, and how many runs the history knows."""

MATERIALIZED = pl.Schema(
    {
        "partition": pl.String,
        "stage": pl.String,
        "run_id": pl.String,
        "revision": pl.Int64,
        "rows": pl.Int64,
        "age": pl.Float64,
    }
)
"""The last time Dagster recorded the documents or the points of a partition as made, with what it says of them."""

RUNS_OF_EACH = 100
"""Runs of every partition that are looked at."""

WINDOW = timedelta(days=7)
"""How far back the documents' history is looked at, at most."""


def ingestions(look: Look) -> pl.DataFrame:
    """The latest runs of every partition, as INGESTIONS."""
    rows = look.pipeline.store.recent_ingestions(look.partition_number(), RUNS_OF_EACH)
    return _runs(look, rows)


def changes(look: Look) -> pl.DataFrame:
    """What runs did to documents lately, by their history, as CHANGES with `recent`: whether all of it is known."""
    since = _since(look)
    found = look.pipeline.store.run_changes(look.partition_number()).select(list(CHANGES))
    return found.with_columns(recent=pl.col("first_at") >= since)


def changing(look: Look) -> pl.DataFrame:
    """What the runs say of themselves that have changed documents lately, as INGESTIONS."""
    # Read after the changes: a run is entered before it changes anything.
    recent = look.frame("changes").filter("recent")
    found = look.pipeline.store.ingestions_of(recent["run_id"].unique().to_list())
    return _runs(look, [row for row in found if look.partition in (None, row.partition)])


def last_changes(look: Look) -> pl.DataFrame:
    """Every document with the last of its changes, as LAST_CHANGES."""
    return look.pipeline.store.last_changes(look.partition_number()).select(list(LAST_CHANGES))


def returns(look: Look) -> pl.DataFrame:
    """Documents that came again and again with the same text, as RETURNS."""
    store = look.pipeline.store
    return store.returns(look.partition_number(), look.now - WINDOW).select(list(RETURNS))


def built(look: Look) -> pl.DataFrame:
    """The partitions, as BUILT."""
    store = look.pipeline.store
    # Runs after versions: a run is entered before anything is built.
    versions = {
        one: bool(store.built_version(one.partition_id))
        for one in store.partitions()
        if look.partition in (None, one.name)
    }
    facts = store.run_facts()
    rows = [
        (one.name, is_built, one.revision, facts[one.partition_id].runs if one.partition_id in facts else 0)
        for one, is_built in versions.items()
    ]
    return pl.DataFrame(rows, schema=BUILT, orient="row")


def materialized(look: Look) -> pl.DataFrame:
    """Nothing, as MATERIALIZED: only a look from within Dagster sees its records."""
    return pl.DataFrame(schema=MATERIALIZED)


def _since(look: Look) -> datetime:
    """Since when both histories are whole, as far as they are looked at: `prune` may have taken what is older."""
    kept = look.pipeline.settings.retention
    known = look.pipeline.store.changes_known_since() or datetime.min.replace(tzinfo=UTC)
    return max(known, look.now - min(WINDOW, kept.history, kept.deleted_documents))


def _runs(look: Look, rows: list[Ingestion]) -> pl.DataFrame:
    since = _since(look)
    return pl.DataFrame([_run(row, look.now, since) for row in rows], schema=INGESTIONS)


def _run(row: Ingestion, now: datetime, since: datetime) -> dict[str, Any]:
    counts: Mapping[str, int | float] = row.counts
    share = counts.get(BRAKE_SHARE)
    did = {name: int(counts.get(f"documents: {name}", 0)) for name in ("added", "changed", "metadata", "deleted")}
    return {
        "partition": row.partition,
        "run_id": row.run_id,
        "status": row.status,
        "mode": row.mode,
        "age": (now - row.started_at).total_seconds(),
        "ended": None if row.finished_at is None else (now - row.finished_at).total_seconds(),
        "seconds": row.seconds,
        **did,
        "moved": int(counts.get("documents: moved", 0)),
        "documents": _whole(counts.get(ROWS)),
        "revision": _whole(counts.get(REVISION)),
        "brake_documents": _whole(counts.get(BRAKE_DOCUMENTS)),
        "brake_share": None if share is None else float(share),
        "recent": row.started_at >= since,
        "allowed": row.mode == REMOVAL or row.mode.endswith(ALLOWED),
    }


def _whole(value: float | None) -> int | None:
    return None if value is None else int(value)
