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
        page = self._page(number, parts)
        above = page if parts.kind not in PAGES else parts.above
        return replace(
            parts,
            place=self.tree.place(above) if above else "",
            access=labels_hash(self.tree.access(page)),
            identity=self.identity,
        )

    def is_restricted(self, number: str) -> bool:
        """Whether a view restriction holds for an entry."""
        return bool(self.tree.levels(self._page(number, self.entries[number])))

    def item(self, number: str, version: str, addresses: Addresses, *, detailed: bool) -> Item:
        """An entry as an item; its detail says what `fetch` can't read of it alone."""
        parts = self.entries[number]
        page = self._page(number, parts)
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
        """Attachments and comments of pages."""
        wanted = set(pages)
        return (number for number, parts in self.entries.items() if parts.kind not in PAGES and parts.above in wanted)

    @staticmethod
    def _page(number: str, parts: Parts) -> str:
        return number if parts.kind in PAGES else parts.above


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
