"""The picture of a space that a scan draws: what is in it, where, for whom, and in which version.

Pure. Pages, blog posts, attachments and comments are entered with what was read of them; then each gets the place and
the access of the page it is or hangs on.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from vector_pipeline.documents import Item, canonical_json
from vector_pipeline.sources.confluence.addresses import Addresses
from vector_pipeline.sources.confluence.rows import ATTACHMENT, PAGE, PAGES
from vector_pipeline.sources.confluence.tree import Node, Tree
from vector_pipeline.sources.confluence.versions import Parts, labels_hash, short_hash


@dataclass
class Picture:
    """Contents that are taken, by id, with the parts of their versions that do not depend on others."""

    tree: Tree
    identity: str
    entries: dict[str, Parts] = field(default_factory=dict)
    titles: dict[str, str] = field(default_factory=dict)
    """Titles of pages, as far as they were read."""
    contents: Mapping[str, Parts] = field(default_factory=dict)
    """Versions of which the content is held and need not be read again."""

    def finished(self, number: str) -> Parts:
        """All parts of the version of an entry."""
        parts = self.entries[number]
        page = self.page_of(number)
        above = page if parts.kind not in PAGES else parts.above
        return replace(
            parts,
            place=self.tree.place(above) if above else "",
            access=labels_hash(self.tree.access(page)),
        ).identified(self.identity)

    def is_restricted(self, number: str) -> bool:
        """Whether a view restriction holds for an entry."""
        return bool(self.tree.levels(self.page_of(number)))

    def item(self, number: str, version: str, addresses: Addresses, *, detailed: bool) -> Item:
        """An entry as an item; its detail says what `fetch` can't read of it alone."""
        parts = self.entries[number]
        page = self.page_of(number)
        uri = addresses.content(parts.kind, number, page)
        if not detailed:
            return Item(number.encode(), version, uri)
        above = self.tree.above(page)
        if parts.kind not in PAGES:
            above.append(page)
        crumbs = [[one, self.titles.get(one)] for one in above]
        held = self.contents.get(number)
        same = held is not None and parts.kind == ATTACHMENT and parts.same_content(held)
        detail = {"above": crumbs, "access": list(self.tree.access(page)), "held": same}
        return Item(number.encode(), version, uri, detail=canonical_json(detail))

    def hanging_on(self, pages: Iterable[str]) -> Iterator[str]:
        """Attachments and comments of pages, and comments on those attachments."""
        wanted = set(pages)
        return (n for n, parts in self.entries.items() if parts.kind not in PAGES and self.page_of(n) in wanted)

    def page_of(self, number: str) -> str:
        """The page that an entry is or hangs on: a comment on an attachment hangs on that one's page."""
        return page_of(number, self.entries)


def page_of(number: str, entries: Mapping[str, Parts]) -> str:
    """The page or blog post that an entry is or hangs on."""
    parts = entries[number]
    if parts.kind in PAGES:
        return number
    holder = entries.get(parts.above)
    return holder.above if holder is not None and holder.kind == ATTACHMENT else parts.above


def node_of(kind: str, above: str, title: str) -> Node:
    """A page as a node of the tree; `title` is its hash."""
    return Node(above if kind == PAGE else "", title)


def nodes_of(entries: dict[str, Parts]) -> dict[str, Node]:
    """The nodes of pages and blog posts."""
    return {
        number: node_of(parts.kind, parts.above, parts.title)
        for number, parts in entries.items()
        if parts.kind in PAGES
    }


def bridge_node(bridge: tuple[str, str]) -> Node:
    """A page or folder that is not held, as a node."""
    return Node(bridge[0], short_hash(bridge[1]))
