"""The text of a page from its bytes, when a web server also says which encoding they are in.

The header's word counts before the page's own, but not against what the bytes themselves say: servers often name
one encoding for everything they hold.
"""

from __future__ import annotations

import re

from vector_pipeline.conversion.decoding import declared_encoding, decode, normalize
from vector_pipeline.conversion.kinds import FileKind

_PAGE = FileKind("html")
_CHARSET = re.compile(r"[\w.:-]{2,40}", re.ASCII)
_WESTERN = frozenset({"cp1252", "iso8859-15", "iso8859-2", "cp1250"})
"""Encodings in which any bytes are a text; what is valid UTF-8 was never written in them."""
_MARKS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")


def decode_page(data: bytes, charset: str = "") -> str:
    """The text of a page in its normal form (see `normalize`); `charset` is what the header said. Never fails."""
    claimed = _codec(charset)
    if claimed is None or data.startswith(_MARKS) or b"\0" in data[:8_000]:
        return decode(data, _PAGE)
    if claimed in _WESTERN and not data.isascii() and _is(data, "utf-8"):
        return normalize(data.decode("utf-8"))
    if _is(data, claimed):
        return normalize(data.decode(claimed))
    if _is(data, "utf-8"):
        return normalize(data.decode("utf-8"))
    own = declared_encoding(data, _PAGE)
    if own is not None and own != claimed and _is(data, own):
        return normalize(data.decode(own))
    return decode(data, _PAGE) if claimed == "utf-8" else normalize(data.decode(claimed, "replace"))


def _codec(charset: str) -> str | None:
    """The codec that a charset names, read as one in a meta tag would be."""
    name = charset.strip().strip("\"'")
    return declared_encoding(f'<meta charset="{name}">'.encode(), _PAGE) if _CHARSET.fullmatch(name) else None


def _is(data: bytes, codec: str) -> bool:
    try:
        data.decode(codec)
    except (UnicodeDecodeError, ValueError):
        return False
    return True
