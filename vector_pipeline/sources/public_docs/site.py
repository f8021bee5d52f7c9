"""One site as its settings, its robots.txt and its mirror describe it: which pages there are, level by level.

The one idea: the visit and the listing walk in the same way, the one asking on its way and the other not, so that what
is listed after a visit is what a first visit would have found.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence, Set
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from vector_pipeline.settings_public_docs import PublicDocsSettings
from vector_pipeline.sources.public_docs.answers import PageRefused, SiteSilent
from vector_pipeline.sources.public_docs.client import SiteClient
from vector_pipeline.sources.public_docs.contents import ALIAS
from vector_pipeline.sources.public_docs.editions import left_out
from vector_pipeline.sources.public_docs.mirror import Mirror
from vector_pipeline.sources.public_docs.reach import Reach
from vector_pipeline.sources.public_docs.reading import Reader
from vector_pipeline.sources.public_docs.robots import Robots
from vector_pipeline.sources.public_docs.scope import Scope
from vector_pipeline.sources.public_docs.sitemaps import Sitemaps
from vector_pipeline.sources.public_docs.urls import normal_url

FORBIDDEN = "robots.txt forbids it"
_MOST_LEVELS = 12_000


def scope_of(settings: PublicDocsSettings) -> Scope:
    """The URLs that the settings cover."""
    roots = (settings.url, *settings.start_urls)
    return Scope(roots, settings.hosts, settings.include, settings.exclude, settings.query_parameters)


@dataclass(slots=True)
class Walk:
    """The pages of a site: `depth` by id, and of those that are not wanted the reason by id.

    `rules` are URLs that robots.txt or the settings leave out, `editions` those that are another version or language.
    """

    depth: dict[int, int] = field(default_factory=dict)
    editions: dict[int, str] = field(default_factory=dict)
    rules: dict[int, str] = field(default_factory=dict)


class Site:
    """What the parts of the source share."""

    def __init__(
        self,
        label: str,
        settings: PublicDocsSettings,
        mirror: Mirror,
        client: SiteClient,
        reader: Reader,
        scope: Scope,
    ) -> None:
        self.label, self.settings = label, settings
        self.mirror, self.client, self.reader, self.scope = mirror, client, reader, scope
        self.start = normal_url(settings.url)
        self.starts = tuple(dict.fromkeys(filter(None, map(normal_url, (settings.url, *settings.start_urls)))))
        self.sitemaps = Sitemaps(label, settings, mirror, client)
        self._robots: dict[str, Robots | None] = {}

    def allows(self, url: str) -> bool | None:
        """Whether robots.txt of its host allows a URL; None where that can't be told now."""
        parts = urlsplit(url)
        origin = f"{parts.scheme}://{parts.netloc}"
        if origin not in self._robots:
            try:
                self._robots[origin] = self.client.robots(url)
            except (SiteSilent, PageRefused):
                self._robots[origin] = None
        robots = self._robots[origin]
        return robots.allows(url) if robots else None

    def rule_against(self, url: str, *, listed: bool = False) -> str:
        """Why a URL is left out by the settings or by robots.txt, "" for one that is taken."""
        if reason := self.scope.reason_to_skip(url, listed=listed):
            return reason
        return FORBIDDEN if self.allows(url) is False else ""

    @property
    def used_sitemaps(self) -> list[str]:
        """The sitemaps that are in use, as the last visit found out."""
        return list(self.mirror.sitemaps())

    @property
    def crawls(self) -> bool:
        """Whether links are followed: as the settings say, else where no sitemap lists a page of the site."""
        return self.mirror.meta("crawls", "1") == "1"

    def decide_mode(self) -> None:
        """Settles whether links are followed, once the sitemaps are read."""
        wanted = self.settings.discover
        crawls = wanted in ("crawl", "both")
        if wanted == "auto":
            entries = self.sitemaps.entries(self.used_sitemaps)
            crawls = not any(not self.scope.reason_to_skip(url, listed=True) for url, _ in entries)
        self.mirror.remember(crawls="1" if crawls else "0")

    def walk(self, ask: Callable[[Sequence[int], Set[int]], None] | None = None) -> Walk:
        """All pages that belong to the site, from its starts on.

        `ask` gets those of each level that are wanted, and all that sitemaps list.
        """
        walk = Walk()
        urls: dict[int, str] = {}
        listed = self._listed()

        def wanted(ids: Collection[int]) -> set[int]:
            taken = set()
            for row in self.mirror.rows(ids):
                if reason := self.rule_against(row.url, listed=row.id in listed):
                    walk.rules[row.id] = reason
                else:
                    urls[row.id] = row.url
                    taken.add(row.id)
            return taken

        starts = self.mirror.ids(self.starts).values()
        reach = Reach(self.mirror, [*starts, *listed], wanted, crawl=self.crawls, max_depth=self.settings.max_depth)
        walk.depth = reach.depth
        expanded: set[int] = set()
        for _ in range(_MOST_LEVELS):
            walk.editions = self._editions(urls)
            level = [number for number in urls if number not in expanded and number not in walk.editions]
            if not level:
                break
            nearest = min(reach.depth[number] for number in level)
            level = [number for number in level if reach.depth[number] == nearest]
            expanded.update(level)
            if ask is not None:
                ask(level, listed)
            reach.expand(level)
        return walk

    def _listed(self) -> set[int]:
        """The ids of the pages that sitemaps list and the settings cover; their lastmod goes into the mirror."""
        if self.settings.discover == "crawl":
            return set()
        lastmods: dict[str, str] = {}
        for url, lastmod in self.sitemaps.entries(self.used_sitemaps):
            if not self.scope.reason_to_skip(url, listed=True):
                lastmods[url] = max(lastmod, lastmods.get(url, ""))
        ids = self.mirror.ids(lastmods)
        self.mirror.set_lastmods({ids[url]: lastmod for url, lastmod in lastmods.items()})
        return set(ids.values())

    def _editions(self, urls: dict[int, str]) -> dict[int, str]:
        """Pages of other versions and languages; redirects and pages that are gone prove nothing."""
        settings = self.settings
        pages = dict(urls)
        alternates: dict[str, str] = {}
        for number, state, declared in self.mirror.edition_facts():
            if state == ALIAS:
                pages.pop(number, None)
            elif number in urls:
                alternates.update((url, language) for language, url in declared if language.lower() != "x-default")
        found = left_out(
            list(pages.values()),
            versions=settings.versions,
            languages=settings.languages,
            start=self._own_start(),
            alternates=alternates,
        )
        by_url = {url: number for number, url in pages.items()}
        return {by_url[url]: reason for url, reason in found.items() if url in by_url}

    def _own_start(self) -> str:
        """The start page, or where it redirects to: its version and language are those wanted."""
        url = self.start
        for _ in range(5):
            row = self.mirror.row_of(url)
            content = self.mirror.content(row.id) if row else None
            if content is None or content.state != ALIAS or not content.target:
                break
            url = content.target
        return url
