"""Deciding which partitions have work: level-triggered, from what is observed and what is recorded.

Both the sensors and the command line ask here, so that they agree. Nothing is remembered between questions:
whatever was missed, interrupted or undone shows up again at the next one.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from vector_pipeline.state.history_table import RUNNING
from vector_pipeline.sync.builds import active_builds
from vector_pipeline.sync.collection import collection_is_lost
from vector_pipeline.sync.cursors import is_behind
from vector_pipeline.sync.doubt import is_doubted
from vector_pipeline.sync.footing import is_in_part, is_unfinished
from vector_pipeline.sync.pipeline import Pipeline
from vector_pipeline.sync.stages import CHUNKS, EMBEDDINGS, POINTS

UNFINISHED = "an earlier run did not finish"
IN_PART = "the last run brought in only a part"
NEVER_SYNCED = "never synced"
SETTINGS_CHANGED = "settings changed"
LISTING_DUE = "a full listing is due"
BEING_BUILT = "its next collection is being built"

FIRST_DELAY = timedelta(seconds=30)
LONGEST_DELAY = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Due:
    """Why a partition needs a run. `built` and `observed` are source versions."""

    partition: str
    reason: str
    built: str
    observed: str


def due_partition(pipeline: Pipeline, name: str, observed: str, now: datetime | None = None) -> Due | None:
    """Why the partition needs a run when the source says `observed`, or None when it is in step."""
    store = pipeline.store
    now = now or datetime.now(UTC)
    partition = store.partition(name)
    state = store.source_state(partition.partition_id)
    reason = ""
    settings = pipeline.source_settings(name)
    if settings is None:
        reason = "removed from the settings"
    elif is_in_part(store, partition.partition_id):
        reason = IN_PART
    elif not state.built_version:
        reason = NEVER_SYNCED
    elif state.built_version != observed:
        reason = "changed at the source"
    elif state.settings_hash != pipeline.documents_config(settings):
        reason = SETTINGS_CHANGED
    elif behind := _behind(pipeline, name):
        reason = behind
    elif not store.due_for_retry(partition.partition_id, now).is_empty():
        reason = "failed documents are due again"
    elif state.census_at is None or now - state.census_at >= settings.listing_every:
        reason = LISTING_DUE
    elif store.last_run_status(partition.partition_id) in ("failed", RUNNING):
        # The source may be what it was before the run, or again: only a good run shows that all is well.
        reason = UNFINISHED
    return Due(name, reason, state.built_version, observed) if reason else None


def retry_at(failures: int, last: datetime | None) -> datetime | None:
    """When a partition whose last `failures` runs failed may run again: after a doubling delay."""
    if not failures or last is None:
        return None
    doublings = min(failures - 1, 20)
    return last + min(FIRST_DELAY * int(2**doublings), LONGEST_DELAY)


def _behind(pipeline: Pipeline, name: str) -> str:
    """What of the stored documents is not in a collection yet, "" for nothing."""
    if is_unfinished(pipeline.store, pipeline.store.partition(name).partition_id):
        return UNFINISHED
    builds = active_builds(pipeline)
    behind = [build for build in builds if collection_is_lost(build) or _build_is_behind(build, name)]
    if not behind:
        return ""
    searched = pipeline.index.alias(pipeline.settings.index.alias)
    return BEING_BUILT if behind == [pipeline] and searched not in (None, pipeline.collection) else UNFINISHED


def _build_is_behind(pipeline: Pipeline, name: str) -> bool:
    store = pipeline.store
    partition = store.partition(name)
    target = store.find_target(pipeline.collection)
    if target is None:
        return True  # nothing was ever written to it
    points = pipeline.points_config(target.number)
    stages = (CHUNKS, pipeline.chunks_config), (EMBEDDINGS, pipeline.embeddings_config), (POINTS, points)
    doubted = is_doubted(store, partition.partition_id, target.number, points)
    return doubted or any(is_behind(store, partition, stage, config) for stage, config in stages)
