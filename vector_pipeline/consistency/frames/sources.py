"""The frame of sources: how far each configured one is, and since when, by what looks and runs have recorded."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import polars as pl

from vector_pipeline.consistency.look import Look
from vector_pipeline.state.errors import StateLocked
from vector_pipeline.state.evidence import RunFacts
from vector_pipeline.state.standings import Standing
from vector_pipeline.sync.discovery import empty_sites, failed_discoveries
from vector_pipeline.sync.footing import partitions_in_part
from vector_pipeline.sync.lateness import seen_version
from vector_pipeline.sync.sightings import DIFFERS, UNANSWERED, sighted_since

SOURCES = pl.Schema(
    {
        "partition": pl.String,
        "limit": pl.Float64,
        "interval": pl.Float64,
        "built": pl.Boolean,
        "at_work": pl.Boolean,
        "differing": pl.Float64,
        "unanswered": pl.Float64,
        "failing": pl.Float64,
        "failures": pl.Int64,
        "error": pl.String,
        "unended": pl.Float64,
        "good": pl.Float64,
        "seen": pl.Float64,
        "in_part": pl.Boolean,
    }
)
"""One row per configured partition. Numbers of time are seconds up to now, null where it is not so.

`differing`: since it was first seen to be newer than what was built; `unanswered`: since it does not answer;
`failing`: since its runs fail; `unended`: since its last run began, where that stands as running; `good`: since its
last good run; `seen`: since it last answered a look; `at_work`: whether a run holds its lock; `in_part`: whether the
last run left out changes that it knew of.
"""

SITES = pl.Schema({"site": pl.String, "trouble": pl.String})
"""Sites whose parts could not be found, and why."""

_NO_RUNS = RunFacts(0, None, None, 0, None, "", None)
_NOWHERE = Standing("", "", "", None, None, None)


def sources(look: Look) -> pl.DataFrame:
    """The configured partitions, as SOURCES."""
    store = look.pipeline.store
    numbers = {one.name: one.partition_id for one in store.partitions()}
    standings = {one.name: one for one in store.standings()}
    facts = store.run_facts()
    in_part = partitions_in_part(store)
    differing, unanswered = sighted_since(store, DIFFERS), sighted_since(store, UNANSWERED)
    rows = []
    for name in look.pipeline.partitions():
        if look.partition not in (None, name):
            continue
        number = numbers.get(name, -1)
        notes = differing.get(number), unanswered.get(number)
        standing, runs = standings.get(name, _NOWHERE), facts.get(number, _NO_RUNS)
        rows.append(_row(look, name, standing, runs, *notes, in_part=number in in_part))
    return pl.DataFrame(rows, schema=SOURCES)


def sites(look: Look) -> pl.DataFrame:
    """The sites that don't show their parts, as SITES."""
    pipeline = look.pipeline
    found = {site.label: "none of its parts is what the settings name" for site in empty_sites(pipeline)}
    found |= {label: f"its parts could not be found: {error}" for label, error in failed_discoveries(pipeline).items()}
    mine = {
        label: why for label, why in found.items() if look.partition is None or look.partition.startswith(f"{label}.")
    }
    return pl.DataFrame({"site": list(mine), "trouble": list(mine.values())}, schema=SITES)


def _row(
    look: Look,
    name: str,
    standing: Standing,
    runs: RunFacts,
    differs: datetime | None,
    silent: datetime | None,
    *,
    in_part: bool,
) -> dict[str, Any]:
    settings = look.pipeline.source_settings(name)
    assert settings is not None
    good, seen_at = runs.good_at, standing.observed_at
    # A run that left something out has not brought the source in step, whenever it looked.
    status = "success" if runs.good_started_at and not in_part else None
    version = seen_version(standing.observed_version, seen_at, runs.good_started_at, status)
    # A good run after the look is an answer too, and what it read is what was built.
    is_newest = bool(seen_at and not (runs.good_started_at and runs.good_started_at >= seen_at))
    unanswered = max(filter(None, (silent, good))) if silent and is_newest else None
    # What such a run left out is as late as before it.
    settled = None if in_part and differs else good
    differing = (
        max(filter(None, (differs, settled)), default=None) if version not in ("", standing.built_version) else None
    )
    return {
        "partition": name,
        "limit": settings.behind_limit.total_seconds(),
        "interval": settings.observe_every.total_seconds(),
        "built": bool(standing.built_version),
        "at_work": runs.running_since is not None and _is_locked(look, name),
        "differing": _age(look, differing),
        "unanswered": _age(look, unanswered),
        "failing": _age(look, runs.failing_since),
        "failures": runs.failures,
        "error": runs.last_error,
        "unended": _age(look, runs.running_since),
        "good": _age(look, good),
        "seen": _age(look, silent or seen_at),
        "in_part": in_part,
    }


def _age(look: Look, since: datetime | None) -> float | None:
    return None if since is None else (look.now - since).total_seconds()


def _is_locked(look: Look, name: str) -> bool:
    try:
        with look.pipeline.store.lock(name, 0):
            return False
    except StateLocked:
        return True
