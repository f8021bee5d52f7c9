"""Texts with an order of their own: Word, OpenDocument text, RTF and e-books, as the extraction gives them."""

from __future__ import annotations

from vector_pipeline.conversion.content import Converted
from vector_pipeline.conversion.decoding import normalize
from vector_pipeline.conversion.markdown import outline_of
from vector_pipeline.conversion.office.extraction import extract
from vector_pipeline.conversion.office.tidy import tidy
from vector_pipeline.conversion.office.troubles import damaged

_AFTER_THE_END = b"\0\x1a \t\r\n"
_BOOKS = frozenset({"epub", "fb2"})


def convert_text_file(kind: str, data: bytes) -> Converted:
    """The text with headings, lists, tables, footnotes and comments. Tracked changes are taken as accepted.

    Of an older Word file every line is a paragraph of plain text. A book begins with what it
    says it is about. Raises ConversionError.
    """
    if kind == "rtf" and not data.rstrip(_AFTER_THE_END).endswith(b"}"):
        raise damaged(kind, "cut off")
    found = extract(kind, data)
    if kind == "doc":
        lines = filter(None, (line.strip() for line in normalize(found.text).split("\n")))
        return Converted("\n\n".join(lines), "text", title=found.title, metadata=found.metadata, context=found.title)
    text = tidy(found.text)
    if kind in _BOOKS and found.description:
        text = f"{tidy(found.description)}\n{text}"
    outline = outline_of(text)
    title = found.title or outline.first_h1
    context = "" if outline.first_heading else title
    return Converted(text, "markdown", title=title, metadata=found.metadata, context=context)
