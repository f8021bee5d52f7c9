"""What a source learns by the way and needs again: names of users, and titles of pages that no listing told.

It lives as long as the source, so that a run asks for each only once whatever it is cut into.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable

from vector_pipeline.sources.atlassian.site import Site
from vector_pipeline.sources.confluence.answers import text_at
from vector_pipeline.sources.confluence.people import People
from vector_pipeline.sources.confluence.search import Search


class Names:
    """Names of users and titles of pages of one site, for any number of threads."""

    def __init__(self, site: Site, search: Search) -> None:
        self.people = People(site)
        self._search = search
        self._titles: dict[str, str] = {}
        self._lock = threading.Lock()

    def titles(self, pages: Iterable[str]) -> dict[str, str]:
        """Titles of pages, "" for those that can't be seen. Raises SourceError."""
        wanted = set(pages)
        with self._lock:
            missing = sorted(wanted - self._titles.keys())
            for number, record in self._search.records(missing, ("version",)).items() if missing else ():
                self._titles[number] = text_at(record, "title")
            return {number: self._titles.get(number, "") for number in wanted}
