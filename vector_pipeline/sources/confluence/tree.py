"""The tree of a space: where each page is, and which restrictions hold there.

Pure. Answers are remembered per page, so that asking for all pages of a space costs one step each.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from vector_pipeline.sources.access_labels import NOBODY, combine_levels
from vector_pipeline.sources.confluence.versions import short_hash

_TOP = ""


@dataclass(frozen=True, slots=True)
class Node:
    """A page: its parent ("" at the top) and the hash of its title."""

    above: str
    title: str


@dataclass
class Tree:
    """Pages by id, those with a restriction of their own, and who may see the space otherwise."""

    nodes: dict[str, Node]
    restricted: Mapping[str, frozenset[str]]
    container: Sequence[str]
    readers: frozenset[str] = frozenset()
    """Those of the space as principals, one of which a reader of a restricted page must be too; empty if not known."""
    _places: dict[str, str] = field(default_factory=dict)
    _levels: dict[str, tuple[str, ...]] = field(default_factory=dict)
    _access: dict[tuple[str, ...], tuple[str, ...]] = field(default_factory=dict)

    def above(self, page: str) -> list[str]:
        """The pages above a page, from the top down, as far as they are known."""
        found: list[str] = []
        seen = {page}
        node = self.nodes.get(page)
        while node is not None and node.above and node.above not in seen:
            found.append(node.above)
            seen.add(node.above)
            node = self.nodes.get(node.above)
        return found[::-1]

    def place(self, page: str) -> str:
        """Names a page with all that is above it, "" for the top of the space."""
        self._learn(page)
        return self._places.get(page, "")

    def levels(self, page: str) -> tuple[str, ...]:
        """The pages with a restriction that holds for a page: its own and those above, from the top down."""
        self._learn(page)
        return self._levels.get(page, ())

    def access(self, page: str) -> tuple[str, ...]:
        """The access labels of a page: of the space, or of the restrictions that hold instead."""
        levels = self.levels(page)
        if levels not in self._access:
            self._access[levels] = tuple(self._joined(levels) if levels else sorted(set(self.container)))
        return self._access[levels]

    def _joined(self, levels: tuple[str, ...]) -> list[str]:
        """Whom all of these restrictions admit, of those who may see the space."""
        needed = [self.restricted[one] - {NOBODY} for one in levels]
        return combine_levels([*needed, self.readers] if self.readers else needed) or [NOBODY]

    def unknown_parents(self) -> set[str]:
        """Ids that pages name as their parent and that are not in the tree."""
        return {node.above for node in self.nodes.values() if node.above and node.above not in self.nodes}

    def _learn(self, page: str) -> None:
        """Fills what is remembered from the first page above that is known already down to this one."""
        way: list[str] = []
        seen: set[str] = set()
        current = page
        while current and current not in self._places and current not in seen:
            way.append(current)
            seen.add(current)
            node = self.nodes.get(current)
            current = node.above if node else _TOP
        for one in reversed(way):
            node = self.nodes.get(one)
            above = node.above if node and node.above in self._places else _TOP
            self._places[one] = folded(self._places.get(above, ""), one, node.title if node else "")
            levels = self._levels.get(above, ())
            self._levels[one] = (*levels, one) if one in self.restricted else levels


def folded(place: str, page: str, title: str) -> str:
    """The place of what is below a page: the page's own place, its id and the hash of its title in one."""
    return short_hash([place, page, title])
