"""What follows from a failed check: the partitions it names are doubted, so that their next run mends them."""

from __future__ import annotations

import polars as pl

from vector_pipeline.consistency.result import EMBED, PURGE, REMOVE, WRITE, CheckResult
from vector_pipeline.sync.doubt import record_doubt
from vector_pipeline.sync.pipeline import Pipeline


def record_offenders(pipeline: Pipeline, result: CheckResult) -> list[str]:
    """Notes doubt about every partition whose points a check found wrong, and gives their names.

    A partition that the store did not know is one whose source is gone: known again, it counts as removed from
    the settings, and what is left of it is purged.
    """
    wrong = result.offending.filter(pl.col("repair").is_in([WRITE, REMOVE, EMBED, PURGE]))
    names = sorted(name for name in wrong["partition"].unique().to_list() if "/" in name)
    for name in names:
        record_offender(pipeline, name)
    return names


def record_offender(pipeline: Pipeline, partition: str) -> None:
    """Notes doubt about a partition: its next run compares everything with the index."""
    store = pipeline.store
    target = store.target_no(pipeline.collection)
    record_doubt(store, store.partition(partition).partition_id, target, pipeline.points_config(target))
