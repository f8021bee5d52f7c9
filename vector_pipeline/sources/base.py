"""What a source is: three questions that the pipeline asks, from cheap to dear.

`probe` tells whether anything may have changed, `scan` what is there, `fetch` what it says.
A source never writes to the state store; what it must remember between scans (a commit, a watermark)
travels in the cursor, which is stored only after the scan's work has been applied.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import polars as pl

from vector_pipeline.documents import Document, Failure, Item, Restated
from vector_pipeline.errors import PipelineError


class SourceError(PipelineError):
    """A source could not answer. Nothing is deleted and nothing is taken as unchanged."""


class SourceUnreachable(SourceError):
    """No answer from the source: network, missing folder, time-out. The next run tries again."""


class SourceDenied(SourceError):
    """The source answered and refused: credentials or rights are missing or wrong."""


class SourceMisconfigured(SourceError):
    """The settings name something the source does not have (a branch, a folder, a space)."""


@dataclass(frozen=True, slots=True)
class Known:
    """What the pipeline already holds of a partition, handed to `scan`.

    `cursor` is what the last fully applied scan returned ({} at first, and after a change of settings). `versions`
    maps native id to the version held, `failed` to the version that is in quarantine; `due` are those of the latter
    that are to be tried again now and so must be listed. With `census` the source must list everything, whatever its
    cursor says; with `full` it must also believe nothing that was read before.
    """

    cursor: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[bytes, str] = field(default_factory=dict)
    failed: Mapping[bytes, str] = field(default_factory=dict)
    due: Set[bytes] = frozenset()
    census: bool = False
    full: bool = False


@dataclass(frozen=True, slots=True)
class Listing:
    """The answer of a scan.

    `items` has schema LISTED. With `complete` it is a census: what it lacks no longer exists. Without, it is a delta:
    only `removed` (native ids the source itself names as deleted) goes. `version` is what `probe` would have said
    at the moment of the scan. `skipped` counts what was left out by rule ("binary": 12); `failures` are
    items that exist but could not even be listed properly, they keep their last good version. `reasons` says of
    items that are gone why, where the source knows ("moved to project OPS").
    """

    items: pl.DataFrame
    complete: bool
    version: str
    cursor: Mapping[str, Any] = field(default_factory=dict)
    removed: Sequence[bytes] = ()
    skipped: Mapping[str, int] = field(default_factory=dict)
    failures: Sequence[Failure] = ()
    reasons: Mapping[bytes, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a site that discovery found: its key, and the name people know it by."""

    key: str
    title: str = ""


class Source(Protocol):
    """One configured source instance, which is one partition. Closed after use."""

    @property
    def type(self) -> str:
        """The source type: "git", "local_files", …"""
        ...

    @property
    def name(self) -> str:
        """The partition key: the name given in the settings."""
        ...

    @property
    def url(self) -> str:
        """Where a person finds the source, without credentials."""
        ...

    def probe(self) -> str:
        """The current version, from one cheap question. Raises SourceError."""
        ...

    def scan(self, known: Known) -> Listing:
        """What is there. Raises SourceError rather than return an incomplete census."""
        ...

    def fetch(self, items: Sequence[Item]) -> Iterator[Document | Restated | Failure]:
        """One answer per item, in any order. Raises SourceError when the source itself fails.

        An item whose content is known to be what is held may be restated rather than read. One that vanished since
        the scan answers with a Failure whose reason says so. Documents that only the
        fetch of an item could find (attachments of a new page) may come besides, and come before that item: once
        it is held, they are known too.
        """
        ...

    def close(self) -> None:
        """Releases connections and files; may be called twice."""
        ...


@dataclass(frozen=True, slots=True)
class Held:
    """A document as it is held: what its source may need to find it again."""

    native_id: bytes
    version: str
    uri: str
    metadata: Mapping[str, Any]

    @property
    def item(self) -> Item:
        """The document as an item without what a listing tells besides."""
        return Item(self.native_id, self.version, self.uri)


@runtime_checkable
class Rereads(Protocol):
    """A source whose `fetch` can't tell by an id alone what the source says now."""

    def reread(self, held: Sequence[Held]) -> Iterator[Document | Restated | Failure]:
        """One answer per document, from the source as it is now. Raises SourceError when the source itself fails."""
        ...


def reread(source: Source, held: Sequence[Held]) -> Iterator[Document | Restated | Failure]:
    """What a source now says of documents that are held, without a listing. Raises SourceError."""
    return source.reread(held) if isinstance(source, Rereads) else source.fetch([one.item for one in held])


@runtime_checkable
class Finds(Protocol):
    """A source that finds one of its documents by what people call it, without listing the others.

    What it finds is as a listing would tell of it now, by the same rules, so that both agree on versions.
    """

    def claims(self, wanted: str) -> bool:
        """Whether a path, address, key or id may name something of this source. Asks nothing of a service."""
        ...

    def identify(self, wanted: str) -> bytes | None:
        """The native id of what is named so, in few requests. Raises SourceError."""
        ...

    def has(self, native_id: bytes) -> bool:
        """Whether the source has something of that id, which the settings may still leave out. Raises SourceError."""
        ...

    def look_up(self, native_id: bytes, known: Known) -> Item | None:
        """The item of that id, None where there is none or the settings leave it out. Raises SourceError.

        `known` is what a scan would be told. What is looked up may be fetched next, whatever version is held.
        """
        ...


@runtime_checkable
class Hangs(Protocol):
    """A source some of whose documents hang on others: attachments and comments."""

    def owner(self, native_id: bytes, version: str) -> bytes | None:
        """The native id of what a document hangs on, None for one that stands by itself. Asks nothing."""
        ...
