"""What lies above pages without being listed itself: folders, and pages that are archived or not current.

Places and inherited restrictions run through it, so it is looked up and kept in the cursor. A parent of which the
service tells nothing may be restricted itself or lie below what is: nobody reads what is below it until it is told.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from vector_pipeline.sources.atlassian.site import Site
from vector_pipeline.sources.confluence.census import read_holder, read_pages_by_id
from vector_pipeline.sources.confluence.picture import bridge_node
from vector_pipeline.sources.confluence.rows import PAGE, UNKNOWN, Row, readers_of
from vector_pipeline.sources.confluence.search import DETAILS, Search
from vector_pipeline.sources.confluence.tree import Node, Tree
from vector_pipeline.sources.confluence.versions import short_hash

_MOST_LEVELS = 100
_STATUSES = ("current", "archived", "trashed", "deleted")
_Restricted = dict[str, frozenset[str]]


class Bridges:
    """Adds to a tree what its pages hang on.

    `known` are the bridges of the cursor. A delta asks for none of them; a census (`afresh`) asks for pages among them
    again, which costs little.
    """

    def __init__(self, site: Site, search: Search, known: Mapping[str, tuple[str, str]], *, afresh: bool) -> None:
        self._site, self._search = site, search
        self._known, self._afresh = known, afresh
        self._kinds: dict[str, str] = {}
        self.found: dict[str, tuple[str, str]] = {}
        """Bridges in use, by id: (parent, title)."""
        self.unknown: set[str] = set()
        """Parents of which the service told nothing, or not who may read them. They are asked for again."""

    def complete(self, tree: Tree, restricted: _Restricted, rows: Iterable[Row]) -> None:
        """Looks up unknown parents until there are none. Raises SourceError.

        One that stays unknown is a restriction that names nobody. A delta asks again for one only if a row names it.
        """
        listed = list(rows)
        told = _told(listed)
        named = {row.above for row in listed} | told.keys()
        self._kinds |= {row.above: row.above_kind for row in listed if row.above and row.above_kind}
        for _ in range(_MOST_LEVELS):
            parents = tree.unknown_parents()
            if not parents:
                return
            known = {page for page in parents if page in self._known and not self._is_asked_again(page)}
            given_up = {UNKNOWN}
            if not self._afresh:  # what is nobody's and no bridge was asked for in vain by the scan before
                given_up |= {page for page in parents - known - named if restricted.get(page) == frozenset()}
            found = {page: self._known[page] for page in known}
            found |= self._look_up(parents - known - given_up, told, restricted)
            self.found |= found
            tree.nodes.update({page: bridge_node(bridge) for page, bridge in found.items()})
            self._give_up(parents - found.keys(), tree, restricted)
        self._give_up(tree.unknown_parents(), tree, restricted)

    def titles(self) -> dict[str, str]:
        """Titles of what was added to the tree, "" where it is not known."""
        return {page: title for page, (_, title) in self.found.items()} | dict.fromkeys(self.unknown, "")

    def _is_asked_again(self, page: str) -> bool:
        return self._afresh and self._kind(page) == PAGE

    def _kind(self, page: str) -> str:
        """What a parent is, "" where that is not known; on Data Center there are pages alone."""
        return self._kinds.get(page, "") if self._site.cloud else PAGE

    def _give_up(self, pages: Iterable[str], tree: Tree, restricted: _Restricted) -> None:
        for page in pages:
            self.unknown.add(page)
            restricted[page] = frozenset()
            tree.nodes[page] = Node("", short_hash(""))

    def _look_up(
        self, wanted: set[str], told: Mapping[str, tuple[str, str]], restricted: _Restricted
    ) -> dict[str, tuple[str, str]]:
        """Parent and title of what can be seen with its restriction, which is taken down."""
        if not wanted:
            return {}
        placed = self._read_places(wanted) if self._site.cloud else {p: told[p] for p in wanted if p in told}
        found = {}
        for page, (row, readers) in self._read_restrictions(placed if self._site.cloud else wanted).items():
            if readers is None or (row is None and page not in placed):
                continue
            found[page] = placed[page] if row is None or page in placed else (row.above, row.title)
            restricted.pop(page, None)
            if readers:
                restricted[page] = readers
        return found

    def _read_places(self, wanted: set[str]) -> dict[str, tuple[str, str]]:
        """Cloud: parents and titles from the database; the search does not name folders."""
        pages = sorted(page for page in wanted if self._kind(page) in ("", PAGE))
        rows = read_pages_by_id(self._site, PAGE, pages, _STATUSES) if pages else {}
        others = sorted(page for page in wanted - rows.keys() if self._kind(page) != PAGE)
        holders = [*self._site.each(lambda one: read_holder(self._site, one, self._kind(one)), others)]
        rows |= {row.id: row for row in holders if row is not None}
        self._kinds |= {one: self._kind(one) or "folder" for one in others}
        self._kinds |= {row.above: row.above_kind for row in rows.values() if row.above}
        return {page: (row.above, row.title) for page, row in rows.items()}

    def _read_restrictions(self, pages: Iterable[str]) -> dict[str, tuple[Row | None, frozenset[str] | None]]:
        """Pages by the hundred, and what the search does not know one by one, at the same time: who may read them."""
        wanted = sorted(pages)
        rows = self._search.rows([page for page in wanted if self._kind(page) in ("", PAGE)])
        found: dict[str, tuple[Row | None, frozenset[str] | None]] = {
            page: (row, row.readers) if isinstance(row, Row) else (None, None) for page, row in rows.items()
        }
        others = [page for page in wanted if page not in rows]
        records = self._site.each(lambda one: self._search.record(one, DETAILS), others)
        for page, record in zip(others, records, strict=True):
            found[page] = (None, readers_of(record) if isinstance(record, Mapping) else None)
        return found


def _told(rows: Iterable[Row]) -> dict[str, tuple[str, str]]:
    """Parent and title of the pages that rows name as their ancestors."""
    found: dict[str, tuple[str, str]] = {}
    for row in rows:
        above = ""
        for page, title in row.ancestors or ():
            found[page] = (above, title)
            above = page
    return found
