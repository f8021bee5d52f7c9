"""The sitemaps of a site: found, read, remembered part by part.

The one idea: a part that can't be read keeps the list it had, and while it can't, nothing counts as deleted only
because no list names it.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from vector_pipeline.documents import hash16
from vector_pipeline.settings_public_docs import PublicDocsSettings
from vector_pipeline.sources.public_docs.answers import Answer, NoTimeLeft, PageRefused, SiteSilent, Validators
from vector_pipeline.sources.public_docs.client import SiteClient
from vector_pipeline.sources.public_docs.contents import KeptSitemap
from vector_pipeline.sources.public_docs.mirror import Mirror
from vector_pipeline.sources.public_docs.reach import MOST_HOPS
from vector_pipeline.sources.public_docs.sitemap import MAX_BYTES, Sitemap, SitemapUnreadable, read_sitemap
from vector_pipeline.sources.public_docs.urls import normal_url

_log = logging.getLogger(__name__)

MOST_SITEMAPS = 2_000
"""Sitemaps of a site that are read; an index of indexes can name more than anybody wants."""
FORGOTTEN_AFTER = 7 * 86_400.0
"""Seconds after which a sitemap that is not there any more, or never could be read, is believed to be none."""

_NOT_THERE = "is not there any more"
_Entry = tuple[str, str]


@dataclass(slots=True)
class SitemapsRead:
    """What was found out: every sitemap in use, whether any part could not be read, and how many answered.

    `found` says that there is a sitemap at all: one was read, now or before, or the settings name it.
    """

    used: list[str] = field(default_factory=list)
    found: bool = False
    incomplete: bool = False
    answered: int = 0


class Sitemaps:
    """The sitemaps of one site, in its mirror."""

    def __init__(self, label: str, settings: PublicDocsSettings, mirror: Mirror, client: SiteClient) -> None:
        self._label, self._settings, self._mirror, self._client = label, settings, mirror, client

    def first(self, robots: Sequence[str]) -> list[str]:
        """Where to look: the settings, else robots.txt, else the usual places."""
        given = self._settings.sitemaps or robots
        if given:
            return _normal(given, self._settings.url)
        folder = normal_url("sitemap.xml", self._settings.url)
        return _normal(["/sitemap.xml", folder], self._settings.url)

    def read(self, robots: Sequence[str], *, unconditional: bool = False) -> SitemapsRead:
        """Reads all of them, those that changed anew. Raises SiteSilent only where nothing at all answers."""
        result = SitemapsRead()
        known = {} if unconditional else self._mirror.sitemaps()
        before = self._mirror.sitemaps()
        queue, seen = self.first(robots), set[str]()
        if not self._settings.sitemaps:
            queue += self._named_before(robots)
        named = set(queue) if self._settings.sitemaps or robots else set[str]()
        silent: SiteSilent | None = None
        while queue and len(seen) < MOST_SITEMAPS:
            url = queue.pop(0)
            if url in seen:
                continue
            seen.add(url)
            try:
                kept = self._read(url, known.get(url), before.get(url), url in named)
                result.answered += 1
            except SiteSilent as error:
                silent, kept = error, self._keep_trouble(url, before.get(url), _unread(error), url in named)
                result.incomplete = True
            if kept is None:
                continue
            if kept.trouble:
                result.incomplete = True
                _log.warning("%s: the sitemap %s %s; what it listed before stays", self._label, url, kept.trouble)
            result.used.append(url)
            result.found |= bool(kept.digest or self._settings.sitemaps)
            queue += [child for child in kept.children if child not in seen]
            named.update(kept.children)
        result.incomplete |= bool(queue)
        if silent is not None and not result.answered:
            raise silent
        self._mirror.drop_sitemaps([url for url in before if url not in result.used])
        return result

    def _named_before(self, robots: Sequence[str]) -> list[str]:
        """What robots.txt named when it last named any, where it names none now: it may be in trouble itself."""
        if robots:
            self._mirror.remember(robots_sitemaps=json.dumps([time.time(), list(robots)]))
            return []
        named_at, named = json.loads(self._mirror.meta("robots_sitemaps", "[0, []]"))
        return _normal(named, self._settings.url) if time.time() - named_at < FORGOTTEN_AFTER else []

    def entries(self, used: Sequence[str]) -> Iterator[_Entry]:
        """(URL in normal form, lastmod) of all pages that the sitemaps list, as they are remembered."""
        for url in used:
            yield from self._mirror.sitemap_entries(url)

    def changed(self, deadline: float, most: int) -> bool:
        """Whether a remembered sitemap now lists something else; looks at those that have waited longest.

        Raises SiteSilent when none of them answers.
        """
        silent: SiteSilent | None = None
        answered = 0
        for kept in sorted(self._mirror.sitemaps().values(), key=lambda one: (one.asked_at, one.url))[:most]:
            if time.monotonic() > deadline:
                break
            try:
                answer = self._get(kept.url, kept.validators, deadline)
                answered += 1
            except PageRefused:
                continue
            except NoTimeLeft:
                break
            except SiteSilent as error:
                silent = error
                continue
            if answer.status == 200 and self._differs(self._digest_of(answer), kept.digest):
                return True
            self._mirror.keep_sitemap(replace(kept, asked_at=time.time()))
        if silent is not None and not answered:
            raise silent
        return False

    def _read(self, url: str, known: KeptSitemap | None, before: KeptSitemap | None, named: bool) -> KeptSitemap | None:
        """The sitemap as it is now, or as it was with its trouble; None where there is none. Raises SiteSilent."""
        try:
            answer = self._get(url, known.validators if known and not known.trouble else Validators(), None)
        except PageRefused as refused:
            return self._keep_trouble(url, before, _unread(refused), named)
        if answer.status == 304 and before is not None:
            kept = replace(before, trouble="", failing_since=0.0, asked_at=time.time())
            self._mirror.keep_sitemap(kept)
            return kept
        if answer.status in (404, 410):
            return self._keep_trouble(url, before, _NOT_THERE, named)
        if answer.status != 200:
            return self._keep_trouble(url, before, f"answers {answer.status}", named)
        try:
            found = read_sitemap(answer.body, answer.url)
        except SitemapUnreadable as unreadable:
            return self._keep_trouble(url, before, unreadable.reason, named)
        if before is not None and before.digest and not found.entries and not found.children:
            return self._keep_trouble(url, before, "lists nothing any more", named)
        entries, children = _in_normal_form(found, answer.url)
        kept = KeptSitemap(url, answer.validators, children, "", 0.0, time.time(), _digest(entries, children))
        self._mirror.keep_sitemap(kept, entries)
        return kept

    def _keep_trouble(self, url: str, before: KeptSitemap | None, reason: str, named: bool) -> KeptSitemap | None:
        """The list it had stays. Where it never had one, it is none, unless something else than a guess names it."""
        was_read = before is not None and bool(before.digest)
        wanted = url in _normal(self._settings.sitemaps, self._settings.url)
        if not (was_read or wanted) and (not named or reason == _NOT_THERE):
            return None
        before = before or KeptSitemap(url)
        now = time.time()
        since = before.failing_since or now
        believed_gone = reason == _NOT_THERE or not (was_read or wanted)
        if believed_gone and now - since > FORGOTTEN_AFTER:
            return None
        kept = replace(before, trouble=reason, failing_since=since, asked_at=now)
        self._mirror.keep_sitemap(kept)
        return kept

    def _get(self, url: str, validators: Validators, deadline: float | None) -> Answer:
        """The answer behind the redirects. Raises PageRefused, SiteSilent."""
        for _ in range(MOST_HOPS):
            answer = self._client.get(url, validators, limit=MAX_BYTES, deadline=deadline)
            if not (300 <= answer.status < 400 and answer.location) or answer.status == 304:
                return answer
            url = answer.location
        raise PageRefused(self._label, url, "redirects in a circle or too often")

    def _differs(self, now: str, before: str) -> bool:
        """Whether a sitemap lists something else; dates count only on sites whose dates have proven true."""
        if not now:
            return False
        if self._mirror.meta("lastmod_lies"):
            now, before = now.partition(":")[0], before.partition(":")[0]
        return now != before

    def _digest_of(self, answer: Answer) -> str:
        """Names what a sitemap lists now; "" for one that lists nothing, which proves nothing."""
        try:
            found = read_sitemap(answer.body, answer.url)
        except SitemapUnreadable:
            return ""
        return _digest(*_in_normal_form(found, answer.url)) if found.entries or found.children else ""


def _in_normal_form(found: Sitemap, url: str) -> tuple[list[_Entry], tuple[str, ...]]:
    entries = {page: entry.lastmod for entry in found.entries if (page := normal_url(entry.url, url))}
    children = dict.fromkeys(child for one in found.children if (child := normal_url(one, url)))
    return sorted(entries.items()), tuple(children)


def _digest(entries: Sequence[_Entry], children: Sequence[str]) -> str:
    """Names the URLs, and behind a colon the URLs with their dates."""
    urls = json.dumps([[url for url, _ in entries], children])
    return f"{hash16(urls.encode()).hex()}:{hash16(json.dumps([entries, children]).encode()).hex()}"


def _normal(urls: Sequence[str], base: str) -> list[str]:
    return list(dict.fromkeys(url for one in urls if (url := normal_url(one, base))))


def _unread(error: SiteSilent | PageRefused) -> str:
    """Such an error's reason as one of a sitemap, to be put behind its URL."""
    return f"could not be read: {error.reason}"
