"""Text without syntax: cut by paragraph, else by line, sentence and word; reStructuredText also by section.

The one idea: whatever the text, even megabytes without a space, it is cut in time linear in its length.
"""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import pairwise

from semantic_text_splitter import TextSplitter

from vector_pipeline.chunking.headings import HeadingStack
from vector_pipeline.chunking.pieces import Piece, cut, trimmed, windows
from vector_pipeline.documents import Span

_UNDERLINE = re.compile(r"^([=\-`:.'\"~^_*+#])\1{2,}[ \t]*$", re.MULTILINE)


@lru_cache(maxsize=1024)
def text_cutter(capacity: int) -> TextSplitter:
    """Cuts text into pieces of at most `capacity` characters."""
    return TextSplitter(capacity, trim=False)


def plain_pieces(text: str, start: int, end: int, target: int) -> list[Piece]:
    """text[start:end] as pieces of at most `target` characters, without the white space between them."""
    whole = trimmed(text, start, end)
    if whole is None:
        return []
    if whole[1] - whole[0] <= target:
        return [whole]
    cutter = text_cutter(target)
    return [piece for window in windows(text, *whole, target) for piece in cut(text, *window, cutter)]


def plain_spans(text: str, target: int) -> list[Span]:
    """The whole text as spans of at most `target` characters."""
    return [Span(start, end) for start, end in plain_pieces(text, 0, len(text), target)]


def restructured_spans(text: str, target: int) -> list[Span]:
    """reStructuredText by sections: lines underlined (and perhaps overlined) by punctuation are headings.

    As in the format itself, the first style of underline met is the top level, the next the second, and so on.
    """
    sections: list[tuple[int, tuple[str, ...]]] = [(0, ())]
    stack = HeadingStack()
    styles: dict[tuple[str, bool], int] = {}
    for underline in _UNDERLINE.finditer(text):
        found = _underlined(text, underline.start(), len(underline[0].rstrip()), underline[1])
        if found is None:
            continue
        start, title, overlined = found
        level = styles.setdefault((underline[1], overlined), len(styles) + 1)
        stack.enter(level, title)
        sections.append((start, stack.path))
    sections.append((len(text), ()))
    return [
        Span(*piece, path)
        for (start, path), (end, _) in pairwise(sections)
        for piece in plain_pieces(text, start, end, target)
    ]


def _underlined(text: str, underline: int, length: int, mark: str) -> tuple[int, str, bool] | None:
    """(start of the section, title, whether overlined) of the title above an underline, or None."""
    if underline == 0:
        return None
    start = text.rfind("\n", 0, underline - 1) + 1
    title = text[start : underline - 1]
    if not title.strip() or len(title.rstrip()) > length or _UNDERLINE.match(title):
        return None
    above = text.rfind("\n", 0, start - 1) + 1 if start else 0
    line_above = text[above : start - 1] if start else ""
    if not line_above.strip():
        return None if title[0].isspace() else (start, title, False)
    if line_above.rstrip() == mark * length:
        return (above, title, True)
    return None
