"""Tables of the generated pages in Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

_MARKUP = re.compile(r"[<>*\[\]]|(?<!\w)_|_(?!\w)")


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """The lines of a table, with an empty one behind; none without rows."""
    lines = [f"| {' | '.join(map(cell, row))} |" for row in rows]
    return [f"| {' | '.join(head)} |", "|" + "---|" * len(head), *lines, ""] if lines else []


def cell(text: str) -> str:
    """The text on one line, its bars not read as those of the table."""
    return re.sub(r"\s+", " ", text).strip().replace("|", "\\|")


def anchor(heading: str) -> str:
    """What leads to a heading of these words, as GitHub and MkDocs make it."""
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


def code(text: str) -> str:
    """The text as code; "" stays empty."""
    return f"`{text}`" if text else ""


def prose(text: str) -> str:
    """A help text or description for Markdown: what looks like a placeholder or markup is shown as it is written."""
    # Brackets and angle brackets stand for themselves outside of code.
    parts = re.split(r"(`[^`]*`)", text)
    return "".join(part if part.startswith("`") else _MARKUP.sub(r"\\\g<0>", part) for part in parts)
