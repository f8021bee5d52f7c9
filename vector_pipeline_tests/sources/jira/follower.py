"""Follows a simulated project as the pipeline does: what a sync fetches and removes, and what it then holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import polars as pl

from vector_pipeline.documents import Document, Failure, Restated, frame_items, restated
from vector_pipeline.settings_atlassian import JiraSettings
from vector_pipeline.sources.base import Known, Listing
from vector_pipeline.sources.jira.source import JiraSource
from vector_pipeline.sync.planning import FAILED, HELD, plan_documents
from vector_pipeline_tests.converting import any_converter
from vector_pipeline_tests.simulators.atlassian_access import site_settings
from vector_pipeline_tests.simulators.jira_server import JiraServer


def jira_settings(server: JiraServer, *projects: str, **settings: Any) -> dict[str, Any]:
    """Settings, as in the file, of a source that reads projects of the simulated site as Ada."""
    return {**site_settings(server), "projects": list(projects or ["DOC"]), "max_wait": "60s", **settings}


def open_source(server: JiraServer, key: str = "DOC", **settings: Any) -> JiraSource:
    """The source of one project."""
    given = jira_settings(server, key, **settings)
    return JiraSource(f"work.{key}", key, JiraSettings.model_validate(given), any_converter())


@dataclass
class Sync:
    """What one sync did: native ids fetched and removed, with reasons; how many requests it took.

    Of what was fetched, `changed` are those that are not as they were held.
    """

    listing: Listing
    fetched: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    removed: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    sent: int = 0


@dataclass
class Follower:
    """Holds the documents of one project and brings them in step, as the documents stage does."""

    server: JiraServer
    key: str = "DOC"
    settings: dict[str, Any] = field(default_factory=dict)
    held: dict[bytes, Document] = field(default_factory=dict)
    failed: dict[bytes, str] = field(default_factory=dict)
    cursor: Mapping[str, Any] = field(default_factory=dict)
    version: str = ""
    is_firm: bool = False
    """Whether the last sync ended well; after one that did not everything is listed, as the pipeline does."""

    def probe(self) -> str:
        """What a probe says."""
        source = open_source(self.server, self.key, **self.settings)
        try:
            return source.probe()
        finally:
            source.close()

    def sync(self, *, census: bool = False, full: bool = False, due: bool = False) -> Sync:
        """One sync: scan, fetch, apply. What it fetched before an error stays, as in the pipeline."""
        known = Known(
            cursor=self.cursor,
            versions={native_id: document.version for native_id, document in self.held.items()},
            failed=self.failed,
            due=frozenset(self.failed) if due else frozenset(),
            census=census or full or not self.is_firm,
            full=full,
        )
        before = len(self.server.log.all())
        self.is_firm = False
        source = open_source(self.server, self.key, **self.settings)
        try:
            done = self._apply(source, known, before)
        finally:
            source.close()
        self.is_firm = True
        return done

    def _apply(self, source: JiraSource, known: Known, sent: int) -> Sync:
        listing = source.scan(known)
        done = Sync(listing)
        held = pl.DataFrame(
            [(each, each, version, each) for each, version in known.versions.items()], HELD, orient="row"
        )
        failed = pl.DataFrame(
            [(each, each, version, each in known.due) for each, version in known.failed.items()], FAILED, orient="row"
        )
        plan = plan_documents(
            listing.items,
            pl.DataFrame(held, HELD, orient="row"),
            pl.DataFrame(failed, FAILED, orient="row"),
            complete=listing.complete,
            removed=list(listing.removed),
            unlisted_failures=[failure.native_id for failure in listing.failures],
        )
        items = list(frame_items(plan.fetch))
        waiting = {item.native_id for item in items}
        for answer in source.fetch(items):
            waiting.discard(answer.native_id)
            if isinstance(answer, Restated):
                answer = restated(self.held[answer.native_id], answer)
            if isinstance(answer, Failure):
                self.failed[answer.native_id] = answer.version
                done.failed[answer.native_id.decode()] = answer.reason
            else:
                before = self.held.get(answer.native_id)
                if before is None or _told(before) != _told(answer):
                    done.changed.append(answer.native_id.decode())
                self.held[answer.native_id] = answer
                self.failed.pop(answer.native_id, None)
                done.fetched.append(answer.native_id.decode())
        assert not waiting, "every item has an answer"
        for native_id in plan.delete["native_id"].to_list():
            done.removed[native_id.decode()] = listing.reasons.get(native_id, "")
            del self.held[native_id]
        for native_id in plan.release:
            self.failed.pop(native_id, None)
        for failure in listing.failures:
            self.failed[failure.native_id] = failure.version
            done.failed[failure.native_id.decode()] = failure.reason
        self.cursor, self.version = listing.cursor, listing.version
        done.sent = len(self.server.log.all()) - sent
        return done

    def document(self, native_id: str | int) -> Document:
        """The document held under this id."""
        return self.held[str(native_id).encode()]

    def rebuilt(self) -> dict[bytes, Document]:
        """What a follower holds that starts from nothing."""
        fresh = Follower(self.server, self.key, self.settings)
        fresh.sync()
        return fresh.held

    def assert_exact(self) -> None:
        """What is held is what a fresh start gives, up to versions, which may name what only a listing read."""
        assert {key: _told(each) for key, each in self.held.items()} == {
            key: _told(each) for key, each in self.rebuilt().items()
        }


def _told(document: Document) -> Document:
    return replace(document, version="")
