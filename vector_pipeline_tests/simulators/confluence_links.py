"""Addresses and times as Confluence writes them: paths of pages and downloads below the base URL."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, tzinfo
from urllib.parse import quote, quote_plus

from vector_pipeline_tests.simulators.atlassian_conditions import Flavour
from vector_pipeline_tests.simulators.confluence_content import Content, Space, Version
from vector_pipeline_tests.simulators.confluence_state import ConfluenceState


def timestamp(moment: datetime, zone: tzinfo = UTC) -> str:
    """A time with milliseconds, ending in Z for UTC and in the offset elsewhere."""
    text = moment.astimezone(zone).isoformat(timespec="milliseconds")
    return text.removesuffix("+00:00") + "Z" if text.endswith("+00:00") else text


def tiny_link(content: Content) -> str:
    """The short link of a page."""
    packed = base64.b64encode(content.id.to_bytes(4, "little"), altchars=b"-_").decode().rstrip("=").rstrip("A")
    return f"/x/{packed}"


def space_link(space: Space, flavour: Flavour) -> str:
    """Where people see a space."""
    return f"/spaces/{space.key}" if flavour is Flavour.CLOUD else f"/display/{quote(space.key)}"


def web_link(state: ConfluenceState, content: Content, flavour: Flavour) -> str:
    """Where people see a content. Changes with the title and the space of a page."""
    page = state.page_of(content)
    space, title = state.spaces[page.space_id], quote_plus(page.title)
    if flavour is Flavour.DATA_CENTER:
        simple = page.type == "page" and page.status == "current" and all(c.isalnum() or c in " -_" for c in page.title)
        link = f"/display/{quote(space.key)}/{title}" if simple else f"/pages/viewpage.action?pageId={page.id}"
    elif page.type == "blogpost":
        link = f"/spaces/{space.key}/blog/{page.created_at:%Y/%m/%d}/{page.id}/{title}"
    elif page.status == "draft":
        link = f"/spaces/{space.key}/pages/edit-v2/{page.id}?draftShareId={page.id}"
    else:
        link = f"/spaces/{space.key}/pages/{page.id}/{title}"
    if content.type == "comment":
        return f"{link}{'&' if '?' in link else '?'}focusedCommentId={content.id}#comment-{content.id}"
    if content.type == "attachment":
        name = quote(content.title, safe="")
        return f"/pages/viewpage.action?pageId={page.id}&preview=%2F{page.id}%2F{content.id}%2F{name}"
    return link


def download_link(content: Content, version: Version) -> str:
    """Where the bytes of one version of an attachment are."""
    moment = int(version.when.timestamp() * 1000)
    name = quote(version.title, safe="")
    query = f"version={version.number}&modificationDate={moment}&cacheVersion=1&api=v2"
    return f"/download/attachments/{content.container_id}/{name}?{query}"
