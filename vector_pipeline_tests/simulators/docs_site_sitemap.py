"""The sitemap of a simulated site in each form that sites have: one file, packed, or an index with parts."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Sequence
from datetime import datetime
from html import escape
from typing import Literal

from vector_pipeline_tests.simulators.docs_site_http import Reply

SitemapKind = Literal["plain", "index", "gzip", "none"]

_PART = 5_000
_NAMESPACE = 'xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"'


def sitemap_path(kind: SitemapKind) -> str:
    """Where the sitemap stands."""
    return "/sitemap.xml.gz" if kind == "gzip" else "/sitemap.xml"


def sitemap_file(
    path: str, kind: SitemapKind, root: str, pages: Callable[[], Sequence[tuple[str, datetime | None]]]
) -> Reply | None:
    """The sitemap or a part of it where `path` is one, else None. `pages` are URLs with the dates to tell, if any."""
    if kind == "none" or not path.startswith("/sitemap"):
        return None
    if kind != "index":
        if path != sitemap_path(kind):
            return None
        reply = _xml(_url_set(pages()))
        return Reply(200, gzip.compress(reply.body, mtime=0), "application/gzip") if kind == "gzip" else reply
    listed = pages()
    parts = [listed[start : start + _PART] for start in range(0, len(listed), _PART)]
    if path == sitemap_path(kind):
        names = "".join(f"<sitemap><loc>{root}sitemap-{number}.xml</loc></sitemap>" for number in range(len(parts)))
        return _xml(f"<sitemapindex {_NAMESPACE}>{names}</sitemapindex>")
    number = path.removeprefix("/sitemap-").removesuffix(".xml")
    return _xml(_url_set(parts[int(number)])) if number.isdigit() and int(number) < len(parts) else None


def _url_set(pages: Sequence[tuple[str, datetime | None]]) -> str:
    lines = (
        f"<url><loc>{escape(url)}</loc>{f'<lastmod>{date.isoformat()}</lastmod>' if date else ''}</url>\n"
        for url, date in pages
    )
    return f"<urlset {_NAMESPACE}>\n{''.join(lines)}</urlset>"


def _xml(text: str) -> Reply:
    return Reply(200, f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'.encode(), "application/xml")
