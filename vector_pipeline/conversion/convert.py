"""From the bytes of a file to text and metadata: the one entrance for sources that hold files.

Chooses the converter by the file's kind and gives every text the same normal form. Pure: nothing is read or
written, and the same bytes under the same name always give the same answer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from vector_pipeline.conversion.content import ConversionError, Converted
from vector_pipeline.conversion.decoding import decode, looks_binary
from vector_pipeline.conversion.html import convert_html
from vector_pipeline.conversion.kinds import FileKind, kind_of
from vector_pipeline.conversion.markdown import convert_markdown
from vector_pipeline.conversion.notebook import convert_notebook
from vector_pipeline.conversion.pdf import convert_pdf
from vector_pipeline.conversion.plain import convert_code, convert_plain, convert_rst
from vector_pipeline.documents import Document

__all__ = [
    "CONVERSION_IDENTITY",
    "ConversionError",
    "Converted",
    "FileKind",
    "convert",
    "document_from_file",
    "kind_of",
    "looks_binary",
]

CONVERSION_IDENTITY = "conversion-2"
"""Names the output of conversion: another value means that every file has to be converted again."""

_FROM_TEXT: Mapping[str, Callable[[str, str], Converted]] = {
    "markdown": convert_markdown,
    "html": convert_html,
    "notebook": convert_notebook,
    "rst": convert_rst,
    "text": convert_plain,
    "data": convert_plain,
    "code": convert_code,
}
_CONTENT_FIRST = ("author", "created_at")


def convert(path: bytes | str, data: bytes) -> Converted:
    """The text of a file and what it says about itself; `path` only tells the kind.

    Newlines are "\\n", byte order marks are gone and control characters are spaces. Raises ConversionError with a
    reason people understand when the bytes are not what the name promises, and nothing else whatever the bytes are.
    """
    kind = kind_of(path)
    if kind is None:
        raise ConversionError("unknown kind of file", hint="exclude it in the source's settings")
    try:
        return _converted(kind, data)
    except ConversionError:
        raise
    except BaseException as error:
        # Third-party parsers of untrusted input raise whatever they like, those in Rust even a panic that is no
        # Exception. It concerns this file only; an interrupt and the like is raised.
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        raise ConversionError(
            f"the converter for {kind.kind} failed ({type(error).__name__})",
            hint="exclude it in the source's settings, or save it again from the program that made it",
        ) from error


def _converted(kind: FileKind, data: bytes) -> Converted:
    """The same for a known kind; raises what its parser raises, too."""
    if kind.kind == "pdf":
        return convert_pdf(data)
    if looks_binary(data):
        raise ConversionError("binary content in a text file", hint="exclude it in the source's settings")
    return _FROM_TEXT[kind.kind](decode(data, kind), kind.language)


def document_from_file(
    *,
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
    converted = convert(path, data)
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
