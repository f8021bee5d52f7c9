"""Discovery: which spaces of a site a source's patterns name."""

from __future__ import annotations

from vector_pipeline.settings_atlassian import ConfluenceSettings
from vector_pipeline.sources.atlassian.site import Site
from vector_pipeline.sources.base import Part
from vector_pipeline.sources.confluence.space import list_spaces


def discover_spaces(name: str, settings: ConfluenceSettings, seconds: float | None = None) -> list[Part]:
    """The spaces that the account may see and the settings cover, by key.

    Archived spaces are left out unless the settings want them or name them by key. Raises SourceError rather than
    list only some, also when they can't be had in `seconds`.
    """
    label = f"confluence/{name}"
    site = Site(settings, product="confluence", label=label)
    if seconds is not None:
        site.hurry(seconds)
    try:
        spaces = list(list_spaces(site, label))
    finally:
        site.close()
    given = {key.upper() for key in settings.given_keys}
    parts = {
        space.key: Part(space.key, space.name)
        for space in spaces
        if space.key
        and settings.covers(space.key)
        and (space.status != "archived" or settings.archived_spaces or space.key.upper() in given)
    }
    return [parts[key] for key in sorted(parts)]
