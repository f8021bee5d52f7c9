"""Pages of a list, whatever way the service has of paging, and whatever it gets wrong about it.

Cursors are followed by the links the service gives; offsets are counted from what arrived, never from its links.
A page that the service fails at is asked for again at half the size. All loops are bounded.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from vector_pipeline.sources.atlassian.errors import AnswerRefused, SiteUnreachable, TooLarge
from vector_pipeline.sources.atlassian.site import Site
from vector_pipeline.sources.base import SourceUnreachable
from vector_pipeline.sources.confluence.answers import Json, text_at, value_at

_MOST_IN_VAIN = 4
"""Pages in a row that bring nothing new before a list counts as ended, or as going in circles."""
_WITH_OVERLAP = 10
"""Rows of a page from which on the next one begins with the last of them."""
_MOST_REFUSED = 3
"""How often a later page may be refused before that is believed (fact thirty-four)."""
_LIMIT = re.compile(r"(?<=[?&]limit=)\d+")

Parameters = Mapping[str, Any]


def pages_by_link(site: Site, path: str, parameters: Parameters, label: str) -> Iterator[Json]:
    """The answers of a list that is paged by cursor (Cloud). Raises SourceError.

    A next link may come with no rows, which is the end unless rows follow; and it may be the one that was just
    followed, which is tried again. Raises SourceUnreachable when it only goes in circles.
    """
    link, asked = path, dict(parameters)
    followed: set[str] = set()
    in_vain = 0
    while True:
        answer = _ask(site, link, asked, label)
        rows = _rows(answer, path, label)
        yield answer
        following = text_at(answer, "_links", "next")
        if not following:
            return
        in_vain = in_vain + 1 if not rows or following in followed else 0
        if in_vain >= _MOST_IN_VAIN:
            if not rows:
                return
            raise SourceUnreachable(
                f"{label}: the list {path} goes in circles", hint="the next run tries again; nothing was deleted"
            )
        followed.add(following)
        link, asked = following, {}


def pages_by_offset(
    site: Site, path: str, parameters: Parameters, label: str, identity: Callable[[Json], str]
) -> Iterator[Json]:
    """The answers of a list that is paged by `start` (Data Center). Raises SourceError.

    The next start is what arrived so far; a short page is not the end, pages that only repeat rows are (a list may
    answer rows past its end). A page begins with the last row of the one before, so that rows which move up meanwhile
    are not missed.
    """
    start, in_vain, overlaps = 0, 0, False
    limit = int(parameters.get("limit", 25))
    seen: set[str] = set()
    while True:
        answer = _ask_beyond_first(site, path, dict(parameters) | {"start": start, "limit": limit}, label)
        rows = _rows(answer, path, label)
        fresh = {identity(row) for row in rows} - seen
        slipped = overlaps and bool(rows) and identity(rows[0]) not in seen
        seen |= fresh
        yield answer
        in_vain = 0 if fresh else in_vain + 1
        if in_vain >= _MOST_IN_VAIN or not text_at(answer, "_links", "next"):
            return
        overlaps = not slipped and len(rows) >= _WITH_OVERLAP
        if slipped:
            start = max(0, start - len(rows))  # rows went away before this page: the gap is looked at again
        else:
            start += len(rows) - overlaps


def _ask_beyond_first(site: Site, path: str, parameters: dict[str, Any], label: str) -> Json:
    """One answer of a list paged by `start`: Data Center now and then refuses a later page for no reason."""
    for _ in range(_MOST_REFUSED if parameters["start"] else 0):
        try:
            return _ask(site, path, parameters, label)
        except AnswerRefused as error:
            if error.status != 400:
                raise
    return _ask(site, path, parameters, label)


def _ask(site: Site, link: str, parameters: dict[str, Any], label: str) -> Json:
    """One answer; at half the size as long as the service fails at the size asked."""
    while True:
        try:
            answer = site.get(link, parameters or None)
        except (SiteUnreachable, TooLarge) as error:
            smaller = _smaller(link, parameters) if _may_be_less(error) else None
            if smaller is None:
                raise
            link, parameters = smaller
            continue
        if not isinstance(answer, Mapping):
            raise SourceUnreachable(f"{label}: the answer to {_path(link)} is not what Confluence sends")
        return answer


def _may_be_less(error: SiteUnreachable | TooLarge) -> bool:
    return isinstance(error, TooLarge) or error.smaller_may_work


def _smaller(link: str, parameters: dict[str, Any]) -> tuple[str, dict[str, Any]] | None:
    """The same question for half as many rows; None where it was for one."""
    if "limit" in parameters:
        limit = int(parameters["limit"])
        return (link, parameters | {"limit": limit // 2}) if limit > 1 else None
    found = _LIMIT.search(link)
    if found is None or int(found[0]) <= 1:
        return None
    return _LIMIT.sub(str(int(found[0]) // 2), link), parameters


def _rows(answer: Json, path: str, label: str) -> list[Json]:
    found = value_at(answer, "results")
    if not isinstance(found, list) or not all(isinstance(row, Mapping) for row in found):
        raise SourceUnreachable(f"{label}: the answer to {path} holds no list of results")
    return found


def _path(link: str) -> str:
    return link.partition("?")[0]
