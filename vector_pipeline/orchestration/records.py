"""What Dagster's own records say was made, as a frame for the checks: compared with what the state store knows."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import replace
from typing import Any

import dagster as dg
import polars as pl

from vector_pipeline.consistency.frames.history import MATERIALIZED
from vector_pipeline.consistency.look import Look
from vector_pipeline.orchestration.names import stage_key
from vector_pipeline.orchestration.private import DATA_VERSION_TAG
from vector_pipeline.sync.stages import DOCUMENTS, POINTS

_ROWS = "dagster/row_count"
_REVISION = re.compile(r"r(\d+)")


def with_records(look: Look, instance: dg.DagsterInstance) -> Look:
    """The look, with what Dagster has recorded of the configured partitions."""
    return replace(look, builders={**look.builders, "materialized": lambda at: _materialized(at, instance)})


def _materialized(look: Look, instance: dg.DagsterInstance) -> pl.DataFrame:
    """The latest materializations, as MATERIALIZED."""
    keys: defaultdict[str, set[str]] = defaultdict(set)
    for name in look.pipeline.partitions():
        if look.partition in (None, name):
            source_type, _, key = name.partition("/")
            keys[source_type].add(key)
    rows = [
        row
        for source_type, wanted in keys.items()
        for stage in (DOCUMENTS, POINTS)
        for row in _latest(look, instance, source_type, stage, wanted)
    ]
    return pl.DataFrame(rows, schema=MATERIALIZED)


def _latest(
    look: Look, instance: dg.DagsterInstance, source_type: str, stage: str, keys: set[str]
) -> list[dict[str, Any]]:
    """The latest materialization of a stage for every partition that has one."""
    asset = stage_key(source_type, stage)
    found = instance.get_latest_storage_id_by_partition(asset, dg.DagsterEventType.ASSET_MATERIALIZATION, keys)
    if not found:
        return []
    records = instance.fetch_materializations(
        dg.AssetRecordsFilter(asset_key=asset, storage_ids=list(found.values())), limit=len(found)
    ).records
    rows = []
    for record in records:
        made = record.asset_materialization
        if made is None or made.partition is None:
            continue
        # Partitions that shared a run share a version too, which is then no revision.
        revision = _REVISION.fullmatch((made.tags or {}).get(DATA_VERSION_TAG, ""))
        count = made.metadata.get(_ROWS)
        rows.append(
            {
                "partition": f"{source_type}/{made.partition}",
                "stage": stage,
                "run_id": record.run_id,
                "revision": int(revision[1]) if revision else None,
                "rows": None if count is None else int(str(count.value)),
                "age": look.now.timestamp() - record.timestamp,
            }
        )
    return rows
