"""Rows of wiki tables: lines that belong to one row, and the cells of a row."""

from __future__ import annotations

import re
from collections.abc import Iterator

_MOST_LINES = 100
_CELL_END = re.compile(r"\|\|?|\[[^\[\]\n]*+\]|!(?=\S)[^!|\n]{1,300}\|[^!|\n]{1,300}!|\\\||\{\{[^{}\n]*+\}\}")


def joined_rows(lines: list[str]) -> Iterator[str]:
    """The lines, with a row whose last cell goes on in the next lines as one."""
    number = 0
    while number < len(lines):
        line = lines[number]
        number += 1
        if line.lstrip().startswith("|") and not line.rstrip().endswith("|"):
            end = _end_of_row(lines, number)
            yield "\n".join([line, *lines[number:end]])
            number = end
        else:
            yield line


def _end_of_row(lines: list[str], start: int) -> int:
    """The line after the one that ends the row; `start` where none of the next lines does."""
    for number in range(start, min(start + _MOST_LINES, len(lines))):
        line = lines[number].strip()
        if not line or line.startswith("|"):
            break
        if line.endswith("|"):
            return number + 1
    return start


def cells_of(line: str) -> list[tuple[str, bool]]:
    """The texts of a row's cells, each with whether it is a header. Bars in links, images and code end no cell."""
    cells: list[tuple[str, bool]] = []
    bars = "|"
    start = 0
    for match in _CELL_END.finditer(line):
        if not match[0].startswith("|"):
            continue
        if match.start() > 0:
            cells.append((line[start : match.start()], bars == "||"))
        bars, start = match[0], match.end()
    if line[start:].strip():
        cells.append((line[start:], bars == "||"))
    return cells
