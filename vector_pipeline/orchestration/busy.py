"""Which partitions have a run that is queued or under way."""

from __future__ import annotations

from collections.abc import Sequence

import dagster as dg

from vector_pipeline.orchestration.names import chain_keys, is_sync_job, sync_job_name
from vector_pipeline.orchestration.private import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
    NOT_FINISHED_STATUSES,
    PARTITION_NAME_TAG,
)

MOST_RUNS = 10_000
"""Unfinished runs that are looked at."""


def busy_partitions(instance: dg.DagsterInstance, source_type: str, keys: Sequence[str]) -> set[str]:
    """The partition keys of a source type that an unfinished run is working on or will: runs of its job, and of
    any other job (a backfill, a run from the asset graph) that has stages of the type."""
    unfinished = instance.get_runs(dg.RunsFilter(statuses=NOT_FINISHED_STATUSES), limit=MOST_RUNS)
    busy: set[str] = set()
    for run in unfinished:
        if not _works_on(run, source_type):
            continue
        start = run.tags.get(ASSET_PARTITION_RANGE_START_TAG)
        end = run.tags.get(ASSET_PARTITION_RANGE_END_TAG)
        if key := run.tags.get(PARTITION_NAME_TAG):
            busy.add(key)
        elif start and end:
            busy |= partition_range(keys, start, end)
    return busy


def _works_on(run: dg.DagsterRun, source_type: str) -> bool:
    if is_sync_job(run.job_name):
        return run.job_name == sync_job_name(source_type)
    return bool(run.asset_selection and run.asset_selection & set(chain_keys(source_type)))


def partition_range(keys: Sequence[str], start: str, end: str) -> set[str]:
    """The keys from start to end in Dagster's order; all of them where the ends are not known (any more)."""
    if start in keys and end in keys:
        return set(keys[keys.index(start) : keys.index(end) + 1])
    return set(keys)
