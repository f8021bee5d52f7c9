"""Plain text, reStructuredText, data files and source code: the text is the file's own, only normalized.

reStructuredText keeps its source form, which reads well as it is; only its title is looked for.
"""

from __future__ import annotations

from itertools import pairwise

from vector_pipeline.conversion.content import Converted

_TITLE_MARKS = frozenset("=-`:.'\"~^_*+#")
_LONGEST_TITLE = 300


def convert_plain(text: str, language: str) -> Converted:
    """Text or data as it is."""
    return Converted(text, "text", language)


def convert_code(text: str, language: str) -> Converted:
    """Source code as it is, to be cut by its syntax."""
    return Converted(text, "code", language)


def convert_rst(text: str, language: str = "") -> Converted:
    """reStructuredText as it is, to be cut by its sections, with the title its first underlined line gives."""
    return Converted(text, "text", language or "rst", title=_rst_title(text[:10_000]))


def _rst_title(head: str) -> str:
    """The first line of words with a line of marks beneath it that is at least as long."""
    lines = head.split("\n")
    for line, below in pairwise(lines):
        title, marks = line.strip(), below.rstrip()
        if not 0 < len(title) <= _LONGEST_TITLE or _is_rule(title):
            continue
        if len(marks) >= max(3, len(title)) and _is_rule(marks):
            return title
    return ""


def _is_rule(line: str) -> bool:
    return line[0] in _TITLE_MARKS and len(set(line)) == 1
