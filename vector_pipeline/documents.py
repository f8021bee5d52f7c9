"""The vocabulary every stage speaks: items, documents, chunks, their identities and hashes.

Pure: no file, network or database is touched, and nothing of the package but `errors` is imported.
The one idea: an id depends only on what a thing *is* (source and native id), a hash only on what it *says*.
"""

from __future__ import annotations

import hashlib
import json
import math
import uuid
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import polars as pl

HASH_BYTES = 16
"""Hashes are SHA-256 cut to 16 bytes: 2**64 texts before a collision is likely."""

_MOST_NESTED = 20
"""Levels of nesting kept in metadata."""

_NAMESPACE = uuid.UUID("5f1f7c0a-6f1a-5d52-9d5e-1c9f4b0f4b57")

LISTED = pl.Schema(
    [
        ("native_id", pl.Binary),
        ("version", pl.String),
        ("uri", pl.String),
        ("previous_id", pl.Binary),
        ("detail", pl.String),
        ("updated_at", pl.Datetime("us", "UTC")),
    ]
)
"""A listing: one row per item a source holds (see `Item`)."""


@dataclass(frozen=True, slots=True)
class Item:
    """One row of a listing: that something exists at the source, in which version.

    `native_id` is the source's own immutable id as bytes (exact path bytes, content id, canonical URL).
    `version` changes whenever the document may have changed; equal versions are never fetched again.
    `previous_id` names the item this one was renamed or moved from, where the source knows.
    `detail` is what the source's own `fetch` needs again (JSON text); nobody else reads it.
    `updated_at` is when the source says it last changed, None where only reading it would tell; the document read then
    has the same as `source_updated_at`.
    """

    native_id: bytes
    version: str
    uri: str = ""
    previous_id: bytes | None = None
    detail: str = ""
    updated_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Document:
    """What a source says: normalized text with everything that reaches the payload.

    `kind` chooses the chunker: "markdown", "code" or "text"; `language` names the programming language.
    `context` is embedded in front of every chunk (a page title that is not in the text); sources whose
    title is only a file name leave it empty, so that a rename embeds nothing.
    `metadata` holds JSON values only and nothing volatile (no fetch time, no HEAD commit). Keys with a meaning
    of their own: path, size, tags, aliases, links, author, created_at, access, version, web_url, and those that say
    where in the text things begin: page_starts, slide_starts, sheet_starts, anchors (see `Converted`).
    """

    native_id: bytes
    version: str
    uri: str
    title: str
    text: str
    kind: str = "text"
    language: str = ""
    context: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    source_updated_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Restated:
    """A document that is held and whose content the source knows to be the same: only its place or readers changed.

    `metadata` holds the keys that change, None for those that go; everything else stays as it is held.
    """

    native_id: bytes
    version: str
    uri: str
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Failure:
    """A document that could not be fetched, converted, chunked or embedded, and why.

    `reason` is one line for people, without document text or secrets. `permanent` failures are
    retried only when the version changes or on request; others with a growing delay, and with `most_attempts` only
    so often as long as the version stays (0: without end).
    """

    native_id: bytes
    version: str
    uri: str
    stage: str
    reason: str
    permanent: bool = False
    most_attempts: int = 0


@dataclass(frozen=True, slots=True)
class Span:
    """A chunk before it has an identity: text[start:end] (code points) under a heading path."""

    start: int
    end: int
    headings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of a document: `text` is exactly what is embedded, its first `prefix` characters the heading path.

    `chunk_id` is the point id; `start` and `end` are code point offsets into the document's text.
    """

    chunk_id: bytes
    chunk_hash: bytes
    idx: int
    text: str
    prefix: int
    headings: tuple[str, ...]
    start: int
    end: int


def hash16(*parts: bytes) -> bytes:
    """SHA-256 over length-prefixed parts, cut to 16 bytes; ("ab", "c") and ("a", "bc") differ."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return digest.digest()[:HASH_BYTES]


def text_hash(text: str) -> bytes:
    """The content address of a text. Lone surrogates are kept apart rather than refused."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:HASH_BYTES]


def canonical_json(value: Any) -> str:
    """JSON with one spelling per value: sorted keys, no spaces, UTF-8. Raises TypeError on other types."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def document_id(source_type: str, source_name: str, native_id: bytes) -> bytes:
    """UUIDv5 over (source type, source name, native id): stable, and distinct for distinct bytes."""
    return _uuid5(hash16(source_type.encode(), source_name.encode(), native_id))


def content_hash(document: Document) -> bytes:
    """What decides whether a document is chunked again: text, kind, language and embedded context."""
    return hash16(
        document.text.encode("utf-8", "surrogatepass"),
        document.kind.encode(),
        document.language.encode(),
        document.context.encode("utf-8", "surrogatepass"),
    )


def metadata_hash(document: Document) -> bytes:
    """What decides whether payloads are updated: everything that reaches the payload but the text."""
    updated = document.source_updated_at.isoformat() if document.source_updated_at else ""
    return hash16(
        document.uri.encode("utf-8", "surrogatepass"),
        document.title.encode("utf-8", "surrogatepass"),
        updated.encode(),
        canonical_json(document.metadata).encode("utf-8", "surrogatepass"),
    )


def restated(held: Document, told: Restated) -> Document:
    """The held document with what the source now says of it."""
    metadata = {key: value for key, value in {**held.metadata, **told.metadata}.items() if value is not None}
    return replace(held, version=told.version, uri=told.uri, metadata=metadata)


def storable(document: Document) -> Document:
    """The document with everything in it that UTF-8, JSON or a 64-bit integer can't say put into words that can.

    Sources are untrusted: one odd value in one front matter must not keep a whole batch from being written.
    """
    return replace(
        document,
        uri=_storable_text(document.uri),
        title=_storable_text(document.title),
        text=_storable_text(document.text),
        context=_storable_text(document.context),
        metadata={_storable_text(str(key)): _storable(value, 1) for key, value in document.metadata.items()},
    )


def _storable_text(text: str) -> str:
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def _storable(value: Any, depth: int) -> Any:
    """A JSON value as every store keeps it; what is nested too deep or of another type becomes text."""
    match value:
        case None | bool():
            return value
        case str():
            return _storable_text(value)
        case int():
            return value if -(2**63) <= value < 2**63 else str(value)
        case float():
            return value if math.isfinite(value) else str(value)
        case Mapping() if depth < _MOST_NESTED:
            return {_storable_text(str(key)): _storable(inner, depth + 1) for key, inner in value.items()}
        case list() | tuple() if depth < _MOST_NESTED:
            return [_storable(inner, depth + 1) for inner in value]
        case _:
            return _storable_text(str(value))


def embedded_prefix(context: str, headings: Sequence[str]) -> str:
    """The line put before a chunk's own text when it is embedded: title and heading path, or nothing."""
    parts = [part for part in (context, *headings) if part]
    if len(parts) > 1 and parts[0] == parts[1]:
        parts = parts[1:]
    return " > ".join(parts) + "\n\n" if parts else ""


def make_chunks(document: bytes, context: str, text: str, spans: Iterable[Span]) -> list[Chunk]:
    """Gives spans their identity within the document with id `document` (16 bytes).

    Chunk id = UUIDv5(document id, chunk hash, n-th occurrence): an edit elsewhere in the document
    leaves the ids of the untouched chunks as they are.
    """
    seen: Counter[bytes] = Counter()
    chunks = []
    for idx, span in enumerate(spans):
        prefix = embedded_prefix(context, span.headings)
        embedded = prefix + text[span.start : span.end]
        digest = text_hash(embedded)
        chunk_id = _uuid5(hash16(document, digest, seen[digest].to_bytes(4, "big")))
        seen[digest] += 1
        chunks.append(Chunk(chunk_id, digest, idx, embedded, len(prefix), span.headings, span.start, span.end))
    return chunks


def listing_frame(items: Iterable[Item]) -> pl.DataFrame:
    """Items as a LISTED frame; the last one wins where a native id is listed twice."""
    rows = {item.native_id: item for item in items}
    return pl.DataFrame(
        {
            "native_id": [item.native_id for item in rows.values()],
            "version": [item.version for item in rows.values()],
            "uri": [item.uri for item in rows.values()],
            "previous_id": [item.previous_id for item in rows.values()],
            "detail": [item.detail for item in rows.values()],
            "updated_at": [item.updated_at for item in rows.values()],
        },
        schema=LISTED,
    )


def frame_items(frame: pl.DataFrame) -> Iterator[Item]:
    """The rows of a LISTED frame as items."""
    for row in frame.select(list(LISTED)).iter_rows():
        yield Item(*row)


def uuid_text(value: bytes) -> str:
    """A 16-byte id in the form Qdrant and people read."""
    return str(uuid.UUID(bytes=value))


def _uuid5(name: bytes) -> bytes:
    """RFC 4122 version 5 over our namespace, from bytes (uuid.uuid5 takes only text before Python 3.12)."""
    digest = bytearray(hashlib.sha1(_NAMESPACE.bytes + name, usedforsecurity=False).digest()[:16])
    digest[6] = (digest[6] & 0x0F) | 0x50
    digest[8] = (digest[8] & 0x3F) | 0x80
    return bytes(digest)
