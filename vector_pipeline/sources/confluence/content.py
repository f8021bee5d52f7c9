"""Documents of pages, blog posts and comments: their text, and what reaches the payload.

Pure. The version of a document names what it was really made of, also where that is newer than what was listed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from vector_pipeline.conversion.atlassian import References
from vector_pipeline.documents import Document, Item
from vector_pipeline.sources.atlassian.site import Site
from vector_pipeline.sources.confluence.addresses import Addresses
from vector_pipeline.sources.confluence.answers import Json, moment_at, number_at, text_at
from vector_pipeline.sources.confluence.bodies import Body
from vector_pipeline.sources.confluence.comments import Comments, comment_of, comment_text, comments_section, heading
from vector_pipeline.sources.confluence.rows import BLOG_POST, PAGES, labels_of
from vector_pipeline.sources.confluence.scope import Scope
from vector_pipeline.sources.confluence.space import Space
from vector_pipeline.sources.confluence.versions import Parts, comments_state, labels_hash, short_hash, status_part

_BLOG = "blog"


@dataclass(frozen=True, slots=True)
class Crumb:
    """A page above, with its title; None where that was not told."""

    id: str
    title: str | None


@dataclass(frozen=True, slots=True)
class Described:
    """An item with its record and all that a document of it needs."""

    item: Item
    number: str
    parts: Parts
    crumbs: tuple[Crumb, ...]
    access: tuple[str, ...]
    record: Json
    space: Space
    scope: Scope
    site: Site
    is_held: bool = False
    """Whether the content of the listed version is held already."""

    @property
    def is_as_listed(self) -> bool:
        """Whether the record is of the version and title that were listed."""
        number, title = str(number_at(self.record, "version", "number")), short_hash(text_at(self.record, "title"))
        return (number, title) == (self.parts.number, self.parts.title)

    @property
    def page(self) -> str:
        """The page it is or hangs on."""
        if self.parts.kind in PAGES:
            return self.number
        return self.crumbs[-1].id if self.crumbs else self.parts.above

    @property
    def addresses(self) -> Addresses:
        """Addresses in its space."""
        return Addresses(self.space.base or self.site.url, self.space.key, self.site.cloud)

    @property
    def titles(self) -> list[str]:
        """Titles of the pages above."""
        return [crumb.title or "" for crumb in self.crumbs]

    def version(self, *, labels: Iterable[str] = (), comments: str = "") -> str:
        """The version of what the record says, with the title and place that were listed.

        What is below was listed with these too: a title that changed since is a change that the next scan must see.
        """
        number = str(number_at(self.record, "version", "number"))
        status = status_part(text_at(self.record, "status")) if self.parts.kind in PAGES else ""
        parts = replace(self.parts, number=number, labels=labels_hash(labels), comments=comments, status=status)
        return parts.text()

    def path(self, title: str) -> str:
        """The place as a path, for filters by folder."""
        first = [self.space.key, *([_BLOG] if self.parts.kind == BLOG_POST else [])]
        return "/".join([*first, *map(_segment, self.titles), _segment(title)])

    def metadata(self, tags: Iterable[str] = ()) -> dict[str, Any]:
        """What all kinds of content tell."""
        record = self.record
        created = moment_at(record, "history", "createdDate")
        status = text_at(record, "status")
        found: dict[str, Any] = {
            "content_type": self.parts.kind,
            "space": {"key": self.space.key, "name": self.space.name},
            "breadcrumb": self.titles,
            "tags": list(dict.fromkeys([*tags, *self.scope.settings.tags])),
            "version": str(number_at(record, "version", "number")),
            "author": text_at(record, "history", "createdBy", "displayName"),
            "last_editor": text_at(record, "version", "by", "displayName"),
            "created_at": created.isoformat() if created else "",
            "web_url": self.item.uri,
            "status": status if status != "current" else "",
            "access": list(self.access),
        }
        return {key: value for key, value in found.items() if value not in ("", [], None)}

    def references(self, names: Mapping[str, str]) -> References:
        """What links and mentions of its body mean."""
        addresses = self.addresses
        return References(
            page_url=addresses.titled,
            user_name=lambda number: names.get(number, ""),
            attachment_url=lambda name: addresses.file(self.page, name),
        )


def page_document(described: Described, body: Body, comments: Comments, names: Mapping[str, str]) -> Document:
    """A page or blog post, with its comments where they belong to it."""
    references = described.references(names)
    markdown = body.markdown(references)
    labels = labels_of(body.record) or ()
    title = text_at(body.record, "title")
    text = "\n\n".join(filter(None, [markdown.text.strip("\n"), comments_section(comments.comments, references)]))
    metadata = described.metadata(labels)
    metadata["path"] = described.path(title)
    if markdown.links:
        metadata["links"] = markdown.links
    return Document(
        native_id=described.item.native_id,
        version=described.version(labels=labels, comments=comments_state(comments.listed)),
        uri=described.item.uri,
        title=title,
        text=text,
        kind="text" if markdown.degraded else "markdown",
        context=title,
        metadata=metadata,
        source_updated_at=moment_at(body.record, "version", "when"),
    )


def comment_document(described: Described, body: Body, names: Mapping[str, str]) -> Document:
    """A comment as a document of its own. Its context is empty: the page's title may change without it."""
    references = described.references(names)
    comment = comment_of(body.record, body)
    markdown = body.markdown(references)
    metadata = described.metadata()
    metadata["path"] = described.path(f"comment {described.number}")
    metadata |= {"resolution": comment.state} if comment.state else {}
    return Document(
        native_id=described.item.native_id,
        version=described.version(comments=comment.state),
        uri=described.item.uri,
        title=f"{heading(comment)}: {described.titles[-1]}" if described.crumbs else heading(comment),
        text=comment_text(comment, references),
        kind="text" if markdown.degraded else "markdown",
        metadata=metadata,
        source_updated_at=moment_at(body.record, "version", "when"),
    )


def _segment(title: str) -> str:
    """A title as one part of a path."""
    return title.replace("/", "\N{DIVISION SLASH}").strip() or "untitled"
