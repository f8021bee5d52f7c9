"""From the bytes of a file to text and metadata, for the kinds that are read in this process.

Chooses the converter by the file's kind and gives every text the same normal form. Pure: nothing is read or
written, and the same bytes under the same name always give the same answer. Sources go through `Converter`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from vector_pipeline.conversion.content import ConversionError, Converted
from vector_pipeline.conversion.decoding import decode, looks_binary
from vector_pipeline.conversion.guarding import guarded
from vector_pipeline.conversion.html import convert_html
from vector_pipeline.conversion.kinds import FileKind, kind_of
from vector_pipeline.conversion.markdown import convert_markdown
from vector_pipeline.conversion.notebook import convert_notebook
from vector_pipeline.conversion.plain import convert_code, convert_plain, convert_rst

__all__ = [
    "CONVERSION_IDENTITY",
    "CORE_KINDS",
    "ConversionError",
    "Converted",
    "FileKind",
    "convert",
    "kind_of",
    "looks_binary",
]

CONVERSION_IDENTITY = "conversion-3"
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
CORE_KINDS = frozenset(_FROM_TEXT)
"""Kinds that are read in this process: their text is in the file as it is, and the readers are quick and our own."""


def convert(path: bytes | str, data: bytes) -> Converted:
    """The text of a file and what it says about itself; `path` only tells the kind.

    Newlines are "\\n", byte order marks are gone and control characters are spaces. Raises ConversionError with a
    reason people understand when the bytes are not what the name promises, and nothing else whatever the bytes are.
    """
    kind = kind_of(path)
    if kind is None or kind.kind not in CORE_KINDS:
        raise ConversionError("unknown kind of file", hint="exclude it in the source's settings")
    with guarded(kind.kind):
        return _converted(kind, data)


def _converted(kind: FileKind, data: bytes) -> Converted:
    """The same for a known kind; raises what its parser raises, too."""
    if looks_binary(data):
        raise ConversionError("binary content in a text file", hint="exclude it in the source's settings")
    return _FROM_TEXT[kind.kind](decode(data, kind), kind.language)
