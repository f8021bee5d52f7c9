"""Storage format as text: made fit for an XML parser, and its words for when no parser can read it.

Each pass looks at every character a bounded number of times, whatever the input.
"""

from __future__ import annotations

import html
import re
from html.entities import html5

from vector_pipeline.conversion.decoding import normalize

_CDATA = "<![CDATA["
_CDATA_END = re.compile(r"\]\]>|\]\] >(?=\s*</ac:)")
"""The second form is how exports of whole spaces write the end, being CDATA themselves."""
_NO_TAG = re.compile(r"<(?!/?[A-Za-z_][\w:.-]*+(?:[\s/>]|$)|!--)")
_ENTITY = re.compile(r"&(?:#(?:[0-9]{1,7}|[xX][0-9a-fA-F]{1,6});|([A-Za-z][A-Za-z0-9]{1,31};)|)")
_TAG = re.compile(r"</?[A-Za-z_][\w:.-]*+(?:[\s/][^<>]*)?>|<!--|-->")
_XML_NAMES = frozenset({"amp;", "lt;", "gt;", "quot;", "apos;"})
_NOT_XML = re.compile("[\ufffe\uffff\x7f]")


def prepared(storage: str) -> str:
    """Storage format as XML without CDATA, entities of HTML and stray marks; the text it says is the same."""
    parts = []
    for text, is_cdata in _parts(_NOT_XML.sub("\ufffd", storage)):
        if is_cdata:
            parts.append(html.escape(text, quote=False))
        else:
            parts.append(_ENTITY.sub(_entity, _NO_TAG.sub("&lt;", text)))
    return "".join(parts)


def plain_words(storage: str) -> str:
    """The text of storage format without a parser: what looks like a tag is dropped, all else kept."""
    parts = [text if is_cdata else html.unescape(_TAG.sub(" ", text)) for text, is_cdata in _parts(storage)]
    lines = (line.strip() for line in "".join(parts).split("\n"))
    return normalize("\n".join(line for line in lines if line))


def _parts(storage: str) -> list[tuple[str, bool]]:
    """The text in pieces, each with whether it is CDATA. One that is never closed is no CDATA."""
    parts = []
    position = 0
    while (start := storage.find(_CDATA, position)) >= 0:
        end = _CDATA_END.search(storage, start + len(_CDATA))
        if end is None:
            break
        parts.append((storage[position:start], False))
        parts.append((storage[start + len(_CDATA) : end.start()], True))
        position = end.end()
    parts.append((storage[position:], False))
    return parts


def _entity(match: re.Match[str]) -> str:
    """What XML writes for a reference of HTML; a mark that begins none is one itself."""
    name = match[1]
    if match[0] == "&" or (name and name not in html5):
        return "&amp;" + match[0][1:]
    if name in _XML_NAMES:
        return match[0]
    return html.escape(_NOT_XML.sub("\ufffd", normalize(html.unescape(match[0]))), quote=True)
