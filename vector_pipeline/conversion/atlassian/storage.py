"""Confluence storage format to markdown: text prepared for XML, parsed by lxml, walked with a stack of its own.

Storage format is XHTML with Atlassian's elements, HTML's named entities and CDATA. The parser gets no entity, no DTD
and no network. What it can't read whole is read again by the HTML parser, and given as plain words if that fails too.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from itertools import chain

from lxml import etree

from vector_pipeline.conversion.atlassian.base import MAX_LENGTH, MAX_PIECES, Markdown, References
from vector_pipeline.conversion.atlassian.storage_text import plain_words, prepared
from vector_pipeline.conversion.atlassian.storage_walk import Walk
from vector_pipeline.conversion.decoding import normalize
from vector_pipeline.conversion.writing.builder import Builder
from vector_pipeline.conversion.writing.writer import markdown_of

_WORD = re.compile(r"\w+")
_NAMESPACES = 'xmlns:ac="ac" xmlns:ri="ri" xmlns:at="at"'
_SELF_CLOSED = re.compile(r"<((?:ac|ri|at):[\w.-]+)((?:\s[^<>]*)?)/>")


def storage_to_markdown(storage: str, references: References | None = None) -> Markdown:
    """The page as markdown. Never fails: a page that can't be parsed gives its words, `degraded`."""
    storage = normalize(storage)
    if len(storage) > MAX_LENGTH:
        return Markdown(plain_words(storage), degraded="too large to be read as storage format")
    if storage.count("<") > 2 * MAX_PIECES or storage.count("&") > 2 * MAX_PIECES:
        return Markdown(plain_words(storage), degraded=f"more than {MAX_PIECES:,} elements or entities")
    root = storage_tree(storage)
    if root is None:
        return Markdown(plain_words(storage), degraded="not well-formed, words were lost in parsing")
    builder = Builder()
    Walk(builder, references or References(), storage_tree).read(root)
    text = markdown_of(builder.finish())
    return Markdown(text, list(builder.links), list(builder.mentions))


def storage_tree(storage: str) -> etree._Element | None:
    """The parsed page, None where neither parser keeps all of its words."""
    text = prepared(normalize(storage))
    parser = etree.XMLParser(
        recover=True, resolve_entities=False, no_network=True, load_dtd=False, huge_tree=True, remove_comments=True,
        remove_pis=True,
    )  # fmt: skip
    root = etree.fromstring(f"<storage {_NAMESPACES}>{text}</storage>".encode(), parser)
    if root is not None and not len(parser.error_log):
        return root
    words = _counted([plain_words(storage)])
    if root is not None and _holds(root, words):
        return root
    html = etree.HTMLParser(recover=True, no_network=True, huge_tree=True, remove_comments=True, remove_pis=True)
    expanded = _SELF_CLOSED.sub(r"<\1\2></\1>", text)
    root = etree.fromstring(f"<div>{expanded}</div>".encode(), html)
    return root if root is not None and _holds(root, words) else None


def _holds(root: etree._Element, words: Counter[str]) -> bool:
    return not words - _counted(
        chain(map(str, root.itertext()), (str(value) for element in root.iter() for value in element.attrib.values()))
    )


def _counted(texts: Iterable[str]) -> Counter[str]:
    return Counter(chain.from_iterable(_WORD.findall(text) for text in texts))
