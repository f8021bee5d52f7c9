"""A Git source as the pipeline uses it: listings are applied to a state, cursors handed back only when they were."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from vector_pipeline.documents import Document, Failure, Item, frame_items
from vector_pipeline.settings_sources import GitSettings
from vector_pipeline.sources.base import Known, Listing
from vector_pipeline.sources.git import GitSource
from vector_pipeline_tests.converting import any_converter


class Follower:
    """Follows a repository; `items` is what the applied listings add up to."""

    def __init__(self, url: str, mirrors: Path, name: str = "docs", **settings: Any) -> None:
        self.mirrors = mirrors
        self.name = name
        self.settings: dict[str, Any] = {"url": url, **settings}
        self.cursor: dict[str, Any] = {}
        self.items: dict[bytes, Item] = {}

    @property
    def source(self) -> GitSource:
        """A new source object, as every run has."""
        return GitSource(self.name, GitSettings(**self.settings), self.mirrors, any_converter())

    def sync(self, *, census: bool = False) -> Listing:
        """Scans and applies the listing, in every respect that the contract of `Listing` names."""
        source = self.source
        versions = {path: item.version for path, item in self.items.items()}
        listing = source.scan(Known(self.cursor, versions, census=census))
        listed = {item.native_id: item for item in frame_items(listing.items)}
        assert listing.version == source.probe()
        assert not set(listing.removed) & listed.keys()
        if listing.complete:
            self.items = listed
        else:
            self.items = {p: i for p, i in self.items.items() if p not in listing.removed} | listed
        self.cursor = dict(listing.cursor)
        return listing

    def state(self) -> dict[bytes, tuple[str, str, str]]:
        """What is held: path to (version, uri, detail)."""
        return {path: (item.version, item.uri, item.detail) for path, item in self.items.items()}

    def afresh(self, mirrors: Path) -> dict[bytes, tuple[str, str, str]]:
        """What a first scan with an empty mirror says."""
        other = Follower(mirrors=mirrors, name=self.name, **self.settings)
        assert other.sync().complete
        return other.state()

    def answers(self, *paths: bytes) -> dict[bytes, Document | Failure]:
        """Fetches everything held, or only `paths`."""
        items = [self.items[path] for path in paths] if paths else list(self.items.values())
        answers = {answer.native_id: answer for answer in self.source.fetch(items)}
        assert answers.keys() == {item.native_id for item in items}
        return answers

    def document(self, path: bytes) -> Document:
        """The document at a path."""
        answer = self.answers(path)[path]
        assert isinstance(answer, Document), answer
        return answer

    def failure(self, path: bytes) -> Failure:
        """The failure at a path."""
        answer = self.answers(path)[path]
        assert isinstance(answer, Failure), answer
        return answer


def listed(listing: Listing) -> set[bytes]:
    """The paths a listing has."""
    return set(listing.items["native_id"].to_list())
