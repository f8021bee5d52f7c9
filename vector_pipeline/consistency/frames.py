"""The frames that checks compare: what the state store says, and what the index holds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import polars as pl

from vector_pipeline.index.base import INDEXED
from vector_pipeline.state.records import DERIVED, EXPECTED
from vector_pipeline.sync.cursors import is_behind
from vector_pipeline.sync.pipeline import Pipeline
from vector_pipeline.sync.stages import POINTS

KEPT_BACK = pl.Schema({"partition": pl.String, "document_id": pl.Binary})
SETTLED = pl.Schema({"partition": pl.String})

_UNKNOWN = -1
"""A partition number that no row has: a source the store does not know holds nothing there."""


def state_and_index(pipeline: Pipeline, partition: str | None) -> Mapping[str, pl.DataFrame]:
    """The frames of `points_match_state`, of one partition or of all.

    `settled` lists the partitions whose points stage has nothing left to do: only there does the derived set
    have to be applied already.
    """
    store = pipeline.store
    target = store.target_no(pipeline.collection)
    known = [p for p in store.partitions() if partition in (None, p.name)]
    pid = known[0].partition_id if partition and known else _UNKNOWN if partition else None
    config = pipeline.points_config(target)
    settled = [p.name for p in known if not is_behind(store, p, POINTS, config)]
    recorded = _concat(store.expected_points(target, pid), EXPECTED)
    exists = pipeline.index.exists(pipeline.collection)
    indexed = _concat(pipeline.index.scroll(pipeline.collection, partition) if exists else (), INDEXED)
    return {
        "recorded": recorded,
        "derived": _concat(store.derived_points(pid), DERIVED),
        "indexed": indexed,
        "kept_back": store.quarantined(pid).select(list(KEPT_BACK)).unique(),
        "settled": pl.DataFrame({"partition": settled}, schema=SETTLED),
    }


def _concat(frames: Iterable[pl.DataFrame], schema: pl.Schema) -> pl.DataFrame:
    parts = [frame.select(list(schema)) for frame in frames]
    return pl.concat(parts) if parts else pl.DataFrame(schema=schema)
