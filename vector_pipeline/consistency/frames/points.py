"""Frames about points: those recorded as applied, those that should be, and those the collection holds."""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

from vector_pipeline.consistency.look import Look
from vector_pipeline.state.records import DERIVED, EXPECTED
from vector_pipeline.sync.cursors import is_behind
from vector_pipeline.sync.stages import CHUNKS, EMBEDDINGS, POINTS

# Millions of rows: names are numbers into a list of the few there are, ids and hashes are bytes.
RECORDED = pl.Schema({**EXPECTED, "partition": pl.Categorical()})
CURRENT = pl.Schema({**DERIVED, "partition": pl.Categorical()})
PRESENT = pl.Schema(
    [("source", pl.Categorical()), ("document_id", pl.Binary), ("point_id", pl.Binary), ("payload_hash", pl.Binary)]
)
"""What a collection holds; null where a payload lacks the field or holds what is no id or hash."""

KEPT_BACK = pl.Schema({"partition": pl.String, "document_id": pl.Binary})
KNOWN = pl.Schema({"partition": pl.String})
SETTLED = pl.Schema({"partition": pl.String})
COUNTS = pl.Schema({"partition": pl.String, "recorded": pl.Int64, "indexed": pl.Int64})


def recorded(look: Look) -> pl.DataFrame:
    """The points that the store says are in the collection, as RECORDED."""
    store = look.pipeline.store
    return joined(store.expected_points(_target(look), look.partition_number()), RECORDED)


def derived(look: Look) -> pl.DataFrame:
    """Every chunk of every live document, as CURRENT."""
    return joined(look.pipeline.store.derived_points(look.pipeline.chunking, look.partition_number()), CURRENT)


def indexed(look: Look) -> pl.DataFrame:
    """The points in the collection, as PRESENT."""
    pipeline = look.pipeline
    exists = pipeline.index.exists(pipeline.collection)
    frames = pipeline.index.scroll(pipeline.collection, look.partition) if exists else ()
    return joined((present(frame) for frame in frames), PRESENT)


def present(frame: pl.DataFrame) -> pl.DataFrame:
    """An INDEXED frame as PRESENT."""
    document_id = pl.col("document_id").str.replace_all("-", "", literal=True)
    return frame.select(
        pl.col("source").cast(pl.Categorical()),
        document_id.str.decode("hex", strict=False),
        "point_id",
        pl.col("payload_hash").str.decode("hex", strict=False),
    )


def kept_back(look: Look) -> pl.DataFrame:
    """Documents in quarantine, which keep the points of their last good version, as KEPT_BACK.

    What could not be cut or embedded for another collection is not kept back in this one. Former versions filed it
    without the name of the collection.
    """
    pipeline = look.pipeline
    base = pl.col("stage").str.split("@").list.first()
    own = [CHUNKS, EMBEDDINGS, *(pipeline.quarantine_stage(stage) for stage in (CHUNKS, EMBEDDINGS))]
    rows = pipeline.store.quarantined(look.partition_number())
    return rows.filter(~base.is_in([CHUNKS, EMBEDDINGS]) | pl.col("stage").is_in(own)).select(list(KEPT_BACK)).unique()


def known(look: Look) -> pl.DataFrame:
    """The partitions that the store knows, as KNOWN: what is left of others is of removed sources."""
    names = [one.name for one in look.pipeline.store.partitions()]
    return pl.DataFrame({"partition": names}, schema=KNOWN)


def settled(look: Look) -> pl.DataFrame:
    """The partitions whose points stage has nothing left to do: only there do the derived points have to be applied."""
    pipeline = look.pipeline
    config = pipeline.points_config(_target(look))
    names = [
        one.name
        for one in pipeline.store.partitions()
        if look.partition in (None, one.name) and not is_behind(pipeline.store, one, POINTS, config)
    ]
    return pl.DataFrame({"partition": names}, schema=SETTLED)


def counts(look: Look) -> pl.DataFrame:
    """How many points are recorded and how many the collection holds, per partition, as COUNTS."""
    pipeline, target = look.pipeline, _target(look)
    rows = [
        (
            one.name,
            pipeline.store.count_points(target, one.partition_id),
            pipeline.index.count(pipeline.collection, one.name),
        )
        for one in pipeline.store.partitions()
        if look.partition in (None, one.name)
    ]
    return pl.DataFrame(rows, schema=COUNTS, orient="row")


def joined(frames: Iterable[pl.DataFrame], schema: pl.Schema) -> pl.DataFrame:
    """Frames below each other, with the columns of the schema."""
    parts = [frame.select(list(schema)).cast(schema) for frame in frames]
    return pl.concat(parts) if parts else pl.DataFrame(schema=schema)


def _target(look: Look) -> int:
    return look.pipeline.store.target_no(look.pipeline.collection)
