"""Source code by definition: functions, methods and classes are chunks of their own under the path of their names.

Small neighbours (imports, constants, one-line methods) share a chunk; a definition longer than the target is cut
by its syntax. Without a grammar for the language, or beyond LARGEST_PARSED, code is cut as plain text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from semantic_text_splitter import CodeSplitter
from tree_sitter import Node, Parser

from vector_pipeline.chunking.grammars import GRAMMARS, Grammar, holds_function, load_language, raw_language
from vector_pipeline.chunking.headings import bounded_heading, bounded_path
from vector_pipeline.chunking.pieces import WINDOW_MOST, Piece, code_points, cut, is_anchor, trimmed
from vector_pipeline.chunking.plain import plain_pieces, plain_spans
from vector_pipeline.documents import Span

LARGEST_PARSED = 300_000
"""In characters. Longer files are generated or data, and parsing hostile text takes up to 15 s per megabyte."""

_DEEPEST = 8
_DEEPEST_INDENT = 200
_SCRAP = 80
_RECEIVER = re.compile(r"(\w+)\s*(?:\[.*\])?\s*\)$", re.DOTALL)

Path = tuple[str, ...]


@dataclass(slots=True)
class _Unit:
    """A stretch of code, in bytes: one definition in its container, or what stands between two (path: container)."""

    start: int
    end: int
    path: Path
    container: Path


@dataclass(slots=True)
class _Run:
    """Neighbouring units of one container that become one chunk; `is_open` while more small ones may join."""

    start: int
    end: int
    path: Path
    container: Path
    is_open: bool


def code_spans(text: str, language: str, target: int) -> list[Span]:
    """The code as spans of at most `target` characters under the names they are defined in."""
    grammar = GRAMMARS.get(language)
    if grammar is None or len(text) > LARGEST_PARSED:
        return plain_spans(text, target)
    data = text.encode()
    root = Parser(load_language(language)).parse(data).root_node
    units = _units(root, grammar, data, target)
    starts = [_line_start(text, start) for start in code_points(data, [unit.start for unit in units])]
    pieces = [
        (piece, unit)
        for unit, start, end in zip(units, starts, [*starts[1:], len(text)], strict=True)
        if (piece := trimmed(text, start, end))
    ]
    return [
        Span(*piece, bounded_path(run.path))
        for run in _runs(text, pieces, target)
        for piece in _cut(text, run, language, target)
    ]


def _units(root: Node, grammar: Grammar, data: bytes, target: int) -> list[_Unit]:
    """The file as units without gaps, definitions longer than the target opened up to a bounded depth."""
    units: list[_Unit] = []
    _append_units(units, root, grammar, data, (0, len(data)), (), target)
    return units or [_Unit(0, len(data), (), ())]


def _append_units(
    units: list[_Unit], body: Node, grammar: Grammar, data: bytes, place: Piece, path: Path, target: int
) -> None:
    """Appends the units of a body; `place` is what they cover: the body with its definition's head."""
    position, end = place
    lead: Piece | None = None
    previous: Node | None = None
    for child in _children(body):
        if previous and child.start_point.row == previous.end_point.row and _trails(child, grammar):
            position = units[-1].end = child.end_byte
            continue
        if child.type in grammar.leading:
            lead = (lead[0] if lead and _adjacent(data, lead[1], child) else child.start_byte, child.end_byte)
            continue
        definition = _definition(child, grammar)
        if definition is not None:
            start = lead[0] if lead and _adjacent(data, lead[1], child) else child.start_byte
            if start > position:
                units.append(_Unit(position, start, path, path))
            inner = (*path, *_names(definition, grammar))
            holder = definition.child_by_field_name("value") or definition
            opened = holder.child_by_field_name("body")
            if child.end_byte - start > target and opened is not None and len(path) < _DEEPEST:
                _append_units(units, opened, grammar, data, (start, child.end_byte), inner, target)
            else:
                units.append(_Unit(start, child.end_byte, inner, path))
            position = child.end_byte
        lead = None
        previous = child if definition is not None else None
    if position < end:
        units.append(_Unit(position, end, path, path))


def _children(node: Node) -> Iterator[Node]:
    """The children one by one; a hostile file has hundreds of thousands."""
    cursor = node.walk()
    more = cursor.goto_first_child()
    while more:
        if cursor.node is not None:
            yield cursor.node
        more = cursor.goto_next_sibling()


def _trails(node: Node, grammar: Grammar) -> bool:
    """Whether a node on the last line of a definition belongs to it: a comment or punctuation."""
    return node.type in grammar.leading or not node.is_named


def _adjacent(data: bytes, end: int, following: Node) -> bool:
    """Whether no blank line lies between; a line comment may or may not hold its own newline."""
    return data.count(b"\n", max(end - 1, 0), following.start_byte) <= 1


def _definition(node: Node, grammar: Grammar) -> Node | None:
    """The definition a node is or wraps alone."""
    for _ in range(4):
        if node.type in grammar.definitions:
            if node.type in grammar.valued:
                value = node.child_by_field_name("value")
                return node if value is not None and holds_function(value.type) else None
            return node
        if node.type not in grammar.wrappers:
            return None
        inner = [
            child
            for child in node.named_children
            if child.type in grammar.definitions or child.type in grammar.wrappers
        ]
        if len(inner) != 1:
            return None
        node = inner[0]
    return None


def _names(definition: Node, grammar: Grammar) -> Path:
    """The definition's name, with the receiver's type before it for a method of Go."""
    name = _text(definition.child_by_field_name(grammar.definitions[definition.type]))
    receiver = _RECEIVER.search(_text(definition.child_by_field_name("receiver")))
    return tuple(bounded_heading(part) for part in ((receiver[1], name) if receiver else (name,)) if part)


def _text(node: Node | None) -> str:
    """A node's text as far as a heading may need it."""
    return (node.text or b"")[:200].decode(errors="ignore") if node is not None else ""


def _line_start(text: str, start: int) -> int:
    """The start of the line if only indentation lies before the position."""
    line = text.rfind("\n", max(start - _DEEPEST_INDENT, 0), start) + 1
    return line if text[line:start].isspace() and start - line <= _DEEPEST_INDENT else start


def _runs(text: str, pieces: list[tuple[Piece, _Unit]], target: int) -> Iterator[_Run]:
    """Units as runs: large ones alone, small ones of one container together, scraps with what they stand beside."""
    run: _Run | None = None
    for (start, end), unit in pieces:
        small = end - start <= target // 3
        if run is not None and _joins(text, run, (start, end), unit, target):
            if small and run.is_open:
                run.path = run.container
            elif not small:
                run.path, run.is_open = unit.path, False
            run.end = end
            continue
        if run is not None:
            yield run
        run = _Run(start, end, unit.path, unit.container, small)
    if run is not None:
        yield run


def _joins(text: str, run: _Run, piece: Piece, unit: _Unit, target: int) -> bool:
    """Whether the unit becomes part of the run before it."""
    start, end = piece
    fits = end - run.start <= target
    if end - start < _SCRAP and not any(map(str.isalnum, text[start:end])):
        return fits or run.end - run.start > target  # a closing brace
    if not fits or unit.container != run.container:
        return False
    if not run.is_open:
        return end - start < _SCRAP and unit.path == unit.container
    if end - start > target // 3:
        return run.end - run.start < _SCRAP
    # Ends that depend on content keep an edit from moving the ends of all the runs after it.
    return run.end - run.start <= target // 2 or not is_anchor(text, start, 1 / 4)


def _cut(text: str, run: _Run, language: str, target: int) -> list[Piece]:
    """The run as pieces of at most `target` characters."""
    if run.end - run.start <= target:
        return [(run.start, run.end)]
    if run.end - run.start > WINDOW_MOST * target:
        return plain_pieces(text, run.start, run.end, target)
    # Parsed on its own, a method must not begin with the indentation of its class.
    start = run.start
    while text[start].isspace():
        start += 1
    pieces = cut(text, start, run.end, _code_cutter(language, target))
    lead = target // 4
    if pieces[0][1] - start <= lead:
        # The signature alone: smaller pieces leave room for it in the first of them.
        (_, first), *rest = cut(text, start, run.end, _code_cutter(language, target - lead))
        while first - start <= lead and rest and rest[0][1] - start <= target:
            (_, first), *rest = rest
        pieces = [(start, first), *rest]
    lines = [(_line_start(text, piece_start), end) for piece_start, end in pieces]
    return [line if line[1] - line[0] <= target else piece for line, piece in zip(lines, pieces, strict=True)]


@lru_cache(maxsize=32)
def _code_cutter(language: str, capacity: int) -> CodeSplitter:
    return CodeSplitter(raw_language(language), capacity, trim=False)
