"""Which URLs are one document: redirects, canonical links and spellings of one page come down to one of them.

Pure: facts of pages in, the document of each out. The one idea: it follows from what the site says now, never from
what was seen first.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from vector_pipeline.sources.public_docs.reach import end_of
from vector_pipeline.sources.public_docs.urls import loose_key
from vector_pipeline.sources.public_docs.words import sketched_likeness

LEAST_LIKENESS = 0.2
"""Share of words a page must have in common with its canonical page: some sites name their start page everywhere."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What counts of a page. `target` is where it redirects to, `good` that it can be a document."""

    url: str
    target: str = ""
    canonical: str = ""
    version: str = ""
    sketch: bytes = b""
    good: bool = False


def documents_of(pages: Mapping[str, Facts]) -> dict[str, str]:
    """URL to the URL of the document it is a part of, for all pages that come down to a good one."""
    targets = {url: page.target for url, page in pages.items() if page.target}
    ends = {url: end_of(url, targets) for url in targets}
    chosen: dict[str, str] = {}
    for url, page in pages.items():
        if page.good and not page.target:
            chosen[url] = _canonical(page, pages, ends) or url
    groups: dict[tuple[str, str], list[str]] = {}
    for url in {one for url, one in chosen.items() if url == one}:
        groups.setdefault((loose_key(url), pages[url].version), []).append(url)
    named = frozenset(one for url, one in chosen.items() if url != one)
    same = {url: best for group in groups.values() for best in [_best(group, named)] for url in group}
    found = {url: same[one] for url, one in chosen.items()}
    found.update((url, found[end]) for url, end in ends.items() if end in found)
    return found


def _canonical(page: Facts, pages: Mapping[str, Facts], ends: Mapping[str, str]) -> str:
    """The page that this one names as its canonical one, where that is good and says much of the same."""
    named = ends.get(page.canonical, page.canonical)
    other = pages.get(named)
    if other is None or not other.good or other.target or named == page.url:
        return ""
    its_own = ends.get(other.canonical, other.canonical)
    if its_own not in ("", named) and its_own in pages and pages[its_own].good:
        return ""
    alike = other.version == page.version or sketched_likeness(page.sketch, other.sketch) >= LEAST_LIKENESS
    return named if alike else ""


def _best(urls: Collection[str], named: Collection[str]) -> str:
    return min(urls, key=lambda url: (url not in named, not url.startswith("https:"), len(url), url))
