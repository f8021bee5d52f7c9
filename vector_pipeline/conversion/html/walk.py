"""The walk over a page's content: its elements become the events of a builder, in one loop without recursion.

Every element is entered once and left once; one that is not known is transparent, so its words count.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from selectolax.lexbor import LexborNode

from vector_pipeline.conversion.html import elements
from vector_pipeline.conversion.html.anchors import MAX_ANCHORS, mark, named_place
from vector_pipeline.conversion.html.code_blocks import code_language, code_text
from vector_pipeline.conversion.html.tables import holds_blocks, is_layout, summary_rows
from vector_pipeline.conversion.html.tree import children, descendants, one_line, short_text
from vector_pipeline.conversion.writing.builder import Builder
from vector_pipeline.conversion.writing.inline import CODE, STRONG, code_span

_LONGEST_NOTE = 30
_INVISIBLE = re.compile("[\u200b\u2060\ufeff\u00ad]")
_POWER = re.compile(r"[-+−–]?(?:\d{1,4}|[a-z])")


@dataclass(frozen=True, slots=True)
class _Part:
    """Elements that are read as one though no element holds them: the rows of a table beside its caption, one row."""

    open: Callable[[], int]
    children: Iterable[LexborNode | _Part]
    cells: bool = False
    flat: bool = False
    anchor: str = ""


@dataclass(slots=True)
class _Open:
    """An element that is entered: what is left of it, how its text is set, what closes it."""

    children: Iterator[LexborNode | _Part]
    marks: int = 0
    token: int | None = None
    flat: bool = False
    """Everything within is one line: a heading, a term, a title."""
    cells: bool = False
    """The children are the cells of a row."""
    spaced: bool = False
    """The children are cells of a layout table that go on one line."""
    layout: bool = False
    """Within a table that is only layout."""
    depth: int = 0
    """Tables around it."""
    box: bool = False
    """Directly within an admonition."""
    anchor: str = ""
    """The id to be marked at its end."""


class Walk:
    """Reads elements into a builder. `ids` and `labels` are the anchors of headings and the labels of tab panels, by
    memory id; `titles` are elements that stand for a heading. `anchors` collects the ids in the order of their marks.
    """

    def __init__(
        self, builder: Builder, ids: Mapping[int, str], labels: Mapping[int, str], titles: Iterable[int]
    ) -> None:
        self.anchors: list[str] = []
        self._builder = builder
        self._ids = ids
        self._labels = labels
        self._titles = frozenset(titles)
        self._named = ""

    def read(self, contents: Iterable[LexborNode]) -> None:
        """Walks the elements, one after the other."""
        for content in contents:
            self._builder.paragraph()
            stack = [_Open(iter([content]))]
            while stack:
                top = stack[-1]
                child = next(top.children, None)
                if child is None:
                    self._leave(stack.pop())
                elif isinstance(child, _Part):
                    frame = _Open(iter(child.children), top.marks, child.open(), cells=child.cells, flat=child.flat)
                    frame.anchor, frame.depth = child.anchor, top.depth
                    stack.append(frame)
                elif child.is_text_node:
                    self._text(child.text_content or "", top.marks)
                elif child.is_element_node:
                    self._enter(child, top, stack)

    def _leave(self, frame: _Open) -> None:
        if frame.anchor:
            self._builder.raw(self._marked(frame.anchor))
        if frame.token is not None:
            self._builder.close(frame.token)

    def _text(self, text: str, marks: int) -> None:
        if not text.isascii():
            text = _INVISIBLE.sub("", text).replace("\xa0", " ")
        self._builder.text(text.replace("\n", " "), marks)
        if self._named and not text.isspace():
            self._builder.raw(self._marked(self._named))

    def _marked(self, name: str) -> str:
        """The mark of an anchor at this place; "" once there are too many."""
        self._named = ""
        if len(self.anchors) >= MAX_ANCHORS:
            return ""
        self.anchors.append(name)
        return mark(len(self.anchors) - 1)

    def _enter(self, node: LexborNode, above: _Open, stack: list[_Open]) -> None:
        name = node.tag or ""
        attributes = node.attributes
        classes = frozenset((attributes.get("class") or "").split())
        frame = _Open(children(node), above.marks | elements.MARKS.get(name, 0), flat=above.flat)
        frame.layout, frame.depth = above.layout, above.depth
        if above.cells:
            frame.token = self._builder.open_cell()
        elif self._leaf(node, name, attributes, classes, frame):
            return
        elif above.flat:
            if name in elements.BLOCKS:
                self._builder.text(" ")
        else:
            self._open(node, name, attributes, classes, above, frame)
        stack.append(frame)

    def _leaf(
        self, node: LexborNode, name: str, attributes: Mapping[str, str | None], classes: frozenset[str], frame: _Open
    ) -> bool:
        """Whether the element's whole text has been added, so that nothing in it is to be walked."""
        builder = self._builder
        match name:
            case "a" if not frame.flat and (place := named_place(node, attributes)):
                self._named = place
            case "br":
                builder.line_break()
            case "img":
                builder.text(
                    f" {alt} " if (alt := " ".join((attributes.get("alt") or "").split())) else "", frame.marks
                )
            case "wbr" | "hr" | "input" | "col" | "colgroup":
                pass
            case "math":
                self._formula(elements.tex_of(node, attributes), attributes.get("display") == "block")
            case "script":
                kind = attributes.get("type") or ""
                if kind.startswith("math/tex"):
                    self._formula(node.text(), "display" in kind)
            case "sup":
                return self._raised(node, frame)
            case _ if name in elements.VERBATIM or (name == "div" and not elements.FRAGMENTS.isdisjoint(classes)):
                code, self._named = code_text(node), ""
                if frame.flat:
                    builder.text(code, frame.marks | CODE)
                else:
                    builder.code(code, code_language(node))
            case _ if not elements.SIGNATURES.isdisjoint(classes) and not frame.flat and name != "td":
                self._signature(node)
            case _:
                return False
        return True

    def _open(
        self,
        node: LexborNode,
        name: str,
        attributes: Mapping[str, str | None],
        classes: frozenset[str],
        above: _Open,
        frame: _Open,
    ) -> None:
        """Opens what the element is in the builder."""
        builder = self._builder
        if label := self._labels.get(node.mem_id):
            builder.label(label)
        if node.mem_id in self._titles:
            self._heading(node, frame, 1)
            return
        if name in elements.HEADINGS or attributes.get("role") == "heading":
            level = elements.HEADINGS.get(name) or elements.number(attributes.get("aria-level"), 2)
            boxed = above.box and (not elements.TITLES.isdisjoint(classes) or "title" in classes)
            self._title(node, frame) if boxed else self._heading(node, frame, level)
            return
        if elements.is_title(name, classes, above.box):
            self._title(node, frame)
            return
        match name:
            case "blockquote":
                frame.token, frame.box = builder.open_quote(), True
            case "ul" | "menu" | "dir":
                frame.token = builder.open_list()
            case "ol":
                frame.token = builder.open_list(elements.number(attributes.get("start"), 1))
            case "li":
                frame.token = builder.open_item(elements.checked(node))
            case "dt":
                self._title(node, frame)
            case "summary":
                frame.token = builder.open_section()
                if not any(inner.tag in elements.HEADINGS for inner in descendants(node)):
                    self._title(node, frame)
            case "table":
                self._table(node, frame)
            case "tr":
                if above.layout:
                    frame.token, frame.spaced = builder.open_section(), not holds_blocks(node, above.depth)
                else:
                    frame.token = builder.open_row()
            case "td" | "th":
                self._cell(name, attributes, classes, above, frame)
            case _ if "summary-table" in classes:
                rows = (_Part(builder.open_row, cells, cells=True) for cells in summary_rows(node))
                frame.children = iter([_Part(builder.open_table, rows)])
            case _ if not elements.ADMONITIONS.isdisjoint(classes) or (
                name == "div"
                and not elements.DOCBOOK_BOXES.isdisjoint(classes)
                and any("title" in (inner.attributes.get("class") or "") for inner in children(node))
            ):
                frame.token, frame.box = builder.open_quote(), True
            case _ if name in elements.BLOCKS:
                if name not in ("thead", "tbody", "tfoot"):
                    frame.token = builder.open_section()
                frame.box = above.box and name in ("div", "header")
            case _:
                pass

    def _heading(self, node: LexborNode, frame: _Open, level: int) -> None:
        """A heading: all of the element, or what stands before the blocks in it if no end tag closed it."""
        builder = self._builder
        lead = elements.before_blocks(node)
        if lead is None:
            frame.token = builder.open_heading(level)
            self._one_line(node, frame)
        else:
            frame.token = builder.open_section()
            anchor = self._ids.get(node.mem_id, "")
            heading = _Part(lambda: builder.open_heading(level), lead, flat=True, anchor=anchor)
            frame.children = iter([heading, *list(children(node))[len(lead) :]])

    def _one_line(self, node: LexborNode, frame: _Open) -> None:
        """Everything in the element becomes one line, with its anchor; one too long for that is read as it is."""
        text = short_text(node, elements.LONGEST_LINE)
        frame.flat = text is not None
        if text is not None and (text.strip() or _is_described(node)):
            frame.anchor = self._ids.get(node.mem_id, "")
            self._named = "" if frame.anchor else self._named

    def _title(self, node: LexborNode, frame: _Open) -> None:
        """A line in bold: a term, the title of a box."""
        frame.token = self._builder.open_section()
        self._one_line(node, frame)
        if frame.flat:
            frame.marks |= STRONG

    def _signature(self, node: LexborNode) -> None:
        """A declaration on one line, however many elements it is made of."""
        token = self._builder.open_section()
        if words := code_span(one_line(node.text())):
            name = self._ids.get(node.mem_id, "") or self._named
            self._builder.raw(words + (self._marked(name) if name else ""))
        self._builder.close(token)

    def _raised(self, node: LexborNode, frame: _Open) -> bool:
        """A power keeps its sign and a reference to a footnote its brackets; other raised words are walked."""
        words = one_line(short_text(node, _LONGEST_NOTE) or "")
        if words.strip("[]").isalnum() and any("#" in elements.href(inner) for inner in descendants(node)):
            self._builder.text(f"[{words.strip('[]')}]", frame.marks)
            return True
        if _POWER.fullmatch(words) and words not in ("a", "o"):
            self._builder.text(f"^{words}", frame.marks)
            return True
        return False

    def _formula(self, tex: str, display: bool) -> None:
        if tex := " ".join(tex.split()):
            self._builder.raw(f"$${tex}$$" if display else f"${tex}$")

    def _table(self, node: LexborNode, frame: _Open) -> None:
        builder = self._builder
        frame.depth += 1
        if is_layout(node, frame.depth - 1):
            frame.layout = True
            frame.token = builder.open_section()
            return
        captions: list[LexborNode] = []
        rows: list[LexborNode] = []
        for child in children(node):
            (captions if child.tag == "caption" else rows).append(child)
        frame.layout = False
        frame.token = builder.open_section()
        frame.children = iter([*captions, _Part(builder.open_table, rows)])

    def _cell(
        self, name: str, attributes: Mapping[str, str | None], classes: frozenset[str], above: _Open, frame: _Open
    ) -> None:
        builder = self._builder
        if above.spaced:
            builder.text(" ")
        elif above.layout:
            frame.token = builder.open_section()
            if "icon" in classes:  # AsciiDoc's admonitions: the word for the kind, or a picture of it
                frame.flat, frame.marks = True, frame.marks | STRONG
        else:
            columns, rows = (elements.number(attributes.get(key), 1) for key in ("colspan", "rowspan"))
            frame.token = builder.open_cell(columns, rows, header=name == "th")


def _is_described(node: LexborNode) -> bool:
    """Whether a picture within the element has words of its own."""
    return any(inner.tag == "img" and (inner.attributes.get("alt") or "").strip() for inner in descendants(node))
