"""Text from anywhere, made safe for a page: nothing in it is read as markup, hides what follows or turns it round."""

from __future__ import annotations

import html
import unicodedata

_HOSTILE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def safe(value: object) -> str:
    """The value as text of an HTML or SVG element, or of an attribute in quotes."""
    text = "".join("\N{REPLACEMENT CHARACTER}" if unicodedata.category(m) in _HOSTILE else m for m in _spaced(value))
    return html.escape(text, quote=True)


def _spaced(value: object) -> str:
    return str(value).replace("\n", " ").replace("\t", " ")
