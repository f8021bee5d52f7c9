"""Code of wiki markup, set aside before anything else is read: `{code}` and `{noformat}` with all they hold.

In its place stands a control character with a number, which normalized text can't hold by itself.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

OPEN, CLOSE = "\x02", "\x03"

_MARK = re.compile(r"\{(code|noformat)(?::([^{}\n]{0,500}))?\}", re.IGNORECASE)
_EDGES = re.compile(r"\A[ \t]*\n|\n[ \t]*\Z")


@dataclass(frozen=True, slots=True)
class Snippet:
    """Code as it stands in the text, with its language and title ("" if not given)."""

    text: str
    language: str = ""
    title: str = ""


def without_code(markup: str) -> tuple[str, list[Snippet]]:
    """The markup with every snippet replaced by OPEN, its number and CLOSE; a mark that is never closed is dropped."""
    snippets: list[Snippet] = []
    parts: list[str] = []
    position = 0
    marks = list(_MARK.finditer(markup))
    number = 0
    later = _next_of_kind(marks)
    while number < len(marks):
        opening = marks[number]
        parts.append(markup[position : opening.start()])
        closing = later[number]
        if closing is None:
            parts.append(" ")
            position = opening.end()
            number += 1
            continue
        language, title = _parameters(opening[2] or "")
        text = markup[opening.end() : marks[closing].start()]
        if text.strip():
            parts.append(f"{OPEN}{len(snippets)}{CLOSE}")
            snippets.append(Snippet(_EDGES.sub("", text), language, title))
        position = marks[closing].end()
        number = closing + 1
    parts.append(markup[position:])
    return "".join(parts), snippets


def _next_of_kind(marks: list[re.Match[str]]) -> list[int | None]:
    """For each mark the next one of its kind that can close it: without parameters."""
    after: list[int | None] = [None] * len(marks)
    last: dict[str, int] = {}
    for number in range(len(marks) - 1, -1, -1):
        kind = marks[number][1].lower()
        after[number] = last.get(kind)
        if marks[number][2] is None:
            last[kind] = number
    return after


def _parameters(text: str) -> tuple[str, str]:
    """Language and title of "java|title=Name.java|borderStyle=solid"."""
    language = title = ""
    for part in text.split("|"):
        name, equals, value = part.partition("=")
        if not equals:
            language = language or name.strip()
        elif name.strip().lower() == "title":
            title = value.strip()
        elif name.strip().lower() == "language":
            language = value.strip()
    return language, title
