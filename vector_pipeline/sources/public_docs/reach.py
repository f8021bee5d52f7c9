"""Which pages a site has now: those that lead from its start pages and sitemaps to each other, by what is remembered.

The one idea: whether a page is still part of the site is not noted anywhere, it follows from the links, redirects
and sitemaps that the mirror holds; so nothing has to be taken back when a visit stops half way.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping

from vector_pipeline.sources.public_docs.mirror import Mirror

MOST_HOPS = 10
"""Redirects, canonical links included, that are followed from one page."""


class Reach:
    """The pages found so far, each with its distance in links from a start. Grows by `expand`.

    `wanted(ids)` gives of new ids those that are followed (rules, robots.txt, editions). With `crawl` off only links to
    files are followed, besides redirects and canonical links.
    """

    def __init__(
        self,
        mirror: Mirror,
        roots: Iterable[int],
        wanted: Callable[[Collection[int]], set[int]],
        *,
        crawl: bool,
        max_depth: int,
    ) -> None:
        self._mirror, self._wanted = mirror, wanted
        self._crawl, self._max_depth = crawl, max_depth
        self._seen: set[int] = set()
        self._hops: dict[int, int] = {}
        self.depth: dict[int, int] = {}
        self.add(roots)

    def add(self, roots: Iterable[int]) -> list[int]:
        """Takes further start pages in; those that are new."""
        return self._take(set(roots), 0)

    def expand(self, ids: Iterable[int]) -> list[int]:
        """The pages that these lead to and that were not known, in order of their distance."""
        levels: dict[tuple[int, int], list[int]] = {}
        for number in ids:
            if number in self.depth:
                levels.setdefault((self.depth[number], self._hops.get(number, 0)), []).append(number)
        found: list[int] = []
        for (depth, hops), numbers in sorted(levels.items()):
            beside, below = self._edges(numbers)
            if hops < MOST_HOPS:
                found += self._take(beside, depth, hops + 1)
            if depth < self._max_depth:
                found += self._take(below, depth + 1)
        return found

    def _edges(self, ids: Collection[int]) -> tuple[set[int], set[int]]:
        """Where rows lead: by redirect or canonical link, and by links."""
        named: set[str] = set()
        linked: set[int] = set()
        for _, target, canonical, links in self._mirror.edges(ids):
            named.update(url for url in (target, canonical) if url)
            linked.update(links)
        if linked and not self._crawl:
            linked &= self._mirror.file_ids()
        return set(self._mirror.known_ids(list(named)).values()), linked

    def _take(self, ids: set[int], depth: int, hops: int = 0) -> list[int]:
        new = ids - self._seen
        self._seen |= new
        taken = sorted(self._wanted(new)) if new else []
        for number in taken:
            self.depth[number] = depth
            if hops:
                self._hops[number] = hops
        return taken


def end_of(url: str, targets: Mapping[str, str]) -> str:
    """Where a chain of redirects ends; "" for a circle and for one that is too long."""
    seen = {url}
    for _ in range(MOST_HOPS):
        target = targets.get(url, "")
        if not target:
            return url
        if target in seen:
            return ""
        seen.add(target)
        url = target
    return "" if targets.get(url) else url
