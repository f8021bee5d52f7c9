"""The blocks of a document, between the readers that find them and the writer that spells them as markdown.

Plain data, not deeper than the builder allows, so that the writer may recurse.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias


@dataclass(slots=True)
class Paragraph:
    """Words with inline marks already in markdown; a newline is a line break."""

    text: str


@dataclass(slots=True)
class Heading:
    """A heading of level 1 to 6."""

    level: int
    text: str


@dataclass(slots=True)
class Code:
    """Code as it is, with its language ("" if unknown)."""

    text: str
    language: str = ""


@dataclass(slots=True)
class Verbatim:
    """Markdown that the author wrote as such."""

    text: str


@dataclass(slots=True)
class Rule:
    """A horizontal line."""


@dataclass(slots=True)
class Quote:
    """A quotation."""

    blocks: list[Block] = field(default_factory=list)


@dataclass(slots=True)
class Item:
    """An item of a list; `checked` is None where it is no task."""

    checked: bool | None = None
    blocks: list[Block] = field(default_factory=list)


@dataclass(slots=True)
class ItemList:
    """A list; `start` is the first number, None for bullets."""

    start: int | None = None
    items: list[Item] = field(default_factory=list)


@dataclass(slots=True)
class Cell:
    """A cell of a table, covering `columns` by `rows` places."""

    columns: int = 1
    rows: int = 1
    header: bool = False
    blocks: list[Block] = field(default_factory=list)


@dataclass(slots=True)
class Row:
    """A row of a table: the cells that begin in it."""

    cells: list[Cell] = field(default_factory=list)


@dataclass(slots=True)
class Table:
    """A table of rows."""

    rows: list[Row] = field(default_factory=list)


Block: TypeAlias = Paragraph | Heading | Code | Verbatim | Rule | Quote | ItemList | Table
