"""Where the cells of a table stand once merged cells cover their places.

Sizes come from untrusted attributes, so the work is bounded by the number of cells that really are there.
"""

from __future__ import annotations

from vector_pipeline.conversion.writing.blocks import Cell, Row, Table

MAX_COLUMNS = 100
"""Places one cell may cover in its row."""
_SPARE = 1_000


def grid(table: Table) -> list[list[Cell | None]]:
    """The rows with None where a merged cell covers a place before or between cells; rows may differ in length.

    Spans that would make the table much larger than its cells are ignored.
    """
    cells = sum(len(row.cells) for row in table.rows)
    placed = _placed(table.rows, budget=20 * cells + _SPARE)
    return placed if placed is not None else [list(row.cells) for row in table.rows]


def _placed(rows: list[Row], budget: int) -> list[list[Cell | None]] | None:
    """The rows with their covered places, None if that takes more than `budget` places."""
    covered: dict[int, int] = {}  # column -> rows below that are still covered there
    out: list[list[Cell | None]] = []
    for number, row in enumerate(rows):
        places: list[Cell | None] = []
        below: dict[int, int] = {}
        budget -= len(covered)
        for cell in row.cells:
            while covered.get(len(places), 0):
                places.append(None)
            column = len(places)
            width = min(cell.columns, MAX_COLUMNS)
            places.extend([cell, *[None] * (width - 1)])
            height = min(cell.rows, len(rows) - number)
            budget -= width
            if height > 1:
                below.update(dict.fromkeys(range(column, column + width), height - 1))
        budget -= len(places)
        if budget < 0:
            return None
        covered = {column: left - 1 for column, left in covered.items() if left > 1}
        covered.update(below)
        out.append(places)
    return out
