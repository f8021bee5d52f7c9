"""Files as documents: what the source knows of a file and what its content says, put together."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from vector_pipeline.conversion.converter import Converter
from vector_pipeline.documents import Document

_CONTENT_FIRST = ("author", "created_at")


def document_from_file(
    *,
    converter: Converter,
    native_id: bytes,
    version: str,
    uri: str,
    path: str,
    data: bytes,
    title_fallback: str,
    extra_metadata: Mapping[str, Any],
    source_updated_at: datetime | None,
) -> Document:
    """A file as a document. `path` is the one people read; it reaches the metadata, never the text or the context.

    `extra_metadata` is what the source knows: its tags are added to the content's, its author and created_at stand
    where the content names none, everything else is taken as it is. Raises ConversionError.
    """
    converted = converter.convert(path, data)
    metadata: dict[str, Any] = {**converted.metadata, **extra_metadata, "path": path, "size": len(data)}
    for key in _CONTENT_FIRST:
        if key in converted.metadata:
            metadata[key] = converted.metadata[key]
    tags = list(dict.fromkeys([*converted.metadata.get("tags", ()), *extra_metadata.get("tags", ())]))
    if tags:
        metadata["tags"] = tags
    return Document(
        native_id=native_id,
        version=version,
        uri=uri,
        title=converted.title or title_fallback,
        text=converted.text,
        kind=converted.kind,
        language=converted.language,
        context=converted.context,
        metadata=metadata,
        source_updated_at=source_updated_at,
    )
