"""What office and PDF files state about themselves, cleaned: titles, names and keywords.

Programs fill these fields where the author gave nothing; such a value would be found by every search for it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from vector_pipeline.conversion.decoding import normalize
from vector_pipeline.conversion.front_matter import MAX_LENGTH, tags_of

_MADE_UP = frozenset(
    {"untitled", "(anonymous)", "anonymous", "unspecified", "(unspecified)", "unknown", "title", "presentation"}
    | {"powerpoint presentation", "word document", "python-docx", "python-pptx", "openpyxl"}
)
_SEPARATORS = re.compile(r"[,;\n]")


def stated(value: str | None) -> str:
    """A title or a name as one line; "" where it is what programs write by themselves."""
    words = " ".join(normalize(value or "").split())[:MAX_LENGTH]
    return "" if words.lower() in _MADE_UP else words


def stated_names(values: Iterable[str]) -> str:
    """Several names in one line, without repetition."""
    return ", ".join(dict.fromkeys(name for value in values if (name := stated(value))))[:MAX_LENGTH]


def stated_keywords(values: Iterable[str]) -> list[str]:
    """Keywords, of which one text may hold several with commas or semicolons between them."""
    return list(tags_of([" ".join(normalize(word).split()) for value in values for word in _SEPARATORS.split(value)]))
