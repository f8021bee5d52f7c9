"""The payload of a point, and the fingerprint that says whether the point as applied is still right.

Pure. The payload is a function of the document and the chunk alone, so that two databases built from the
same sources hold the same bytes.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from datetime import UTC
from operator import itemgetter
from typing import Any
from urllib.parse import quote

from vector_pipeline.documents import canonical_json, hash16, uuid_text
from vector_pipeline.state.records import DesiredChunk, DesiredDocument

PAYLOAD_VERSION = "payload-v2"
"""Part of every point's identity: a change of this module's output must change it, so that payloads are rewritten."""

_OWN_KEYS = frozenset({"page_starts", "slide_starts", "sheet_starts", "anchors"})
"""Metadata that says where in the text things begin: of each chunk only its own place is told."""
_FRAGMENT_SAFE = "!$&'()*+,;=:@/?-._~"
_OPENED_AT_FRAGMENT = ("https:", "http:", "file:")


def folders_of(path: str) -> list[str]:
    """A path and all folders above it: what a filter by folder or file matches exactly."""
    parts = [part for part in path.split("/") if part]
    return ["/".join(parts[: n + 1]) for n in range(len(parts))]


def document_payload(partition: str, document: DesiredDocument) -> dict[str, Any]:
    """What all points of a document share."""
    source_type, source_name = partition.split("/", 1)
    metadata = document.metadata
    updated = document.source_updated_at
    payload: dict[str, Any] = {
        **{key: value for key, value in metadata.items() if key not in _OWN_KEYS},
        "source": partition,
        "source_type": source_type,
        "source_name": source_name,
        "document_id": uuid_text(document.document_id),
        "uri": document.uri,
        "title": document.title,
        "kind": document.kind,
        "language": document.language,
        "folders": folders_of(str(metadata.get("path", ""))),
        "updated_at": updated.astimezone(UTC).isoformat() if updated else None,
    }
    return {key: value for key, value in payload.items() if value not in (None, "", [], {})}


def chunk_payload(shared: Mapping[str, Any], document: DesiredDocument, chunk: DesiredChunk) -> dict[str, Any]:
    """The payload of one point, without its hash.

    What is known of the chunk's place follows its headings ("Page 3", "Slide 4", "Sheet Sales") and stands alone as
    `page`, `slide` and `sheet`; `anchor` is the id of the heading above it and `link` the address that opens there.
    None of this is embedded, so that a page put in before others embeds nothing again.
    """
    place = _place(document.metadata, chunk.start)
    payload = {
        **shared,
        "headings": _with_place(chunk.headings, place),
        "position": chunk.idx,
        "start": chunk.start,
        "end": chunk.end,
        "text": chunk.text[chunk.prefix :],
        **place,
    }
    if anchor := _last(document.metadata.get("anchors"), chunk.start):
        payload["anchor"] = anchor
        if document.uri.startswith(_OPENED_AT_FRAGMENT):
            payload["link"] = document.uri if "#" in document.uri else f"{document.uri}#{quote(anchor, _FRAGMENT_SAFE)}"
    return payload


def _place(metadata: Mapping[str, Any], start: int) -> dict[str, Any]:
    """The page, slide or sheet in which a chunk begins."""
    place: dict[str, Any] = {}
    for key, starts in (("page", metadata.get("page_starts")), ("slide", metadata.get("slide_starts"))):
        if starts and (number := bisect_right(starts, start)):
            place[key] = number
    if sheet := _last(metadata.get("sheet_starts"), start):
        place["sheet"] = sheet
    return place


def _with_place(headings: Sequence[str], place: Mapping[str, Any]) -> list[str]:
    """The headings, ending with the place unless the last of them is its name already."""
    path = list(headings)
    for kind, name in place.items():
        label = f"{kind.capitalize()} {name}"
        if not path or path[-1].casefold() not in (label.casefold(), str(name).casefold()):
            path.append(label)
    return path


def _last(starts: Sequence[tuple[int, str]] | None, offset: int) -> str:
    """The name of the last place that begins at the offset or before it, "" if none does."""
    number = bisect_right(starts, offset, key=itemgetter(0)) if starts else 0
    return str(starts[number - 1][1]) if starts and number else ""


def fingerprint(payload: Mapping[str, Any], chunk_hash: bytes, vectors: bytes) -> bytes:
    """Names a point's whole content: payload, embedded text, and the identities of what made its vectors."""
    return hash16(canonical_json(payload).encode("utf-8", "surrogatepass"), chunk_hash, vectors)
