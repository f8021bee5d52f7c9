"""How soon a run is wanted, told from what it is for: the tags by which Dagster's queue orders and limits runs.

Pure. A changed document must be searchable soon whatever else is queued: changes come first, and of what may take
long (backfills, first syncs, full listings) only some runs go at once.
"""

from __future__ import annotations

from collections.abc import Mapping

from vector_pipeline.orchestration.names import (
    BULK_TAG,
    FULL_TAG,
    REASON_TAG,
    SITE_TAG,
)
from vector_pipeline.orchestration.private import BACKFILL_ID_TAG, PRIORITY_TAG
from vector_pipeline.settings import Settings
from vector_pipeline.settings_atlassian import SiteSettings
from vector_pipeline.sync.due import BEING_BUILT, IN_PART, LISTING_DUE, NEVER_SYNCED, SETTINGS_CHANGED
from vector_pipeline.sync.partitions import find_configured

CHANGE, BY_HAND, FIRST, LISTING, BACKFILL = 20, 10, 0, -5, -10
"""Priorities: of changes at a source, runs that a person asks for, first syncs, full listings and backfills."""

_LONG: Mapping[str, int] = {
    NEVER_SYNCED: FIRST,
    SETTINGS_CHANGED: FIRST,
    IN_PART: FIRST,
    BEING_BUILT: LISTING,
    LISTING_DUE: LISTING,
}
"""The reasons for runs that may take long, with their priorities."""


def queue_tags(settings: Settings, partition: str, tags: Mapping[str, str]) -> dict[str, str]:
    """The tags that place the run of a partition in the queue. Those it has already stand: a person chose them."""
    found = find_configured(settings, partition)
    placed = {PRIORITY_TAG: str(priority_of(settings, partition, tags))}
    if BACKFILL_ID_TAG in tags or tags.get(REASON_TAG) in _LONG or tags.get(FULL_TAG) == "true":
        placed[BULK_TAG] = "true"
    if found and isinstance(found.settings, SiteSettings):
        placed[SITE_TAG] = f"{found.source_type}/{found.source}"
    return {key: value for key, value in placed.items() if key not in tags}


def priority_of(settings: Settings, partition: str, tags: Mapping[str, str]) -> int:
    """How much the run of a partition is wanted: by what it is for, and by its source."""
    found = find_configured(settings, partition)
    return _kind(tags) + (found.settings.priority if found else 0)


def limits_of(settings: Settings) -> list[dict[str, object]]:
    """What the queue limits by tags: runs that may take long, and runs for parts of one site."""
    limits: list[dict[str, object]] = [{"key": BULK_TAG, "limit": settings.queue.bulk}]
    for source_type, name, source in settings.sources:
        if isinstance(source, SiteSettings) and source.at_once:
            limits.append({"key": SITE_TAG, "value": f"{source_type}/{name}", "limit": source.at_once})
    return limits


def _kind(tags: Mapping[str, str]) -> int:
    if BACKFILL_ID_TAG in tags:
        return BACKFILL
    if REASON_TAG not in tags:
        return BY_HAND
    return _LONG.get(tags[REASON_TAG], CHANGE)
