"""A page as markdown: its content found, its chrome gone, its headings known by the links that lead to them.

A page is never lost: what could exhaust the parser, and what shows nothing as markdown, gives its plain words.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from selectolax.lexbor import LexborHTMLParser, LexborNode

from vector_pipeline.conversion.content import Converted
from vector_pipeline.conversion.decoding import normalize
from vector_pipeline.conversion.front_matter import MAX_LENGTH
from vector_pipeline.conversion.html.anchors import heading_ids, lifted, without_marks
from vector_pipeline.conversion.html.chrome import remove_chrome
from vector_pipeline.conversion.html.generators import PAGE_TITLES
from vector_pipeline.conversion.html.limits import overwhelming, prepared
from vector_pipeline.conversion.html.main_content import main_content
from vector_pipeline.conversion.html.rules import PageRules
from vector_pipeline.conversion.html.tabs import tab_labels
from vector_pipeline.conversion.html.walk import Walk
from vector_pipeline.conversion.html.words import plain_words
from vector_pipeline.conversion.markdown import outline_of
from vector_pipeline.conversion.writing.blocks import Block, Heading
from vector_pipeline.conversion.writing.builder import Builder
from vector_pipeline.conversion.writing.writer import markdown_of

_BETWEEN = r"(?:\s*[|—–·•»«›‹:]+\s*|\s+-\s+)"
_BESIDE_TITLE = re.compile(_BETWEEN)
_ENDS_BESIDE = re.compile(rf"{_BETWEEN}\Z")
_NO_RULES = PageRules()


def convert_html(text: str, language: str = "", rules: PageRules = _NO_RULES) -> Converted:
    """The page's main content as markdown, with its title, author and anchors (see `Converted.metadata`).

    The title is embedded as context where no heading of the content stands above all of it. It is the page's own
    title without the name of the site, as far as the content's heading tells the two apart.
    """
    text = without_marks(prepared(text))
    if overwhelming(text):
        title, words = plain_words(text)
        return Converted(words, "text", title=title)
    page = LexborHTMLParser(text)
    title = _one_line(page.css_first("title"))
    author = page.css_first('meta[name="author" i]')
    blocks, ids = _read(main_content(page, rules))
    markdown, anchors = lifted(markdown_of(blocks), ids)
    if not markdown:
        return Converted(plain_words(text)[1], "text", title=title)
    outline = outline_of(markdown)
    title = _own_title(title, outline.first_heading or "") or outline.first_h1
    metadata: dict[str, Any] = {}
    if author is not None and (name := " ".join((author.attributes.get("content") or "").split())):
        metadata["author"] = normalize(name)[:MAX_LENGTH]
    if anchors:
        metadata["anchors"] = anchors
    return Converted(markdown, "markdown", language, title, metadata, "" if _is_headed(blocks) else title)


def _read(contents: Sequence[LexborNode]) -> tuple[list[Block], list[str]]:
    """The blocks of the content and the ids of the anchors marked in them."""
    ids = heading_ids(contents)
    labels: dict[int, str] = {}
    titles: list[int] = []
    for content in contents:
        remove_chrome(content)
        labels.update(tab_labels(content))
        titles += [node.mem_id for node in content.css(PAGE_TITLES)]
    builder = Builder()
    walk = Walk(builder, ids, labels, titles)
    walk.read(contents)
    return builder.finish(), walk.anchors


def _is_headed(blocks: Sequence[Block]) -> bool:
    """Whether one heading stands above all others, so that every passage is known by it."""
    levels = [block.level for block in blocks if isinstance(block, Heading) and block.text]
    return bool(levels) and levels[0] == min(levels) and levels.count(levels[0]) == 1


def _own_title(title: str, heading: str) -> str:
    """The title without the name of the site before or after it, where the rest is the heading."""
    heading = " ".join(heading.replace("`", "").split())
    length = len(heading)
    if not heading or len(title) <= length:
        return title
    if title[:length].casefold() == heading.casefold() and _BESIDE_TITLE.match(title, length):
        return title[:length]
    before = title[:-length]
    if title[-length:].casefold() == heading.casefold() and _ENDS_BESIDE.search(before):
        return title[-length:]
    return title


def _one_line(node: LexborNode | None) -> str:
    return normalize(" ".join(node.text().split()))[:MAX_LENGTH] if node is not None else ""
