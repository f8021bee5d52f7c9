"""The names that assets, jobs, sensors and the command line share."""

from __future__ import annotations

import dagster as dg

from vector_pipeline.sync.stages import STAGES

SOURCE = "source"
COLLECTION = dg.AssetKey(["qdrant", "collection"])
CHECK_JOB = "check_collection"
"""The collection's upkeep and the checks that cost little: after syncs."""
CHECK_ALL_JOB = "check_everything"
"""All checks, those too that ask sources or embed queries: on a schedule, and by hand."""

FULL_TAG = "vector_pipeline/full"
OPTIMIZE_TAG = "vector_pipeline/optimize"
"""On runs of the check job that may also optimize the collection."""

LAUNCH_TAG = "vector_pipeline/launch"
"""Names a run at a terminal before Dagster has given it an id."""

INTERACTIVE_TAG = "vector_pipeline/interactive"
"""On runs that a person waits for: a failed step is reported at once, not retried."""

REASON_TAG = "vector_pipeline/reason"
"""On runs of the sensors: why the source was due."""

ABANDONED_TAG = "vector_pipeline/abandoned"
"""On runs whose process died without a word."""

BULK_TAG = "vector_pipeline/bulk"
"""On runs that may take long: only some of them go at once."""
SITE_TAG = "vector_pipeline/site"
"""On runs for a part of a site (a space, a project): the site."""

EMBEDDING_POOL = "embedding"
INDEX_POOL = "index"


def source_pool(source_type: str) -> str:
    """The pool of the steps that read from sources of the type: what they ask is shared, an API or a disk."""
    return source_type


def source_key(source_type: str) -> dg.AssetKey:
    """The observed source asset of a source type."""
    return dg.AssetKey([source_type, SOURCE])


def stage_key(source_type: str, stage: str) -> dg.AssetKey:
    """The asset of one stage of a source type."""
    return dg.AssetKey([source_type, stage])


def chain_keys(source_type: str) -> list[dg.AssetKey]:
    """The assets of a source type in the order of the flow."""
    return [stage_key(source_type, stage) for stage in STAGES]


def sync_job_name(source_type: str) -> str:
    """The job that brings partitions of a source type in step."""
    return f"{_SYNC_JOB}{source_type}"


def is_sync_job(name: str) -> bool:
    """Whether a job brings partitions of some source type in step."""
    return name.startswith(_SYNC_JOB)


def partitions_of(source_type: str) -> dg.DynamicPartitionsDefinition:
    """One partition per configured source of the type; the keys follow the settings."""
    return dg.DynamicPartitionsDefinition(name=f"{source_type}_sources")


_SYNC_JOB = "sync_"
