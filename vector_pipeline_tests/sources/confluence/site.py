"""A simulated Confluence with a source that follows it: what was fetched is kept as the pipeline keeps it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from vector_pipeline.documents import Document, Failure, Item, Restated, frame_items, restated
from vector_pipeline.settings_atlassian import ConfluenceSettings
from vector_pipeline.sources.base import Known, Listing
from vector_pipeline.sources.confluence.source import ConfluenceSource
from vector_pipeline_tests.converting import any_converter
from vector_pipeline_tests.simulators.atlassian_conditions import API_TOKEN, EMAIL, PERSONAL_ACCESS_TOKEN
from vector_pipeline_tests.simulators.confluence_server import ConfluenceServer

FLAVOURS = ("cloud", "data_center")


def settings_for(server: ConfluenceServer, **more: Any) -> dict[str, Any]:
    """Settings of a source of the server; `more` is added or takes precedence."""
    secrets = {"email": EMAIL, "token": API_TOKEN} if server.flavour == "cloud" else {"token": PERSONAL_ACCESS_TOKEN}
    given = {"url": server.url, "deployment": str(server.flavour), "spaces": ["ENG"], "max_wait": "60s"}
    return {**given, **secrets, **more}


@dataclass
class Follower:
    """A source with what is held of it. `documents` and `failures` are by native id."""

    source: ConfluenceSource
    server: ConfluenceServer
    documents: dict[bytes, Document] = field(default_factory=dict)
    failures: dict[bytes, Failure] = field(default_factory=dict)
    cursor: dict[str, Any] = field(default_factory=dict)
    fetched: list[bytes] = field(default_factory=list)
    """What the last sync asked for."""

    def reopen(self) -> None:
        """A new source with the same settings, as every run of the pipeline opens one."""
        self.source.close()
        self.source = ConfluenceSource(self.source.name, self.source.key, self.source.settings, any_converter())

    def sync(self, *, due: bool = True, **known: bool) -> Listing:
        """One scan with its fetches applied; quarantined documents are due again at once."""
        failed = {native: failure.version for native, failure in self.failures.items()}
        versions = {native: document.version for native, document in self.documents.items()}
        tried_again = frozenset(failed) if due else frozenset()
        listing = self.source.scan(Known(self.cursor, versions, failed, tried_again, **known))
        wanted = [item for item in frame_items(listing.items) if self._wants(item, versions, tried_again)]
        self.fetched = [item.native_id for item in wanted]
        answers = list(self.source.fetch(wanted))
        assert {answer.native_id for answer in answers} >= set(self.fetched), "an item without an answer"
        for answer in (*listing.failures, *answers):
            if isinstance(answer, Restated):
                answer = restated(self.documents[answer.native_id], answer)
            if isinstance(answer, Document):
                self.documents[answer.native_id] = answer
                self.failures.pop(answer.native_id, None)
            else:
                self.failures[answer.native_id] = answer
        self._forget(listing)
        self.cursor = dict(listing.cursor)
        return listing

    def _wants(self, item: Item, versions: dict[bytes, str], tried_again: frozenset[bytes]) -> bool:
        failed = self.failures.get(item.native_id)
        if item.native_id in tried_again:
            return True
        return versions.get(item.native_id) != item.version and (failed is None or failed.version != item.version)

    def _forget(self, listing: Listing) -> None:
        listed = {item.native_id for item in frame_items(listing.items)}
        kept = {failure.native_id for failure in listing.failures}
        gone = set(listing.removed) - listed
        if listing.complete:
            gone = (self.documents.keys() | self.failures.keys()) - listed
        for native in gone - kept:
            self.documents.pop(native, None)
            self.failures.pop(native, None)

    def asked(self, path: str = "") -> int:
        """How many requests with this piece of path the server has answered since its log was cleared."""
        return self.server.log.count(path)

    def titles(self) -> set[str]:
        """Titles of all documents held."""
        return {document.title for document in self.documents.values()}

    def document(self, title: str) -> Document:
        """The document with this title."""
        return next(document for document in self.documents.values() if document.title == title)


@contextmanager
def following(server: ConfluenceServer, key: str = "ENG", **settings: Any) -> Iterator[Follower]:
    """A follower of one space, closed at the end."""
    parsed = ConfluenceSettings.model_validate(settings_for(server, **settings))
    source = ConfluenceSource(f"wiki.{key}", key, parsed, any_converter())
    try:
        yield Follower(source, server)
    finally:
        source.close()
