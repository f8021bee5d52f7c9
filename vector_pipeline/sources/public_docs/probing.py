"""The probe of a site: has a sitemap changed, or one of a few pages, each looked at in turn?

The one idea: a probe changes nothing that counts. It marks what the next visit is to ask for; only where a page says
the same in other bytes it takes over the new validators, or it would find that page changed for ever.
"""

from __future__ import annotations

import time

from vector_pipeline.sources.public_docs.answers import Answer, NoTimeLeft, PageRefused, SiteSilent
from vector_pipeline.sources.public_docs.contents import Row
from vector_pipeline.sources.public_docs.site import Site
from vector_pipeline.sources.public_docs.trouble import reason_to_distrust

_MOST_SITEMAPS = 5
_CHANGED, _SAME, _UNKNOWN = "changed", "same", "unknown"


def find_news(site: Site, deadline: float) -> None:
    """Looks at sitemaps and a sample of pages until the deadline (monotonic), and marks what has changed.

    Raises SiteSilent where nothing answers.
    """
    site.client.robots(site.start, deadline)
    silent: SiteSilent | None = None
    answered = 0
    if site.settings.discover != "crawl":
        try:
            if site.sitemaps.changed(deadline, _MOST_SITEMAPS):
                site.mirror.remember(sitemap_news="1")
            answered += bool(site.used_sitemaps)
        except NoTimeLeft:
            return  # by others who ask the same host, or by the pauses it wants
        except SiteSilent as error:
            silent = error
    for row in site.mirror.longest_unasked(site.settings.sample):
        if time.monotonic() > deadline:
            break
        if not site.allows(row.url):
            site.mirror.looked_at(row)
            continue
        try:
            look_at_page(site, row, deadline)
            answered += 1
        except NoTimeLeft:
            break
        except SiteSilent as error:
            site.mirror.looked_at(row)  # or pages that never answer would be the sample for ever
            silent = error
        except PageRefused:
            site.mirror.looked_at(row)
    if silent is not None and not answered:
        raise silent


def look_at_page(site: Site, row: Row, deadline: float) -> None:
    """Asks for one page, and marks it where it has changed. Raises SiteSilent, PageRefused."""
    content = site.mirror.content(row.id)
    if content is None:
        return
    answer = site.client.get(
        row.url,
        content.validators,
        wanted=lambda media_type: site.reader.takes(row.url, media_type),
        deadline=deadline,
    )
    if answer.status == 304:
        site.mirror.looked_at(row)
        return
    found = _compared(site, row, answer)
    if found != _SAME:
        site.mirror.looked_at(row)
    if found == _CHANGED:
        site.mirror.want([row.id])
        if not row.lastmod or row.lastmod == row.lastmod_seen or site.mirror.meta("lastmod_lies"):
            site.mirror.remember(evidence="1")  # nothing announced it: other pages may have changed as well


def _compared(site: Site, row: Row, answer: Answer) -> str:
    """Whether a page changed in what it says."""
    if answer.status in (404, 410) or (300 <= answer.status < 400 and answer.location):
        return _CHANGED
    before = site.mirror.content(row.id)
    if answer.status != 200 or before is None:
        return _UNKNOWN
    reading = site.reader.read(row.url, answer)
    if reason_to_distrust(before, reading, None):
        return _UNKNOWN
    if reading.content.version != before.version or reading.content.state != before.state:
        return _CHANGED
    site.mirror.accept(row, reading.content, row.answered)
    return _SAME
