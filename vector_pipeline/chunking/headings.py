"""Heading paths: what stands above a piece of text, kept short enough to be embedded in front of it."""

from __future__ import annotations

from collections.abc import Iterable

LONGEST_HEADING = 120
LONGEST_PATH = 400
"""In characters. Longer headings are cut, longer paths lose their outermost headings."""


def bounded_heading(heading: str) -> str:
    """The heading in one line of at most LONGEST_HEADING characters."""
    line = " ".join(heading.split())
    return line if len(line) <= LONGEST_HEADING else line[: LONGEST_HEADING - 1].rstrip() + "…"


def bounded_path(headings: Iterable[str]) -> tuple[str, ...]:
    """The headings in one line each, without empty ones, the innermost that fit LONGEST_PATH characters."""
    path: list[str] = []
    room = LONGEST_PATH
    for heading in reversed([bounded_heading(heading) for heading in headings]):
        if heading:
            room -= len(heading)
            if room < 0:
                break
            path.append(heading)
    return tuple(reversed(path))


class HeadingStack:
    """The headings above the current place of a document that is read from top to bottom."""

    def __init__(self) -> None:
        self._open: list[tuple[int, str]] = []

    def enter(self, level: int, heading: str) -> None:
        """Closes the sections of this level and deeper and opens this one."""
        while self._open and self._open[-1][0] >= level:
            self._open.pop()
        self._open.append((level, heading))

    @property
    def path(self) -> tuple[str, ...]:
        """The path down to the section entered last."""
        return bounded_path(heading for _, heading in self._open)
