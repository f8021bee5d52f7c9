"""A page without a tree, for pages that no parser should build one of: its words, and its tags as they pass.

Every expression here looks at each character a bounded number of times, whatever the page.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping

from vector_pipeline.conversion.decoding import normalize
from vector_pipeline.conversion.front_matter import MAX_LENGTH

_UNREAD = r"<!--.*?(?:-->|\Z)|<(?P<unread>script|style)\b[^>]*+(?:>.*?(?:</(?P=unread)[^>]*+>?|\Z)|\Z)"
_NO_WORDS = re.compile(_UNREAD + r"|<[!?/a-zA-Z][^>]*+>?", re.DOTALL | re.IGNORECASE)
_TITLE = re.compile(r"<title\b[^>]*+>([^<]*+)", re.IGNORECASE)
_TAG = re.compile(
    _UNREAD + r"|<(?P<name>[a-zA-Z][a-zA-Z0-9-]*+)(?P<attributes>(?:[^>\"']++|\"[^\"]*+\"|'[^']*+')*+)>?",
    re.DOTALL | re.IGNORECASE,
)
_ATTRIBUTE = re.compile(r"([^\s\"'>/=]++)(?:\s*+=\s*+(?:\"([^\"]*+)\"|'([^']*+)'|([^\s\"'>]++)))?")


def plain_words(text: str) -> tuple[str, str]:
    """The title of a page and its text, a line for each piece between two tags. Never fails."""
    title = _TITLE.search(text)
    if title is not None:
        text = text[: title.start()] + text[title.end() :]
    pieces = (html.unescape(text[start:end]).strip() for start, end in _between(text))
    words = normalize("".join(f"{piece}\n" for piece in pieces if piece))
    return normalize(" ".join(html.unescape(title[1]).split()))[:MAX_LENGTH] if title else "", words


def passing_tags(text: str) -> Iterator[tuple[str, Mapping[str, str | None]]]:
    """The start tags of a page in their order: the name in lower case and the attributes, the first of a name."""
    for tag in _TAG.finditer(text):
        if tag["name"]:
            attributes: dict[str, str | None] = {}
            for name, *values in _ATTRIBUTE.findall(tag["attributes"]):
                attributes.setdefault(name.lower(), html.unescape("".join(values)))
            yield tag["name"].lower(), attributes


def _between(text: str) -> Iterator[tuple[int, int]]:
    position = 0
    for tag in _NO_WORDS.finditer(text):
        yield position, tag.start()
        position = tag.end()
    yield position, len(text)
