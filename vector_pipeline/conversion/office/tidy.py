"""Markdown as a search reads it: no escapes, no pictures without words, no marks that only a reader of markdown sees.

Writers of markdown escape what could be taken for markup, and name pictures by their place inside the file. Both are
noise in what is embedded and shown; the words of a picture's description stay.
"""

from __future__ import annotations

import re

from vector_pipeline.conversion.decoding import normalize
from vector_pipeline.conversion.front_matter import MAX_LENGTH

_KEPT_OR_ESCAPED = re.compile(
    r"^(?P<fence>`{3,}|~{3,}).*?^(?P=fence)[`~]*[ \t]*$|\$\$.*?\$\$|`[^`\n]+`|\\([!-/:-@\[-`{}~])",
    re.DOTALL | re.MULTILINE,
)
"""Code and formulas, which stay as they are, or an escaped character. A pipe stays escaped: it would part a cell."""
_IMAGE = re.compile(r"\\?!\[([^\[\]\n]*)\]\(([^()\n]*(?:\([^()\n]*\)[^()\n]*)*)\)")
_WEB = ("http://", "https://")
_NO_WORDS = frozenset({"image", "picture"})
_COMMENT_MARK = re.compile(r"\[cmt:\d{1,9}\]")
_COMMENT = re.compile(r"^\[\^cmt\d{1,9}\]:\s*", re.MULTILINE)
_LONE_NOTE_MARK = re.compile(r"^(?:\[\^\w{1,20}\])+\n\n", re.MULTILINE)
_TRAILING = re.compile(r"[ \t]+$", re.MULTILINE)
_BLANK_LINES = re.compile(r"\n{3,}")


def tidy(markdown: str) -> str:
    """The markdown without such noise, in normal form, ending with one newline; "" for a text without words."""
    text = normalize(markdown)
    text = _IMAGE.sub(_image, text)
    text = _COMMENT_MARK.sub("", text)
    text = _COMMENT.sub("Comment: ", text)
    text = _LONE_NOTE_MARK.sub("", text)
    text = _KEPT_OR_ESCAPED.sub(lambda match: match[2] or match[0], text)
    text = _BLANK_LINES.sub("\n\n", _TRAILING.sub("", text)).strip("\n")
    return f"{text}\n" if text.strip() else ""


def heading(level: int, words: str) -> str:
    """A heading in one line."""
    return f"{'#' * level} {' '.join(normalize(words).split())[:MAX_LENGTH]}"


def table(rows: list[list[str]]) -> str:
    """Rows of cells as a markdown table whose first row is its head; rows and columns without words are left out."""
    rows = [row for row in ([_cell(cell) for cell in row] for row in rows) if any(row)]
    if not rows:
        return ""
    width = max(map(len, rows))
    used = [column for column in range(width) if any(column < len(row) and row[column] for row in rows)]
    lines = ["| " + " | ".join(row[column] if column < len(row) else "" for column in used) + " |" for row in rows]
    return "\n".join([lines[0], "|" + " --- |" * len(used), *lines[1:]])


def _cell(text: str) -> str:
    return " ".join(normalize(text).split()).replace("|", "\\|")


def _image(match: re.Match[str]) -> str:
    words, target = match[1].strip(), match[2].strip()
    if target.startswith(_WEB):
        return match[0].removeprefix("\\")
    return "" if words.lower() in _NO_WORDS else words
