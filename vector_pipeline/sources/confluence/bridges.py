"""What lies above pages without being listed itself: folders, and pages that are archived or not current.

Places and inherited restrictions run through it, so it is looked up once and kept in the cursor.
"""

from __future__ import annotations

from collections.abc import Iterable

from vector_pipeline.sources.atlassian.site import Site
from vector_pipeline.sources.confluence.census import read_folder, read_pages_by_id
from vector_pipeline.sources.confluence.picture import bridge_node
from vector_pipeline.sources.confluence.rows import PAGE, Row, readers_of
from vector_pipeline.sources.confluence.search import DETAILS, Search
from vector_pipeline.sources.confluence.tree import Tree

_MOST_LEVELS = 100


class Bridges:
    """Adds to a tree what its pages hang on. `known` are the bridges of the cursor, with their restrictions."""

    def __init__(self, site: Site, search: Search, known: dict[str, tuple[str, str]]) -> None:
        self._site, self._search = site, search
        self._known = known
        self.found: dict[str, tuple[str, str]] = {}
        """Bridges in use: (parent, title)."""

    def complete(self, tree: Tree, restricted: dict[str, frozenset[str]], rows: Iterable[Row]) -> None:
        """Looks up unknown parents until there are none. What can't be seen ends the way up. Raises SourceError."""
        told = _told(rows)
        for _ in range(_MOST_LEVELS):
            unknown = tree.unknown_parents()
            if not unknown:
                return
            new = {page for page in unknown if page not in self._known}
            looked_up = self._look_up(new, told, restricted)
            for page in unknown:
                self.found[page] = self._known.get(page) or looked_up.get(page) or ("", "")
                tree.nodes[page] = bridge_node(self.found[page])

    def _look_up(
        self, pages: set[str], told: dict[str, tuple[str, str]], restricted: dict[str, frozenset[str]]
    ) -> dict[str, tuple[str, str]]:
        found = {page: told[page] for page in pages if page in told}
        rest = sorted(pages - found.keys())
        if self._site.cloud and rest:
            statuses = ("current", "archived", "trashed", "deleted")
            rows = read_pages_by_id(self._site, PAGE, rest, statuses)
            found |= {page: (row.above, row.title) for page, row in rows.items()}
            for page in rest:
                if page not in found and (folder := read_folder(self._site, page)) is not None:
                    found[page] = folder
                    self._read_restriction_of_folder(page, restricted)
        for page, row in self._search.rows(sorted(found.keys() | set(rest))).items():
            if isinstance(row, Row):
                found.setdefault(page, (row.above, row.title))
                if row.readers:
                    restricted[page] = row.readers
        return found

    def _read_restriction_of_folder(self, folder: str, restricted: dict[str, frozenset[str]]) -> None:
        """Where the service does not tell who may see a folder, nobody is told of what is in it."""
        record = self._search.record(folder, DETAILS)
        readers = readers_of(record) if isinstance(record, dict) else None
        if readers is None or readers:
            restricted[folder] = readers or frozenset()


def _told(rows: Iterable[Row]) -> dict[str, tuple[str, str]]:
    """Parent and title of the pages that rows name as their ancestors."""
    found: dict[str, tuple[str, str]] = {}
    for row in rows:
        above = ""
        for page, title in row.ancestors or ():
            found[page] = (above, title)
            above = page
    return found
