"""Which sources are behind, and since when.

Pure. The store holds what a source was when it was last looked at, not since when it differs from what was built:
whoever watches remembers that from look to look.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from vector_pipeline.state.standings import Standing

GOOD = ("success", "partial")
"""How a run ended that has applied all that it could."""


@dataclass(frozen=True, slots=True)
class Late:
    """A source that has not been in step for longer than its limit; `since` is when it last was, as far as known."""

    source: str
    since: datetime
    limit: timedelta


def seen_version(version: str, seen_at: datetime | None, ran_at: datetime | None, status: str | None) -> str:
    """The version seen at the last look, "" where a good run has looked since and may have found a newer one."""
    if seen_at and ran_at and ran_at >= seen_at and status in GOOD:
        return ""
    return version


def without_parts(standings: Iterable[Standing], in_part: Collection[str]) -> list[Standing]:
    """The standings, of the sources `in_part` without their last run: one that left something out proves nothing."""
    return [replace(one, run_status=None, run_started_at=None) if one.name in in_part else one for one in standings]


def in_step_at(standing: Standing) -> datetime | None:
    """When the source was last known to be in step, None where what is known last is that it is not."""
    if standing.run_status not in GOOD or not standing.built_version:
        return None
    ran_at, seen_at = standing.run_started_at, standing.observed_at
    seen = seen_version(standing.observed_version, seen_at, ran_at, standing.run_status)
    if not seen:
        return ran_at
    return seen_at if seen == standing.built_version else None


def behind_since(
    standings: Iterable[Standing],
    configured: Collection[str],
    silent: Collection[str],
    before: Mapping[str, datetime],
    now: datetime,
) -> dict[str, datetime]:
    """The sources that are not known to be in step, with since when; `silent` did not answer when last asked.

    `before` is what this function gave at the last look.
    """
    proved = {standing.name for standing in standings if in_step_at(standing)} - set(silent)
    return {name: before.get(name, now) for name in configured if name not in proved}


def late(
    standings: Iterable[Standing],
    behind: Mapping[str, datetime],
    limits: Mapping[str, timedelta],
    watching_since: datetime,
    now: datetime,
) -> list[Late]:
    """The sources that are behind, or were not looked at, for longer than their limit; by name.

    The time before `watching_since`, when nothing was running, counts for none that was in step by then.
    """
    since = {one.name: max(at, watching_since) for one in standings if (at := in_step_at(one))} | dict(behind)
    return [
        Late(name, moment, limits[name])
        for name, moment in sorted(since.items())
        if name in limits and now - moment > limits[name]
    ]
