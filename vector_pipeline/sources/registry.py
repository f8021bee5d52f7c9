"""Which source types there are. A new one is a module of its own and a line here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vector_pipeline.conversion.converter import Converter
from vector_pipeline.settings_atlassian import SiteSettings
from vector_pipeline.settings_sources import SourceSettings
from vector_pipeline.sources.base import Part, Source, SourceMisconfigured


@dataclass(frozen=True, slots=True)
class SourceType:
    """How a type of source is opened, and how its parts are found where a source has several.

    `open(name, key, settings, data_dir, converter)`: `name` is the partition without its type, `key` that of the part
    ("" for a source that is one partition), `data_dir` the folder for caches. `discover(name, settings, seconds)`
    lists all parts of the site that the settings cover; it raises SourceError rather than list only some or take
    longer.
    """

    open: Callable[[str, str, Any, Path, Converter], Source]
    discover: Callable[[str, Any, float | None], list[Part]] | None = None


# The modules of a type are imported when one of its sources is opened: each costs time only where it is used.


def _open_git(name: str, key: str, settings: Any, data_dir: Path, converter: Converter) -> Source:
    from vector_pipeline.sources.git import GitSource

    return GitSource(name, settings, data_dir / "mirrors", converter)


def _open_local_files(name: str, key: str, settings: Any, data_dir: Path, converter: Converter) -> Source:
    from vector_pipeline.sources.local_files import LocalFiles

    return LocalFiles(name, settings, settings.path, converter)


def _open_confluence(name: str, key: str, settings: Any, data_dir: Path, converter: Converter) -> Source:
    from vector_pipeline.sources.confluence.source import ConfluenceSource

    return ConfluenceSource(name, key, settings, converter)


def _discover_spaces(name: str, settings: Any, seconds: float | None) -> list[Part]:
    from vector_pipeline.sources.confluence.spaces import discover_spaces

    return discover_spaces(name, settings, seconds)


def _open_jira(name: str, key: str, settings: Any, data_dir: Path, converter: Converter) -> Source:
    from vector_pipeline.sources.jira.source import JiraSource

    return JiraSource(name, key, settings, converter)


def _discover_projects(name: str, settings: Any, seconds: float | None) -> list[Part]:
    from vector_pipeline.sources.jira.projects import discover_projects

    return discover_projects(name, settings, seconds)


def _open_public_docs(name: str, key: str, settings: Any, data_dir: Path, converter: Converter) -> Source:
    from vector_pipeline.sources.public_docs.source import PublicDocs

    return PublicDocs(name, settings, data_dir, converter)


SOURCE_TYPES: Mapping[str, SourceType] = {
    "git": SourceType(_open_git),
    "local_files": SourceType(_open_local_files),
    "confluence": SourceType(_open_confluence, _discover_spaces),
    "jira": SourceType(_open_jira, _discover_projects),
    "public_docs": SourceType(_open_public_docs),
}


def open_source(
    source_type: str, name: str, key: str, settings: SourceSettings, data_dir: Path, converter: Converter
) -> Source:
    """The source of that type and name, or its part of that key. Raises SourceMisconfigured for an unknown type."""
    if found := SOURCE_TYPES.get(source_type):
        return found.open(name, key, settings, data_dir, converter)
    raise SourceMisconfigured(f"{source_type}/{name}: unknown source type", hint=f"use one of {sorted(SOURCE_TYPES)}")


def discover_parts(source_type: str, name: str, settings: SiteSettings, seconds: float | None = None) -> list[Part]:
    """The parts of a site that its settings cover, by asking the site. Raises SourceError, also after `seconds`."""
    discover = SOURCE_TYPES[source_type].discover
    return discover(name, settings, seconds) if discover else []
