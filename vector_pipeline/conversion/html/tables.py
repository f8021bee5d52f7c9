"""Tables that are none: rows and cells which only place things on the page are read one after the other.

A markdown table holds words in rows. What holds headings or is marked as layout, or a single row of blocks, does not.
"""

from __future__ import annotations

from collections.abc import Iterator

from selectolax.lexbor import LexborNode

from vector_pipeline.conversion.html.anchors import HEADINGS

_BLOCKS = "p, div, ul, ol, dl, pre, table, blockquote"


MAX_DEPTH = 4
"""Tables within tables; in deeper ones nothing but layout is looked for."""


def is_layout(table: LexborNode, depth: int) -> bool:
    """Whether a table within `depth` others only places its cells on the page."""
    if depth >= MAX_DEPTH or table.attributes.get("role") in ("presentation", "none"):
        return True
    if table.css_first(HEADINGS) is not None:
        return True
    inner = {node.mem_id for node in table.css("table")} - {table.mem_id}
    if inner:
        return len(table.css("tr")) == 1 + sum(1 for node in table.css("table tr table tr"))
    rows = table.css("tr")
    return len(rows) == 1 and rows[0].css_first(_BLOCKS) is not None


def holds_blocks(row: LexborNode, depth: int) -> bool:
    """Whether the cells of a row in a layout table hold more than words."""
    return depth > MAX_DEPTH or row.css_first(f"{_BLOCKS}, {HEADINGS}") is not None


def summary_rows(summary: LexborNode) -> Iterator[list[LexborNode]]:
    """The rows of javadoc's summaries, which are a grid of `div`s: the first column begins a row."""
    row: list[LexborNode] = []
    node = summary.child
    while node is not None:
        if node.is_element_node:
            if "col-first" in (node.attributes.get("class") or "").split() and row:
                yield row
                row = []
            row.append(node)
        node = node.next
    if row:
        yield row
