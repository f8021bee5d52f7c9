"""Addresses that people open: of pages, posts, comments, files and links by title. Pure; no request is made.

None of them changes with a title, so that a rename changes no address.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote, quote_plus

from vector_pipeline.sources.confluence.rows import ATTACHMENT, COMMENT, PAGE


@dataclass(frozen=True, slots=True)
class Addresses:
    """`base` is the site's address as people know it, with /wiki on Cloud."""

    base: str
    space_key: str
    cloud: bool

    def space(self) -> str:
        """The space."""
        key = quote(self.space_key, safe="~")
        return f"{self.base}/spaces/{key}" if self.cloud else f"{self.base}/display/{key}"

    def content(self, kind: str, number: str, page: str) -> str:
        """A page or blog post, or what hangs on it."""
        by_id = f"{self.base}/pages/viewpage.action?pageId={page}"
        if kind == PAGE and self.cloud:
            return f"{self.space()}/pages/{page}"
        if kind == COMMENT:
            return f"{by_id}&focusedCommentId={number}#comment-{number}"
        if kind == ATTACHMENT:
            return f"{by_id}&preview=%2F{page}%2F{number.removeprefix('att')}"
        return by_id

    def titled(self, space_key: str, title: str) -> str:
        """A page by title, as links in a page name it; "" stands for the page's own space."""
        return f"{self.base}/display/{quote(space_key or self.space_key, safe='~')}/{quote_plus(title)}"

    def file(self, page: str, name: str) -> str:
        """An attachment of a page by its name."""
        return f"{self.base}/download/attachments/{page}/{quote(name, safe='')}"
