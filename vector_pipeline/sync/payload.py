"""The payload of a point, and the fingerprint that says whether the point as applied is still right.

Pure. The payload is a function of the document and the chunk alone, so that two databases built from the
same sources hold the same bytes.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from datetime import UTC
from typing import Any

from vector_pipeline.documents import canonical_json, hash16, uuid_text
from vector_pipeline.state.records import DesiredChunk, DesiredDocument

PAYLOAD_VERSION = "payload-v1"
"""Part of every point's identity: a change of this module's output must change it, so that payloads are rewritten."""

_OWN_KEYS = frozenset({"page_starts"})


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
    """The payload of one point, without its hash."""
    payload = {
        **shared,
        "headings": list(chunk.headings),
        "position": chunk.idx,
        "start": chunk.start,
        "end": chunk.end,
        "text": chunk.text[chunk.prefix :],
    }
    if page_starts := document.metadata.get("page_starts"):
        payload["page"] = bisect_right(page_starts, chunk.start)
    return payload


def fingerprint(payload: Mapping[str, Any], chunk_hash: bytes, vectors: bytes) -> bytes:
    """Names a point's whole content: payload, embedded text, and the identities of what made its vectors."""
    return hash16(canonical_json(payload).encode("utf-8", "surrogatepass"), chunk_hash, vectors)
