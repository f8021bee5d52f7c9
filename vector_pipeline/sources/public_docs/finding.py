"""One page asked for now because a person wants it, outside of any visit.

What is found is taken over at once, unlike by a probe. The page stays marked for the next visit, so that the site
counts as changed until that has been.
"""

from __future__ import annotations

from vector_pipeline.sources.base import SourceUnreachable
from vector_pipeline.sources.public_docs.answers import Validators
from vector_pipeline.sources.public_docs.asking import Asker, Task
from vector_pipeline.sources.public_docs.contents import ALIAS, Content
from vector_pipeline.sources.public_docs.site import Site
from vector_pipeline.sources.public_docs.trouble import reason_to_distrust
from vector_pipeline.sources.public_docs.urls import normal_url

_MOST_REDIRECTS = 5


def claimed_url(site: Site, wanted: str) -> str:
    """The URL in normal form where the settings cover it, "" otherwise. Asks nothing."""
    url = normal_url(wanted) if wanted.startswith(("http://", "https://")) else ""
    return "" if not url or site.scope.reason_to_skip(url, listed=True) else url


def end_of_redirects(site: Site, url: str) -> str:
    """Where a URL led when it was last asked for."""
    for _ in range(_MOST_REDIRECTS):
        row = site.mirror.row_of(url)
        content = site.mirror.content(row.id) if row is not None else None
        if content is None or content.state != ALIAS or not content.target:
            break
        url = content.target
    return url


def ask_now(site: Site, url: str) -> Content | None:
    """What a page that the mirror knows holds now, taken over; None for one that it has never seen.

    Raises SourceUnreachable where the page can't be had, or not be believed.
    """
    row = site.mirror.row_of(url)
    if row is None:
        return None
    before = site.mirror.content(row.id)
    usable = before is not None and before.is_text
    look = Asker(site).look(Task(row, before, before.validators if before and usable else Validators()))
    if look.reading is None and not look.reason:
        return before
    reason = look.reason or (reason_to_distrust(before, look.reading, None) if look.reading else "")
    if reason or look.reading is None:
        hint = "open the address in a browser; what is held of it stays"
        raise SourceUnreachable(f"{site.label}: {url}: {reason}", hint=hint)
    site.mirror.want([row.id])
    site.mirror.accept(row, look.reading.content, row.answered or None)
    return look.reading.content
