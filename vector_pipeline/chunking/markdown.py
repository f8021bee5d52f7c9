"""Markdown by section: a chunk never reaches over a heading, so an edit changes the chunks of its section only.

A section longer than the target is filled up block by block (paragraph, list, fence, table); a block is cut only
if it alone is longer than the target. A heading with nothing below it goes with the section that follows.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise

import pyromark
from semantic_text_splitter import MarkdownSplitter

from vector_pipeline.chunking.headings import HeadingStack
from vector_pipeline.chunking.pieces import WINDOW_MOST, Piece, code_points, cut, is_anchor, trimmed
from vector_pipeline.chunking.plain import plain_pieces
from vector_pipeline.documents import Span

_PERHAPS_HEADING = re.compile(r"^ {0,3}(?:#|=+[ \t]*$|-+[ \t]*$)", re.MULTILINE)
_HEADING_ID = re.compile(r"\s*\{#[\w:.-]+\}\s*$")
_LONGEST_TITLE = 1000
_NESTING = {"List", "BlockQuote"}


@dataclass(slots=True)
class _Block:
    """A block at the top level of the document; `start` and `end` in UTF-8 bytes, `level` above 0 is a heading's."""

    start: int
    end: int
    kind: str
    level: int = 0
    title: str = ""


@dataclass(slots=True)
class _Section:
    """A heading with what stands below it: (start of block, kind of block), in code points.

    `heading_end` is 0 for what stands before the first heading.
    """

    start: int
    heading_end: int = 0
    end: int = 0
    path: tuple[str, ...] = ()
    blocks: list[tuple[int, str]] = field(default_factory=list)


def markdown_spans(text: str, target: int) -> list[Span]:
    """The text as spans of at most `target` characters under their heading paths."""
    whole = trimmed(text, 0, len(text))
    if whole is None:
        return []
    if whole[1] - whole[0] <= target and not _PERHAPS_HEADING.search(text):
        return [Span(*whole)]
    return [Span(*piece, section.path) for section in _sections(text, target) for piece in _fill(text, section, target)]


def _sections(text: str, target: int) -> Iterator[_Section]:
    """The sections in order; together they hold the whole text."""
    stack = HeadingStack()
    blocks = _blocks(text)
    data = text.encode()
    starts = code_points(data, [block.start for block in blocks])
    heading_ends = iter(code_points(data, [block.end for block in blocks if block.level]))
    # Link definitions are no blocks: what stands before the first block counts as a paragraph.
    current = _Section(0, blocks=[(0, "Paragraph")])
    for block, start in zip(blocks, starts, strict=True):
        if block.level:
            current.end = start
            if not _only_headings(text, current, target):
                current.path = stack.path
                yield current
                current = _Section(start)
            stack.enter(block.level, block.title)
            current.heading_end = next(heading_ends)
        current.blocks.append((start, block.kind))
    current.end, current.path = len(text), stack.path
    yield current


def _only_headings(text: str, section: _Section, target: int) -> bool:
    """Whether nothing stands below the section's heading, and it is short enough to be joined to the next."""
    if not section.heading_end or section.end - section.start > target // 2:
        return False
    return trimmed(text, section.heading_end, section.end) is None


def _blocks(text: str) -> list[_Block]:
    """The blocks at the top level of the document, in order."""
    blocks: list[_Block] = []
    depth = 0
    title: list[str] | None = None
    for event, place in pyromark.events_with_range(text):
        if isinstance(event, str):
            if title is not None:
                title.append(" ")
            elif depth == 0:
                blocks.append(_Block(place["start"], place["end"], event))
            continue
        if "Start" in event:
            if depth == 0:
                tag = event["Start"]
                kind = tag if isinstance(tag, str) else next(iter(tag))
                block = _Block(place["start"], place["end"], kind)
                if not isinstance(tag, str) and "Heading" in tag:
                    block.level = int(tag["Heading"]["level"][1:])
                    title = []
                blocks.append(block)
            depth += 1
        elif "End" in event:
            depth -= 1
            if depth == 0 and title is not None:
                blocks[-1].title = _HEADING_ID.sub("", "".join(title)[:_LONGEST_TITLE])
                title = None
        elif title is not None:
            if "Text" in event:
                title.append(event["Text"])
            elif "Code" in event:
                title.append(event["Code"])
    return blocks


def _fill(text: str, section: _Section, target: int) -> list[Piece]:
    """The section's pieces: blocks filled up to the target, longer blocks cut.

    A piece that is at least half full also ends before a block chosen by its content, so that an edit
    in a long section doesn't move all the boundaries after it.
    """
    whole = trimmed(text, section.start, section.end)
    if whole is None:
        return []
    if whole[1] - whole[0] <= target:
        return [whole]
    starts = [*(start for start, _ in section.blocks), section.end]
    pieces: list[Piece] = []
    begin = section.start
    for (start, end), (_, kind) in zip(pairwise(starts), section.blocks, strict=True):
        block = trimmed(text, start, end)
        if block is None or (block[1] - begin <= target and not _breaks(text, begin, block, target)):
            continue
        if block[1] - block[0] > target:
            rest = _after_lead(text, begin, start, target)
            pieces.extend(plain_pieces(text, begin, rest, target))
            *filled, (begin, _) = _cut_block(text, rest, block[1], kind, target)
            pieces.extend(filled)
        else:
            pieces.extend(plain_pieces(text, begin, start, target))
            begin = start
    pieces.extend(plain_pieces(text, begin, section.end, target))
    return pieces


def _after_lead(text: str, begin: int, start: int, target: int) -> int:
    """Where to go on after what leads to the long block at `start`: a heading or a short text takes lines along."""
    lead = start - begin
    line = text.rfind("\n", start, begin + target) + 1
    return line if 0 < lead <= target // 4 and line > start + target // 4 else start


def _breaks(text: str, begin: int, block: Piece, target: int) -> bool:
    """Whether a piece that starts at `begin` ends before this block though there would be room for it."""
    return block[0] - begin > target // 2 and is_anchor(text, block[0], 1 / 8)


def _cut_block(text: str, start: int, end: int, kind: str, target: int) -> list[Piece]:
    """The pieces of one block that is longer than the target: lists and quotes by item, others by line."""
    if kind in _NESTING and end - start <= WINDOW_MOST * target:
        return cut(text, start, end, _markdown_cutter(target))
    return plain_pieces(text, start, end, target)


@lru_cache(maxsize=16)
def _markdown_cutter(capacity: int) -> MarkdownSplitter:
    return MarkdownSplitter(capacity, trim=False)
