"""What goes into and comes out of the state store: plain immutable values.

Ids and hashes are 16 bytes, numbers are the store's own row numbers, times are timezone-aware (UTC when read).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import polars as pl

from vector_pipeline.documents import Chunk, Document

READING_STAGE = "documents"
"""The stage that reads documents, whose quarantine says which are due."""

UTC_TIME = pl.Datetime("us", "UTC")

KNOWN = pl.Schema(
    {
        "document_id": pl.Binary,
        "native_id": pl.Binary,
        "version": pl.String,
        "content_hash": pl.Binary,
        "metadata_hash": pl.Binary,
    }
)
"""The live documents of a partition."""

QUARANTINED = pl.Schema(
    [
        ("partition", pl.String),
        ("document_id", pl.Binary),
        ("native_id", pl.Binary),
        ("uri", pl.String),
        ("stage", pl.String),
        ("version", pl.String),
        ("reason", pl.String),
        ("permanent", pl.Boolean),
        ("attempts", pl.Int64),
        ("first_at", UTC_TIME),
        ("last_at", UTC_TIME),
        ("retry_at", UTC_TIME),
    ]
)
"""What failed; `retry_at` is null where only a new version or a request brings another attempt."""

DUE = pl.Schema({"document_id": pl.Binary, "native_id": pl.Binary, "stage": pl.String})
"""What is to be tried again now."""

EXPECTED = pl.Schema(
    {"partition": pl.String, "document_id": pl.Binary, "point_id": pl.Binary, "fingerprint": pl.Binary}
)
"""What the store says is in a collection."""

DERIVED = pl.Schema({"partition": pl.String, "document_id": pl.Binary, "point_id": pl.Binary})
"""What should be in a collection: every chunk of every live document."""

SUMMARIES = pl.Schema(
    [
        ("partition_id", pl.Int64),
        ("name", pl.String),
        ("revision", pl.Int64),
        ("documents", pl.Int64),
        ("chunks", pl.Int64),
        ("points", pl.Int64),
        ("quarantined", pl.Int64),
        ("last_success_at", UTC_TIME),
        ("last_run_status", pl.String),
        ("last_run_at", UTC_TIME),
        ("last_error", pl.String),
        ("built_version", pl.String),
        ("observed_version", pl.String),
        ("observed_at", UTC_TIME),
    ]
)
"""One row per partition; `points` is null unless a target was asked for, `last_error` is the last run's."""


@dataclass(frozen=True, slots=True)
class Partition:
    """One source: "git/handbook". `revision` grows with every transaction that changed a document."""

    partition_id: int
    name: str
    revision: int


@dataclass(frozen=True, slots=True)
class SourceState:
    """What the source was at the last fully applied scan; empty before the first."""

    built_version: str = ""
    cursor: Mapping[str, Any] = field(default_factory=dict)
    census_at: datetime | None = None
    settings_hash: bytes = b""


@dataclass(frozen=True, slots=True)
class Cursor:
    """Up to which revision a stage has worked, under which configuration."""

    config_hash: bytes
    revision: int


@dataclass(frozen=True, slots=True)
class DocumentRow:
    """A document with its id and hashes, to be stored."""

    document_id: bytes
    document: Document
    content_hash: bytes
    metadata_hash: bytes


@dataclass(frozen=True, slots=True)
class Applied:
    """How many documents of a batch were what."""

    added: int = 0
    changed: int = 0
    metadata_only: int = 0
    unchanged: int = 0


@dataclass(frozen=True, slots=True)
class ToChunk:
    """A document to cut, or (`deleted`, without text) to remove the chunks of."""

    document_no: int
    document_id: bytes
    native_id: bytes
    version: str
    uri: str
    content_hash: bytes
    text: str
    kind: str
    language: str
    context: str
    deleted: bool


@dataclass(frozen=True, slots=True)
class Chunked:
    """The chunks cut from the document with this content; None with an `error` keeps the former ones."""

    document_no: int
    content_hash: bytes
    chunks: Sequence[Chunk] | None
    error: str = ""


@dataclass(frozen=True, slots=True)
class DesiredChunk:
    """A chunk as it should be in the index; `embedded` tells whether its vector is there."""

    chunk_id: bytes
    idx: int
    text_no: int
    chunk_hash: bytes
    text: str
    prefix: int
    headings: tuple[str, ...]
    start: int
    end: int
    embedded: bool


@dataclass(frozen=True, slots=True)
class DesiredDocument:
    """A document as it should be in the index; a deleted one has no chunks.

    With `chunk_error` the chunks are those of the last version that could be cut (or has been, so far).
    """

    document_no: int
    document_id: bytes
    native_id: bytes
    uri: str
    title: str
    kind: str
    language: str
    version: str
    metadata: Mapping[str, Any]
    source_updated_at: datetime | None
    deleted: bool
    chunk_error: str
    chunks: list[DesiredChunk]


@dataclass(frozen=True, slots=True)
class Target:
    """A collection that was written to. `settings`: what it was built from, None where that was never recorded.

    `state` is what was last recorded: "building", "live", "former" or "rejected" (taken back by hand). Which collection
    searches use is what the alias says. `complete_at`: when it became live first, `retired_at`: when it ceased to be.
    """

    number: int
    collection: str
    state: str
    settings: Mapping[str, Any] | None
    created_at: datetime | None
    complete_at: datetime | None
    retired_at: datetime | None


@dataclass(frozen=True, slots=True)
class Ingestion:
    """One run over one partition. `status`: running, success, partial (some documents failed) or failed.

    `hint` says what a person can do about the `error`, where that is known.
    """

    ingestion_no: int
    partition: str
    run_id: str
    mode: str
    status: str
    started_at: datetime
    finished_at: datetime | None
    counts: Mapping[str, int | float]
    seconds: float
    error: str
    hint: str = ""

    @property
    def said(self) -> str:
        """The error and what to do about it."""
        return f"{self.error}; {self.hint}" if self.hint else self.error


@dataclass(frozen=True, slots=True)
class StoredDocument:
    """A document as people ask for it. `text` and `chunks` are filled only where one document was asked for."""

    document_no: int
    partition: str
    document_id: bytes
    native_id: bytes
    uri: str
    title: str
    kind: str
    language: str
    context: str
    version: str
    metadata: Mapping[str, Any]
    source_updated_at: datetime | None
    ingested_at: datetime
    revision: int
    deleted: bool
    chunk_count: int
    chunk_error: str
    text: str = field(default="", repr=False)
    chunks: tuple[Chunk, ...] = field(default=(), repr=False)
