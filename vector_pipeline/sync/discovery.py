"""Discovery: which parts a site has now, so that partitions come and go with its spaces and projects.

A part that is found gets its partition. One that is no longer found keeps it as long as it holds anything: that a
site does not show a space is no proof that it is gone, and its documents leave by its own sync, under the brake.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from vector_pipeline.errors import PipelineError
from vector_pipeline.sources.base import Part
from vector_pipeline.sources.registry import discover_parts
from vector_pipeline.state.errors import StateLocked
from vector_pipeline.sync.partitions import SiteSource, site_sources
from vector_pipeline.sync.pipeline import Pipeline
from vector_pipeline.sync.points import purge

SITES_AT_ONCE = 4


@dataclass
class Discovered:
    """Partitions that are new, those that were dropped, and what went wrong by source ("confluence/wiki")."""

    new: list[str] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)
    errors: dict[str, PipelineError] = field(default_factory=dict)


def due_for_discovery(pipeline: Pipeline, source_type: str, now: datetime) -> list[SiteSource]:
    """The sites of a type whose settings hold patterns and that were last asked longer ago than their interval."""
    sites = [site for site in _discovering(pipeline) if site.source_type == source_type]
    asked = pipeline.store.discoveries() if sites else {}
    return [
        site
        for site in sites
        if site.label not in asked or now - asked[site.label].asked_at >= site.settings.discover_every
    ]


def empty_sites(pipeline: Pipeline) -> list[SiteSource]:
    """The sites that answered when last asked, and of whose parts none is covered by the settings."""
    sites = _discovering(pipeline)
    if not sites:
        return []
    answered = {label for label, row in pipeline.store.discoveries().items() if not row.error}
    held = pipeline.partitions()
    return [
        site for site in sites if site.label in answered and not any(name.startswith(f"{site.label}.") for name in held)
    ]


def failed_discoveries(pipeline: Pipeline) -> dict[str, str]:
    """What went wrong when sites were last asked, by source; of those that are still in the settings."""
    labels = [site.label for site in _discovering(pipeline)]
    found = pipeline.store.discoveries() if labels else {}
    return {label: found[label].error for label in labels if label in found and found[label].error}


def discover(pipeline: Pipeline, sites: Sequence[SiteSource], *, longest: float | None = None) -> Discovered:
    """Asks those sites whose settings hold patterns which parts they have, and records it.

    A site that does not answer hides no other. With `longest` none is given more than about so many seconds.
    """
    result = Discovered()
    for site, answer in _answers(sites, longest):
        if isinstance(answer, PipelineError):
            result.errors[site.label] = answer
        else:
            _record(pipeline, site, answer, result)
        error = str(answer) if isinstance(answer, PipelineError) else ""
        pipeline.store.record_discovery(site.label, datetime.now(UTC), error)
    return result


def preview(pipeline: Pipeline, sites: Sequence[SiteSource]) -> Discovered:
    """What `discover` would find, make and drop; nothing is recorded."""
    result = Discovered()
    for site, answer in _answers(sites, None):
        if isinstance(answer, PipelineError):
            result.errors[site.label] = answer
            continue
        new, gone = _compared(pipeline, site, answer)
        result.new += new
        result.dropped += [name for name in gone if _is_empty(pipeline, name)]
    return result


def _answers(
    sites: Sequence[SiteSource], longest: float | None
) -> Iterator[tuple[SiteSource, list[Part] | PipelineError]]:
    """What those sites say whose settings hold patterns, several asked at once."""
    asked = [site for site in sites if site.settings.discovers]
    if not asked:
        return
    with ThreadPoolExecutor(min(SITES_AT_ONCE, len(asked)), "discovery") as threads:
        answers = list(threads.map(lambda site: _ask(site, longest), asked))
    yield from zip(asked, answers, strict=True)


def _discovering(pipeline: Pipeline) -> list[SiteSource]:
    """The sites that name their parts by pattern. Without one, nothing is asked of the store: ticks are many."""
    return [site for site in site_sources(pipeline.settings) if site.settings.discovers]


def _ask(site: SiteSource, seconds: float | None) -> list[Part] | PipelineError:
    settings = site.settings
    if seconds is not None and settings.timeout.total_seconds() > seconds / 2:
        settings = settings.model_copy(update={"timeout": timedelta(seconds=seconds / 2)})
    try:
        return discover_parts(site.source_type, site.name, settings, seconds)
    except PipelineError as error:
        return error


def _record(pipeline: Pipeline, site: SiteSource, parts: Sequence[Part], result: Discovered) -> None:
    """Makes the partitions of new parts, and drops those of parts that are gone and of which nothing is left."""
    new, gone = _compared(pipeline, site, parts)
    for name in new:
        pipeline.store.partition(name)
        result.new.append(name)
    result.dropped += [name for name in gone if _purged_where_empty(pipeline, name)]


def _compared(pipeline: Pipeline, site: SiteSource, parts: Sequence[Part]) -> tuple[list[str], list[str]]:
    """The partitions that are new, and those that exist and were not found again; by name."""
    found = {site.partition(part.key) for part in parts}
    given = {site.partition(key) for key in site.settings.given_keys}
    held = {name for name in pipeline.partitions() if name.startswith(f"{site.label}.")}
    existing = {partition.name for partition in pipeline.store.partitions()}
    return sorted(found - held), sorted((held & existing) - found - given)


def _is_empty(pipeline: Pipeline, name: str) -> bool:
    """Whether an existing partition holds no documents, good or failed."""
    partition = pipeline.store.partition(name).partition_id
    return not pipeline.store.count_documents(partition) and pipeline.store.quarantined(partition).is_empty()


def _purged_where_empty(pipeline: Pipeline, name: str) -> bool:
    """Drops a partition that holds no documents, good or failed, unless a run is at it; whether it did."""
    store = pipeline.store
    try:
        with store.lock(name, 0):
            if not _is_empty(pipeline, name):
                return False
            purge(pipeline, name)
    except StateLocked:
        return False  # the next discovery comes soon
    return True
