"""Markdown, as Obsidian, GitHub and most generators write it: front matter off, text as it is, links and tags noted.

The text is left exactly as written, since chunking and embedding read markdown. One pass over the lines finds
headings, tags and wikilinks outside of code; a markdown parser would take most of the time of a sync.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from vector_pipeline.conversion.content import Converted
from vector_pipeline.conversion.front_matter import MAX_LENGTH, read_front_matter

MAX_LINKS = 500
MAX_TAGS = 200
_FENCE = re.compile(r"(?:[ \t>]|[-*+][ \t]|\d{1,9}[.)][ \t])*+(`{3,}|~{3,})([^\n]*)")
_LIST_ITEM = re.compile(r"[ \t]*(?:[-*+]|\d{1,9}[.)])[ \t]")
_ATX = re.compile(r" {0,3}(#{1,6})(?:[ \t]+(.*))?$")
_SETEXT = re.compile(r" {0,3}(=+|-+)[ \t]*$")
_TICKS = re.compile(r"`+")
_TAG = re.compile(r"(?<!\S)#([^\s\u2000-\u206f\u2e00-\u2e7f'\"!#$%&()*+,.:;<=>?@^`{|}~\[\]\\]+)")
_WIKILINK = re.compile(r"\[\[([^\[\]\n|]{1,1000})(?:\|[^\[\]\n]{0,1000})?\]\]")
_INLINE_LINK = re.compile(r"!?\[([^\[\]]{0,500})\]\([^()\s]{0,2000}(?:[ \t]+\"[^\"]{0,500}\")?\)")
_INLINE_WIKILINK = re.compile(r"!?\[\[(?:[^\[\]|]{1,500}\|)?([^\[\]|]{1,500})\]\]")
_EMPHASIS = re.compile(r"(\*\*|__|\*|`)(?=\S)(.{1,500}?)(?<=\S)\1")


@dataclass(slots=True)
class Outline:
    """What the lines of a markdown text hold besides words, in order and without repetition."""

    first_heading: str | None = None
    first_h1: str = ""
    tags: dict[str, str] = field(default_factory=dict)
    links: dict[str, None] = field(default_factory=dict)


def convert_markdown(text: str, language: str = "") -> Converted:
    """The text without its front matter (see `FrontMatter.kept`), with title, tags, aliases, links and properties.

    A front matter title that the text doesn't open with is embedded as context.
    """
    front = read_front_matter(text)
    body = text[front.body :] if front.body else text
    outline = outline_of(body)
    title = front.title or outline.first_h1
    context = front.title if front.title and front.title != (outline.first_heading or "") else ""
    metadata: dict[str, Any] = dict(front.metadata)
    tags = {tag.casefold(): tag for tag in reversed((*front.tags, *outline.tags.values()))}
    if tags:
        metadata["tags"] = list(reversed(tags.values()))[:MAX_TAGS]
    if outline.links:
        metadata["links"] = list(outline.links)
    return Converted(front.kept + body, "markdown", language, title, metadata, context)


def outline_of(text: str) -> Outline:
    """Headings, tags and wikilinks of a markdown text, none of them from code."""
    outline = Outline()
    previous = ""
    for line in _lines_outside_code(text):
        if "#" in line:
            _note_heading_or_tags(line, outline)
        elif outline.first_h1 == "" and previous.strip() and (marks := _SETEXT.match(line)):
            _note_heading(_plain_words(previous), 1 if marks[1][0] == "=" else 2, outline)
        if "[[" in line:
            _note_links(line, outline)
        previous = line
    return outline


def _lines_outside_code(text: str) -> Iterator[str]:
    """The lines that are neither in a fenced nor in an indented code block."""
    if "```" not in text and "~~~" not in text and "\n    " not in text and "\n\t" not in text:
        yield from text.split("\n")
        return
    fence = ""
    after_blank, in_list, in_indented = True, False, False
    for line in text.split("\n"):
        if fence:
            stripped = line.strip(" \t>")
            if stripped.startswith(fence) and not stripped.strip(fence[0]):
                fence = ""
                yield ""
            continue
        if ("```" in line or "~~~" in line) and (opening := _FENCE.match(line)):
            marks, info = opening.groups()
            if marks[0] == "~" or "`" not in info:
                fence = marks
                continue
        if not line or line.isspace():
            after_blank = True
            yield ""
            continue
        if line.startswith(("    ", "\t")):
            in_indented = in_indented or (after_blank and not in_list)
        else:
            in_indented = False
            in_list = _LIST_ITEM.match(line) is not None or (in_list and (not after_blank or line[0] == " "))
        after_blank = False
        if not in_indented:
            yield line


def _note_heading_or_tags(line: str, outline: Outline) -> None:
    heading = _ATX.match(line)
    if heading is not None:
        words = (heading[2] or "").rstrip()
        bare = words.rstrip("#")
        _note_heading(_plain_words(words if bare and not bare[-1].isspace() else bare), len(heading[1]), outline)
        line = heading[2] or ""
    if "#" in line and len(outline.tags) < MAX_TAGS:
        for match in _TAG.finditer(_without_code(line)):
            tag = match[1].strip("/")[:MAX_LENGTH]
            if tag and not tag.isdigit():
                outline.tags.setdefault(tag.casefold(), tag)


def _note_heading(words: str, level: int, outline: Outline) -> None:
    if not words:
        return
    if outline.first_heading is None:
        outline.first_heading = words
    if level == 1 and not outline.first_h1:
        outline.first_h1 = words


def _note_links(line: str, outline: Outline) -> None:
    for match in _WIKILINK.finditer(_without_code(line)):
        # In tables the bar is escaped; what follows "#" is a place within the note.
        target = match[1].rstrip("\\").partition("#")[0].strip()
        if target and len(outline.links) < MAX_LINKS:
            outline.links[target[:MAX_LENGTH]] = None


def _without_code(line: str) -> str:
    """The line with its code spans blanked. Each run of backticks is visited once, however many there are."""
    if "`" not in line:
        return line
    runs = [(match.start(), match.end()) for match in _TICKS.finditer(line)]
    later: dict[int, list[int]] = {}
    for number in range(len(runs) - 1, -1, -1):
        start, end = runs[number]
        later.setdefault(end - start, []).append(number)
    parts, position, number = [], 0, 0
    while number < len(runs):
        start, end = runs[number]
        same = later[end - start]
        while same and same[-1] <= number:
            same.pop()
        if not same:
            number += 1
            continue
        closing = same[-1]
        parts.append(line[position:start])
        position = runs[closing][1]
        number = closing + 1
    parts.append(line[position:])
    return "` `".join(parts)


def _plain_words(heading: str) -> str:
    """A heading's words without link targets and emphasis marks."""
    words = heading.strip()[: 2 * MAX_LENGTH]
    if "[" in words:
        words = _INLINE_LINK.sub(r"\1", _INLINE_WIKILINK.sub(r"\1", words))
    if "*" in words or "`" in words or "_" in words:
        words = _EMPHASIS.sub(r"\2", words)
    return words.strip()[:MAX_LENGTH]
