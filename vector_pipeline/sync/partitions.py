"""Which partitions the settings speak of: a source is one, or has one per part (`wiki.ENG`).

Pure: told from the settings and from the names of partitions that exist. Parts that a pattern covers exist once
discovery has found them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from urllib.parse import quote, unquote

from vector_pipeline.settings import Settings
from vector_pipeline.settings_atlassian import SiteSettings
from vector_pipeline.settings_sources import SourceSettings
from vector_pipeline.sync.errors import UnknownSource


@dataclass(frozen=True, slots=True)
class Configured:
    """What the settings say of a partition: the source's name there, the key of the part ("" without parts)."""

    source_type: str
    source: str
    key: str
    settings: SourceSettings


@dataclass(frozen=True, slots=True)
class SiteSource:
    """A source that has parts."""

    source_type: str
    name: str
    settings: SiteSettings

    @property
    def label(self) -> str:
        """How people name it: "confluence/wiki"."""
        return f"{self.source_type}/{self.name}"

    def partition(self, key: str) -> str:
        """The partition of a part. Keys of personal spaces may hold characters that a partition key must not."""
        return f"{self.label}.{quote(key, safe='~')}"


def find_configured(settings: Settings, partition: str) -> Configured | None:
    """What the settings say of a partition, None where it is not or no longer among them."""
    source_type, _, name = partition.partition("/")
    if plain := settings.source(source_type, name):
        return None if isinstance(plain, SiteSettings) else Configured(source_type, name, "", plain)
    found = [
        Configured(source_type, site.name, key, site.settings)
        for site in site_sources(settings)
        if (key := _key_of(site, partition)) and site.settings.covers(key)
    ]
    return max(found, key=lambda one: len(one.source), default=None)


def site_sources(settings: Settings) -> Iterator[SiteSource]:
    """The sources that have parts, in the order of the settings."""
    for source_type, name, source in settings.sources:
        if isinstance(source, SiteSettings):
            yield SiteSource(source_type, name, source)


def list_partitions(settings: Settings, existing: Iterable[str]) -> list[str]:
    """All partitions the settings speak of, in their order; of `existing` ones those that patterns cover."""
    listed: dict[str, None] = {}
    names = list(existing)
    for source_type, name, source in settings.sources:
        if not isinstance(source, SiteSettings):
            listed[f"{source_type}/{name}"] = None
            continue
        site = SiteSource(source_type, name, source)
        listed |= dict.fromkeys(map(site.partition, source.given_keys))
        listed |= dict.fromkeys(one for one in names if (key := _key_of(site, one)) and source.covers(key))
    return list(listed)


def choose_partitions(wanted: Iterable[str], known: Iterable[str], sites: Collection[str]) -> list[str]:
    """Those of the known partitions that were named, each once; one of `sites` stands for all of its parts.

    Raises UnknownSource for a name that is neither.
    """
    there = dict.fromkeys(known)
    chosen: dict[str, None] = {}
    for name in wanted:
        if name in sites:
            chosen |= dict.fromkeys(one for one in there if one.startswith(f"{name}."))
        elif name in there:
            chosen[name] = None
        else:
            raise UnknownSource(f"no source {name!r}; there are: {', '.join([*sorted(sites), *there]) or 'none'}")
    return list(chosen)


def _key_of(site: SiteSource, partition: str) -> str:
    """The key in a partition of this site, "" where it is not one of them."""
    start = f"{site.label}."
    key = unquote(partition[len(start) :]) if partition.startswith(start) else ""
    return key if key and site.partition(key) == partition else ""
