"""What people call a page, post, attachment or comment of a space: its content id, or an address that they copied.

Pure. Addresses of Cloud and Data Center name the id in the path or in the query; only /display/KEY/Title names a title.
"""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import parse_qs, unquote, unquote_plus

from vector_pipeline.sources.atlassian.address import parts_there
from vector_pipeline.sources.confluence.rows import content_id
from vector_pipeline.sources.confluence.search import quoted

_GATEWAY = "/ex/confluence/"
"""In the address of the API gateway, which is not where people find pages."""

_BY_ID = re.compile(r"/(?:pages|blog)/(?:\d{4}/\d\d/\d\d/)?(\d{1,20})(?:/|$)")
_SPACE = re.compile(r"/(?:spaces|display)/([^/]+)")
_TITLED = re.compile(r"/display/([^/]+)/([^/]+)/?$")
_ATTACHED = re.compile(r"%2F\d+%2F(\d{1,20})|/\d+/(\d{1,20})")


class Named(NamedTuple):
    """The content id, or else the title of a page of the space."""

    id: str = ""
    title: str = ""


def named_content(wanted: str, key: str, address: str) -> Named | None:
    """What may be meant in the space `key` of the site at `address`; None for what is elsewhere."""
    if "://" not in wanted:
        number = content_id(wanted)
        return Named(number) if number else None
    parts = parts_there(wanted, address, any_host=_GATEWAY in address)
    if parts is None:
        return None
    space = _SPACE.search(parts.path)
    if space and unquote(space[1]).upper() != key.upper():
        return None
    query = parse_qs(parts.query)
    if comment := content_id(query.get("focusedCommentId", [""])[0]):
        return Named(comment)
    if file := _ATTACHED.fullmatch(query.get("preview", [""])[0]):
        return Named(f"att{file[1] or file[2]}")
    by_id = _BY_ID.search(parts.path)
    if number := content_id(query.get("pageId", [""])[0]) or (by_id[1] if by_id else ""):
        return Named(number)
    titled = _TITLED.search(parts.path)
    return Named(title=unquote_plus(titled[2])) if titled else None


def title_query(key: str, title: str) -> str:
    """CQL for the page of that title."""
    return f"space = {quoted(key)} and type = page and title = {quoted(title)}"
