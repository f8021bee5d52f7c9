"""What the commands about documents print with `--json`."""

from __future__ import annotations

from typing import Any, TypedDict


class DocumentJson(TypedDict):
    """A document that is held."""

    # Its id, the same in every payload of its points.
    id: str
    # Its source, TYPE/NAME.
    source: str
    # Where a person finds it.
    uri: str
    # Its path in the source; "" where it has none.
    path: str
    # Its title.
    title: str
    # What it is cut as: markdown, code or text.
    kind: str
    # The programming language of code; "" for none.
    language: str
    # How many chunks it was cut into.
    chunk_count: int
    # When it changed at its source, where the source tells.
    source_updated_at: str | None
    # When its last change was stored.
    ingested_at: str


class DocumentListJson(TypedDict):
    """One page of documents."""

    # The documents, by source and address.
    documents: list[DocumentJson]
    # Whether there are more behind them.
    more: bool
    # How many there are in all.
    total: int


class ChunkJson(TypedDict):
    """A piece of a document."""

    # The id of its point in the collection.
    point_id: str
    # Its number in the document, from 0.
    position: int
    # The headings above it.
    headings: list[str]
    # Where it begins in the text, in characters.
    start: int
    # Where it ends.
    end: int


class VersionJson(TypedDict):
    """A change of a document."""

    # added, changed, metadata (all but the text), or deleted, with the reason where it is known.
    change: str
    # The version at its source.
    version: str
    # When it was stored.
    changed_at: str
    # The run that did it.
    run_id: str
    # The run in Dagster; "" where it was none of Dagster's.
    run_url: str


class PlaceJson(TypedDict):
    """A document beside another."""

    # Its id.
    id: str
    # Its path in the source, or its address.
    path: str
    # Its title.
    title: str


class NearJson(TypedDict):
    """A document that is near another in meaning."""

    # Its id.
    id: str
    # Its source, TYPE/NAME.
    source: str
    # Its path in the source, or its address.
    path: str
    # Its title.
    title: str
    # How near, as the collection counts: the higher the nearer.
    score: float


class TroubleJson(TypedDict):
    """Why a document is in quarantine."""

    # The stage that failed.
    stage: str
    # What went wrong.
    reason: str
    # How often it was tried.
    attempts: int
    # When it is tried again; null where only a new version or a request brings another attempt.
    retry_at: str | None


class NeighboursJson(TypedDict):
    """What is near a document."""

    # The document before it in its source, by path.
    previous: PlaceJson | None
    # The document after it.
    next: PlaceJson | None
    # The document that it lies below, for pages below pages.
    parent: PlaceJson | None
    # The documents that lie below it, the first of them.
    children: list[PlaceJson]
    # The documents nearest in meaning, best first.
    nearest: list[NearJson]


class ShownDocumentJson(DocumentJson):
    """A document in full."""

    # All that its source says of it.
    metadata: dict[str, Any]
    # The pieces that it was cut into.
    chunks: list[ChunkJson]
    # Its text.
    text: str
    # Its changes, the latest first, as far back as they are kept.
    history: list[VersionJson]
    # What is near it.
    neighbours: NeighboursJson
    # Why it could not be brought in step; empty where it could.
    quarantine: list[TroubleJson]


class DocumentHistoryJson(TypedDict):
    """The changes of a document, also of one that was deleted."""

    # Its id.
    id: str
    # Its source, TYPE/NAME.
    source: str
    # Its path in the source, or its address.
    path: str
    # Whether it is gone.
    deleted: bool
    # The changes, the latest first, as far back as they are kept.
    history: list[VersionJson]


class ChangedDocumentJson(TypedDict):
    """What `documents add`, `update` and `remove` did."""

    # The id of the document.
    id: str
    # Its source, TYPE/NAME.
    source: str
    # added, changed, metadata, unchanged, removed or failed.
    outcome: str
    # Documents taken out: the one that was named and what hung on it.
    removed: int
    # Points written.
    points_written: int
    # Points removed.
    points_removed: int
    # Whether syncs leave it out from now on.
    kept_out: bool
    # Why it could not be brought in; "" where it could.
    error: str
    # The run, as the histories name it.
    run_id: str
    # How long it took.
    seconds: float


class KeptOutDocumentJson(TypedDict):
    """A document that a person keeps out."""

    # Its source, TYPE/NAME.
    source: str
    # What its source knows it by: a path, an id, an address.
    native_id: str
    # Where a person finds it.
    uri: str
    # Since when it is kept out.
    since: str
    # Whether its source still has it.
    listed: bool


class KeptOutJson(TypedDict):
    """The documents that a person keeps out."""

    # They, by source and address.
    documents: list[KeptOutDocumentJson]


class AllowedJson(TypedDict):
    """What `documents allow` did."""

    # The source, TYPE/NAME.
    source: str
    # How many documents are let in again by the next sync: the one named and what hangs on it.
    allowed: int
