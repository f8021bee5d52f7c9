"""Pieces of a text as pairs of code point offsets: trimming them, and cutting long ones into windows.

A window ends before a line chosen by its content, not by its position. So an edit changes the windows around
it only, and what is fed to the splitting library stays short (its time grows with the square of the length).
"""

from __future__ import annotations

import unicodedata
import zlib
from collections.abc import Iterator, Sequence
from typing import Protocol

Piece = tuple[int, int]
"""text[start:end], in code points."""

WINDOW_MEAN = 4
WINDOW_MOST = 8
"""Length of a window, in multiples of the target length."""

_KEY_CHARS = 64
_JOINERS = "\u200d\ufe0e\ufe0f"
_LONGEST_CLUSTER = 32


class TextCutter(Protocol):
    """What the splitters of the splitting library have in common."""

    def chunk_indices(self, text: str, /) -> list[tuple[int, str]]:
        """(code point offset, piece) of every piece, in order."""
        ...


def trimmed(text: str, start: int, end: int) -> Piece | None:
    """The piece without blank lines around it, or None if only white space is left.

    The indentation of the first line stays, as code and lists need it.
    """
    while end > start and text[end - 1].isspace():
        end -= 1
    if start == end:
        return None
    first = start
    while text[first].isspace():
        first += 1
    line = text.rfind("\n", start, first) + 1
    return (max(start, line), end)


def cut(text: str, start: int, end: int, cutter: TextCutter) -> list[Piece]:
    """The trimmed pieces the cutter makes of text[start:end]; for texts up to a window's length."""
    pieces = []
    for offset, part in cutter.chunk_indices(text[start:end]):
        piece = trimmed(text, start + offset, start + offset + len(part))
        if piece:
            pieces.append(piece)
    return pieces


def windows(text: str, start: int, end: int, target: int) -> Iterator[Piece]:
    """Cuts text[start:end] into windows of at most WINDOW_MOST * target characters, without gaps."""
    while end - start > WINDOW_MOST * target:
        stop = _window_end(text, start, target)
        yield start, stop
        start = stop
    if start < end:
        yield start, end


def is_anchor(text: str, start: int, likelihood: float) -> bool:
    """Whether a boundary belongs before the text that starts here: decided by that text, wherever it stands."""
    return zlib.crc32(text[start : start + _KEY_CHARS].encode()) < likelihood * 2**32


def code_points(data: bytes, offsets: Sequence[int]) -> list[int]:
    """Ascending byte offsets as code point offsets."""
    if data.isascii():
        return list(offsets)
    places = []
    position = points = 0
    for offset in offsets:
        points += len(data[position:offset].decode())
        position = offset
        places.append(points)
    return places


def _window_end(text: str, start: int, target: int) -> int:
    """The first paragraph, or else line, that is an anchor; where there is none the last good place to cut."""
    least, most = start + target // 2, start + WINDOW_MOST * target
    for separator in ("\n\n", "\n"):
        anchor = _anchor(text, separator, least, most, WINDOW_MEAN * target)
        if anchor:
            return anchor
    for separator in ("\n", " "):
        found = text.rfind(separator, least, most)
        if found >= 0:
            return found + 1
    return _before_cluster(text, most)


def _anchor(text: str, separator: str, least: int, most: int, mean: int) -> int:
    """The first anchor after a separator within [least, most], 0 without one.

    The longer the paragraph (or line) before it, the likelier a place is an anchor: they lie about `mean`
    characters apart whatever the length of the paragraphs.
    """
    previous = max(text.rfind(separator, max(least - mean, 0), least) + len(separator), least - mean)
    found = text.find(separator, least, most)
    while found >= 0:
        place = found + len(separator)
        while place < most and text[place] == "\n":
            place += 1
        if place >= most:
            break
        if is_anchor(text, place, (place - previous) / mean):
            return place
        previous = place
        found = text.find(separator, place, most)
    return 0


def _before_cluster(text: str, position: int) -> int:
    """The position, or the one a few characters before it that doesn't tear marks off their letter."""
    for candidate in range(position, position - _LONGEST_CLUSTER, -1):
        after, before = text[candidate], text[candidate - 1]
        if after not in _JOINERS and before != _JOINERS[0] and not unicodedata.category(after).startswith("M"):
            return candidate
    return position
