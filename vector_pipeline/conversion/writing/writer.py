"""Blocks to markdown: the one spelling all Atlassian content gets.

Code stays byte-identical in its fence. A table whose cells hold code of several lines or tables can't be markdown's:
its cells follow each other as blocks instead. Lines of prose that would read as structure are escaped.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from vector_pipeline.conversion.decoding import normalize
from vector_pipeline.conversion.writing.blocks import (
    Block,
    Cell,
    Code,
    Heading,
    ItemList,
    Paragraph,
    Quote,
    Rule,
    Table,
    Verbatim,
)
from vector_pipeline.conversion.writing.inline import code_span
from vector_pipeline.conversion.writing.tables import grid

_STRUCTURE = re.compile(
    r"(?m)^(?=\#{1,6}(?:\s|$)|>|[-+*](?:\s|$)|`{3,}[^`\n]*$|~{3,}|<[A-Za-z/!?]|[-=_*|:][-=_*|: \t]*$|\[[^\]\n]*\]:)"
)
_NUMBERED = re.compile(r"(?m)^(\d{1,9})(?=[.)](?:\s|$))")
_FENCES = re.compile(r"`{3,}")
_PIPE = re.compile(r"\\?\|")


def markdown_of(blocks: Sequence[Block]) -> str:
    """The document's markdown in normal form, ending with a newline if there is any text."""
    lines = _lines(blocks)
    return normalize("\n".join(lines)) + "\n" if lines else ""


def _lines(blocks: Sequence[Block], tight: bool = False) -> list[str]:
    """The lines of blocks with an empty line between them; in a tight item none before a list."""
    lines: list[str] = []
    for block in blocks:
        own = _block_lines(block)
        if not own:
            continue
        if lines and not (tight and isinstance(block, ItemList)):
            lines.append("")
        lines.extend(own)
    return lines


def _block_lines(block: Block) -> list[str]:
    match block:
        case Paragraph(text):
            return _prose(text).split("\n")
        case Heading(level, text):
            return [f"{'#' * level} {text}"] if text else []
        case Code(text, language):
            fence = "`" * max((len(run) + 1 for run in _FENCES.findall(text)), default=3)
            return [fence + language, *text.split("\n"), fence]
        case Verbatim(text):
            return text.split("\n")
        case Rule():
            return ["---"]
        case Quote(inner):
            return [f"> {line}" if line else ">" for line in _lines(inner)]
        case ItemList():
            return _list_lines(block)
        case Table():
            return _table_lines(block)


def _prose(text: str) -> str:
    return _NUMBERED.sub(r"\1\\", _STRUCTURE.sub(r"\\", text))


def _list_lines(items: ItemList) -> list[str]:
    lines: list[str] = []
    number = items.start
    for item in items.items:
        inner = _lines(item.blocks, tight=True)
        if not inner:
            continue
        marker = "- " if number is None else f"{number}. "
        number = None if number is None else number + 1
        indent = " " * len(marker)
        check = "" if item.checked is None else "[x] " if item.checked else "[ ] "
        lines.append(f"{marker}{check}{inner[0]}")
        lines.extend(indent + line if line else "" for line in inner[1:])
    return lines


def _table_lines(table: Table) -> list[str]:
    if any(_needs_blocks(cell.blocks) for row in table.rows for cell in row.cells):
        return _unfolded(table)
    rows = [[_cell_text(cell) if cell else "" for cell in row] for row in grid(table)]
    rows = [row for row in rows if any(row)]
    if not rows:
        return []
    width = max(map(len, rows))
    rows[0] += [""] * (width - len(rows[0]))
    lines = [f"| {' | '.join(row)} |" for row in rows]
    lines.insert(1, "|" + " --- |" * width)
    return lines


def _unfolded(table: Table) -> list[str]:
    lines: list[str] = []
    for row in table.rows:
        for cell in row.cells:
            inner = _lines(cell.blocks)
            if not inner:
                continue
            if lines:
                lines.append("")
            plain_header = cell.header and len(inner) == 1 and isinstance(cell.blocks[0], Paragraph)
            lines.extend([f"**{inner[0]}**"] if plain_header and "*" not in inner[0] else inner)
    return lines


def _needs_blocks(blocks: Sequence[Block]) -> bool:
    for block in blocks:
        match block:
            case Table() | Verbatim():
                return True
            case Code(text) if "\n" in text:
                return True
            case Quote(inner) if _needs_blocks(inner):
                return True
            case ItemList(items=items) if any(_needs_blocks(item.blocks) for item in items):
                return True
            case _:
                pass
    return False


def _cell_text(cell: Cell) -> str:
    return "<br>".join(_PIPE.sub(r"\\|", line) for line in _flat(cell.blocks))


def _flat(blocks: Sequence[Block]) -> Iterator[str]:
    """The lines of blocks as a cell may hold them: without empty ones and indentation."""
    for block in blocks:
        match block:
            case Paragraph(text) | Heading(_, text):
                yield from filter(None, text.split("\n"))
            case Code(text):
                yield code_span(text)
            case Quote(inner):
                yield from _flat(inner)
            case ItemList(start, items):
                for number, item in enumerate(items, start or 0):
                    lines = list(_flat(item.blocks))
                    check = "" if item.checked is None else "[x] " if item.checked else "[ ] "
                    if lines:
                        yield f"{'-' if start is None else f'{number}.'} {check}{lines[0]}"
                        yield from lines[1:]
            case _:
                pass
