"""Listing a whole space from the service's database: every page and blog post with version, title and parent.

Cloud has lists of version 2 for that, Data Center `content` and, where administrators switched it off, `content/scan`
or at last the search. Attachments and comments have no list of a space but the search; what it lacks is confirmed
elsewhere before it counts as gone.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from urllib.parse import quote

from vector_pipeline.settings_atlassian import ConfluenceSettings
from vector_pipeline.sources.atlassian.errors import AccessDenied, AnswerRefused, SiteUnreachable, TooLarge
from vector_pipeline.sources.atlassian.site import Site
from vector_pipeline.sources.base import SourceUnreachable
from vector_pipeline.sources.confluence.answers import rows_at, text_at
from vector_pipeline.sources.confluence.paging import Parameters, pages_by_link, pages_by_offset
from vector_pipeline.sources.confluence.rows import (
    ATTACHMENT,
    BLOG_POST,
    COMMENT,
    PAGE,
    Row,
    row_of_v1,
    row_of_v2,
)
from vector_pipeline.sources.confluence.search import CURRENT_AND_ARCHIVED, Search, is_about_content, quoted
from vector_pipeline.sources.confluence.space import Space

_CLOUD_PAGE = 250
_DC_PAGE = 500
_LISTED = "version,space,ancestors"
_CLOUD_PATHS = {PAGE: "pages", BLOG_POST: "blogposts"}
_HOLDERS = {"folder": "folders", "whiteboard": "whiteboards", "database": "databases", "embed": "embeds"}


def list_pages(site: Site, search: Search, space: Space, settings: ConfluenceSettings, label: str) -> Iterator[Row]:
    """Pages and, where the settings want them, blog posts: current ones, and archived ones as far as they are listed.

    Archived pages are listed whatever the settings say where that costs nothing: others may lie below them.
    """
    kinds = (PAGE, BLOG_POST) if settings.blog_posts else (PAGE,)
    for kind in kinds:
        if site.cloud:
            yield from _cloud_list(site, space, kind, label)
        else:
            for status in ("current", "archived") if settings.archived_pages and kind == PAGE else ("current",):
                yield from _data_center_list(site, search, space, kind, status, label)


def _cloud_list(site: Site, space: Space, kind: str, label: str) -> Iterator[Row]:
    statuses = ["current", "archived"] if kind == PAGE else ["current"]
    path = f"/api/v2/spaces/{quote(space.id, safe='')}/{_CLOUD_PATHS[kind]}"
    for answer in pages_by_link(site, path, {"status": statuses, "limit": _CLOUD_PAGE}, label):
        for record in rows_at(answer, "results"):
            yield _whole(row_of_v2(record, kind), label)


def _data_center_list(site: Site, search: Search, space: Space, kind: str, status: str, label: str) -> Iterator[Row]:
    parameters = {"spaceKey": space.key, "type": kind, "status": status, "limit": _DC_PAGE, "expand": _LISTED}
    plain = pages_by_offset(site, "/rest/api/content", parameters, label, lambda row: text_at(row, "id"))
    scan = pages_by_link(site, "/rest/api/content/scan", parameters, label)
    for way, refusals in ((plain, (AccessDenied,)), (scan, (AccessDenied, AnswerRefused))):
        try:
            first = next(way, None)
        except refusals:
            continue  # switched off, or not there in this version; if it is about more, the search is refused too
        for answer in itertools.chain([first] if first is not None else [], way):
            for record in rows_at(answer, "results"):
                yield _whole(row_of_v1(record), label)
        return
    cql = f"space = {quoted(space.key)} and type = {kind} order by created"
    for record in search.every(cql, ("version", "space", "ancestors"), (status,)):
        yield _whole(row_of_v1(record), label)


def _whole(row: Row | None, label: str) -> Row:
    """The row; a list with a record that names no content must not pass for a whole one."""
    if row is None:
        raise SourceUnreachable(f"{label}: a list of pages holds a record that is not what Confluence sends")
    return row


def list_attachments(search: Search, space: Space) -> Iterator[Row]:
    """The attachments of a space, as the search index has them."""
    cql = f"space = {quoted(space.key)} and type = attachment order by created"
    for record in search.every(cql, ("version", "space", "container"), CURRENT_AND_ARCHIVED):
        row = row_of_v1(record)
        if row is not None and row.kind == ATTACHMENT:
            yield row


def list_comments(search: Search, where: str) -> Iterator[Row]:
    """The comments that a piece of CQL names (`space = …`, `container in (…)`), as the search index has them."""
    cql = f"type = comment and {where} order by created"
    for record in search.every(cql, ("version", "space", "container", "extensions.resolution"), CURRENT_AND_ARCHIVED):
        row = row_of_v1(record)
        if row is not None and row.kind == COMMENT:
            yield row


def read_pages_by_id(site: Site, kind: str, ids: Iterable[str], statuses: Sequence[str]) -> dict[str, Row]:
    """Cloud: pages or blog posts by id from the database, with parent and status. What can't be seen is left out."""
    wanted = list(ids)
    batches = [wanted[start : start + _CLOUD_PAGE] for start in range(0, len(wanted), _CLOUD_PAGE)]

    def read(batch: list[str]) -> list[Row]:
        parameters: Parameters = {"id": batch, "status": list(statuses), "limit": _CLOUD_PAGE}
        found = []
        for answer in pages_by_link(site, f"/api/v2/{_CLOUD_PATHS[kind]}", parameters, kind):
            found += [row for row in (row_of_v2(record, kind) for record in rows_at(answer, "results")) if row]
        return found

    return {row.id: row for rows in site.each(read, batches) for row in rows}


def read_holder(site: Site, number: str, kind: str) -> Row | None:
    """Cloud: a folder or another thing that pages may lie in, with title and parent; None where it can't be seen.

    `kind` is what the page says its parent is; where that is not known, each kind is tried. Raises SourceError, also
    where the token is not accepted for the kind that it is known to be (401).
    """
    for path in (_HOLDERS[kind],) if kind in _HOLDERS else _HOLDERS.values():
        try:
            answer = site.get(f"/api/v2/{path}/{number}")
        except AccessDenied as error:
            if error.status != 403 and kind in _HOLDERS:
                raise
        except (AnswerRefused, SiteUnreachable, TooLarge) as error:
            if not isinstance(error, AnswerRefused) and not is_about_content(error):
                raise
        else:
            if isinstance(answer, Mapping) and text_at(answer, "id") == number:
                return row_of_v2(answer, PAGE)
    return None
