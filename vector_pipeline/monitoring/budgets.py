"""The budgets of requests to the sites: what the processes of this machine share, read without taking a turn."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from vector_pipeline.settings import Settings
from vector_pipeline.sources.request_budget import shared_budget


@dataclass(frozen=True, slots=True)
class BudgetLine:
    """One site. `wait_seconds`: until the next request may leave. `blocked_seconds`: for how long the site wants none.

    `spacing_seconds` is what it lately asked to be kept between requests; `per_minute` the limit of the settings, 0.0
    for none.
    """

    site: str
    wait_seconds: float
    blocked_seconds: float
    spacing_seconds: float
    per_minute: float


def budgets(settings: Settings, data_dir: Path) -> list[BudgetLine]:
    """One line per site that the settings name, by name; nothing is sent."""
    sites: dict[tuple[str, Path | None], float] = {}
    for source_type, name, source in settings.sources:
        if source_type in ("confluence", "jira"):
            address = _atlassian(source_type, name, source)
            if address:
                sites[address, None] = float(getattr(source, "requests_per_minute", 0))
        elif source_type == "public_docs":
            host = _public(str(getattr(source, "url", "")))
            if host:
                sites[host, data_dir / "sites"] = 0.0
    found = [_line(site, cache, limit) for (site, cache), limit in sites.items()]
    return sorted(found, key=lambda line: line.site)


def _line(site: str, cache: Path | None, per_minute: float) -> BudgetLine:
    state, now = shared_budget(site, cache).state(), time.time()
    return BudgetLine(
        site,
        max(0.0, state.free_at - now),
        max(0.0, state.blocked_until - now),
        state.spacing,
        per_minute,
    )


def _atlassian(source_type: str, name: str, source: object) -> str:
    """The site's address, "" where the settings name none that can be asked."""
    from vector_pipeline.errors import PipelineError
    from vector_pipeline.sources.atlassian.address import site_address

    try:
        return site_address(source, source_type, f"{source_type}/{name}").url  # type: ignore[arg-type]
    except PipelineError:
        return ""


def _public(url: str) -> str:
    from vector_pipeline.sources.public_docs.addresses import target_of
    from vector_pipeline.sources.public_docs.urls import normal_url

    target = target_of(normal_url(url))
    return target.site if target else ""
