"""Collects a document's blocks from events (open, text, close), whatever order malformed input brings them in.

What is missing is put in (an item around words in a list), what is nested too deep is laid flat beside its parent:
no word is lost, nothing recurses, and the writer may rely on blocks of a bounded depth.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from vector_pipeline.conversion.writing.blocks import (
    Block,
    Cell,
    Code,
    Heading,
    Item,
    ItemList,
    Paragraph,
    Quote,
    Row,
    Rule,
    Table,
    Verbatim,
)
from vector_pipeline.conversion.writing.inline import CODE, NAME, RAW, STRIKE, Run, address_of, inline_markdown

MAX_DEPTH = 12
"""Lists, quotes and tables within each other; deeper ones are laid flat."""
MAX_LINKS = 500
"""Links and mentions noted of one document."""

_Node = Quote | ItemList | Item | Table | Row | Cell | Heading | None


@dataclass(slots=True)
class _Frame:
    """A block that is open: where its blocks go, and the words since the last of them."""

    node: _Node
    blocks: list[Block]
    runs: list[Run] = field(default_factory=list)
    depth: int = 0


class Builder:
    """Blocks, links and mentions of one document. `open_…` gives a token that `close` takes.

    Closing what was closed already, because something else ended it, does nothing.
    """

    def __init__(self) -> None:
        self.blocks: list[Block] = []
        self.links: dict[str, None] = {}
        self.mentions: dict[str, None] = {}
        self._stack = [_Frame(None, self.blocks)]

    def text(self, words: str, marks: int = 0, href: str = "") -> None:
        """Adds words to the paragraph, item, cell or heading that is open."""
        if not words:
            return
        if isinstance(self._stack[-1].node, ItemList | Table | Row):
            if words.isspace():
                return
            self._into_flow()
        self._stack[-1].runs.append(Run(words, marks, href))

    def raw(self, markdown: str, href: str = "") -> None:
        """Adds inline markdown as it is."""
        self.text(markdown, RAW, href)

    def line_break(self) -> None:
        """Begins a new line within the paragraph."""
        self.text("\n")

    def paragraph(self) -> None:
        """Ends the paragraph that is open, if any; what follows is another."""
        frame = self._stack[-1]
        if not frame.runs:
            return
        runs, frame.runs = frame.runs, []
        if isinstance(frame.node, Heading):
            plain = [Run(r.text.replace("\n", " "), r.marks & (RAW | CODE | STRIKE | NAME), r.href) for r in runs]
            words = inline_markdown(plain)
            if words:
                frame.node.text = f"{frame.node.text} {words}".strip()
        elif words := inline_markdown(runs):
            frame.blocks.append(Paragraph(words))

    def open_section(self, title: str = "") -> int:
        """Begins a paragraph, or several that belong together, under a title in bold."""
        self.paragraph()
        token = len(self._stack)
        self.label(title)
        return token

    def label(self, words: str) -> None:
        """A short paragraph in bold: the title of a panel, an expand or a code block."""
        if words := " ".join(words.split()):
            self._into_flow()
            self.paragraph()
            self._stack[-1].blocks.append(Paragraph(words if "*" in words else f"**{words}**"))

    def code(self, text: str, language: str = "") -> None:
        """Adds a block of code as it is, unless it is empty."""
        if text.strip():
            self._block(Code(text, language))

    def verbatim(self, markdown: str) -> None:
        """Adds blocks that are markdown already."""
        if markdown.strip():
            self._block(Verbatim(markdown.strip("\n")))

    def rule(self) -> None:
        """Adds a horizontal line."""
        self._block(Rule())

    def open_heading(self, level: int) -> int:
        """Opens a heading of level 1 to 6."""
        self._into_flow()
        heading = Heading(min(max(level, 1), 6), "")
        token = len(self._stack)
        self._stack[-1].blocks.append(heading)
        self._push(heading, self._stack[-1].blocks, 0)
        return token

    def open_quote(self) -> int:
        """Opens a quotation."""
        self._into_flow()
        token = len(self._stack)
        if self._stack[-1].depth < MAX_DEPTH:
            quote = Quote()
            self._stack[-1].blocks.append(quote)
            self._push(quote, quote.blocks, 1)
        return token

    def open_list(self, start: int | None = None) -> int:
        """Opens a list; `start` numbers it. A list directly in a list belongs to the item before it."""
        token = len(self._stack)
        top = self._stack[-1]
        if isinstance(top.node, ItemList) and top.node.items:
            self._push(top.node.items[-1], top.node.items[-1].blocks, 0)
        self._into_flow()
        if self._stack[-1].depth < MAX_DEPTH:
            items = ItemList(start)
            self._stack[-1].blocks.append(items)
            self._push(items, [], 1)
        return token

    def open_item(self, checked: bool | None = None) -> int:
        """Opens an item of the list that is open; without a list one is made, unless that would be too deep."""
        token = len(self._stack)
        top = self._stack[-1]
        if not isinstance(top.node, ItemList):
            self._into_flow()
            if self._stack[-1].depth >= MAX_DEPTH:
                return token
            self.open_list()
        self._open_item(checked)
        return token

    def open_table(self) -> int:
        """Opens a table."""
        self._into_flow()
        token = len(self._stack)
        if self._stack[-1].depth < MAX_DEPTH:
            table = Table()
            self._stack[-1].blocks.append(table)
            self._push(table, [], 1)
        return token

    def open_row(self) -> int:
        """Opens a row of the table that is open; outside of one it only ends the paragraph."""
        token = len(self._stack)
        if isinstance(self._stack[-1].node, Table):
            self._open_row()
        else:
            self._into_flow()
        return token

    def open_cell(self, columns: int = 1, rows: int = 1, header: bool = False) -> int:
        """Opens a cell of the row that is open; outside of a table it only ends the paragraph."""
        token = len(self._stack)
        if isinstance(self._stack[-1].node, Table):
            self._open_row()
        if isinstance(self._stack[-1].node, Row):
            self._open_cell(columns, rows, header)
        else:
            self._into_flow()
        return token

    def close(self, token: int) -> None:
        """Closes what the token was given for, and everything in it."""
        self.paragraph()
        while len(self._stack) > token:
            self.paragraph()
            self._stack.pop()

    def finish(self) -> list[Block]:
        """All blocks, with everything closed."""
        self.close(1)
        return self.blocks

    def link(self, href: str) -> str:
        """The address as it may stand in markdown, noted among the links; "" if it is none."""
        href = address_of(href)
        if href and not href.startswith("#") and len(self.links) < MAX_LINKS:
            self.links[href] = None
        return href

    def mention(self, account: str, name: str) -> None:
        """Adds a user's name, noted among the mentions."""
        self.note_mention(account)
        words = name or account
        self.text(words if words.startswith("@") else f"@{words}" if words else "", NAME)

    def note_mention(self, account: str) -> None:
        """Notes a mention whose words come from elsewhere."""
        if account and len(self.mentions) < MAX_LINKS:
            self.mentions[account] = None

    def _block(self, block: Block) -> None:
        self._into_flow()
        self.paragraph()
        self._stack[-1].blocks.append(block)

    def _into_flow(self) -> None:
        """Makes the innermost frame one that holds blocks: ends a heading, adds a missing item, row or cell."""
        self.paragraph()
        if isinstance(self._stack[-1].node, Heading):
            self._stack.pop()
        if isinstance(self._stack[-1].node, Table):
            self._open_row()
        if isinstance(self._stack[-1].node, Row):
            self._open_cell(1, 1, False)
        elif isinstance(self._stack[-1].node, ItemList):
            self._open_item(None)

    def _open_item(self, checked: bool | None) -> None:
        items = self._stack[-1].node
        assert isinstance(items, ItemList)
        item = Item(checked)
        items.items.append(item)
        self._push(item, item.blocks, 0)

    def _open_row(self) -> None:
        table = self._stack[-1].node
        assert isinstance(table, Table)
        row = Row()
        table.rows.append(row)
        self._push(row, [], 0)

    def _open_cell(self, columns: int, rows: int, header: bool) -> None:
        row = self._stack[-1].node
        assert isinstance(row, Row)
        cell = Cell(max(columns, 1), max(rows, 1), header)
        row.cells.append(cell)
        self._push(cell, cell.blocks, 0)

    def _push(self, node: _Node, blocks: list[Block], deeper: int) -> None:
        self._stack.append(_Frame(node, blocks, depth=self._stack[-1].depth + deeper))
