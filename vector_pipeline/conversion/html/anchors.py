"""Where a link with a fragment leads: the ids of headings and API definitions, carried through the conversion.

A heading's id is a mark at the end of its line until the text is final, then the mark becomes an offset. The marks
are noncharacters of Unicode, which are taken out of the page before it is read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from selectolax.lexbor import LexborNode

from vector_pipeline.conversion.decoding import normalize
from vector_pipeline.conversion.html.tree import descendants, short_text

HEADINGS = "h1, h2, h3, h4, h5, h6"
MAX_ANCHORS = 10_000
MAX_ID = 300
_BEGIN, _END = "\ufdd0", "\ufdd1"
_MARK = re.compile(f"{_BEGIN}([0-9]+){_END}")
_FOREIGN = re.compile(r"&#(?:[xX]0*[fF][dD][dD][01](?![0-9a-fA-F])|0*6497[67](?![0-9]));?")
_MADE_UP = re.compile(r"id[mp]?-?\d|idm|__codelineno|page-?\d|[lL]\d+$|cite_ref")
"""Ids of places that a generator counts: another version of the page has others."""
_MOST_WITHIN = 60
_MOST_BESIDE = 20
_CLIMB = 6
"""Elements a heading may begin and still be the one that their id stands for."""


def without_marks(text: str) -> str:
    """The page with the characters used here replaced, however they are written."""
    for character in (_BEGIN, _END):
        text = text.replace(character, "\ufffd")
    return _FOREIGN.sub("\ufffd", text)


def mark(number: int) -> str:
    """What is put at the end of a line that anchor `number` leads to."""
    return f"{_BEGIN}{number}{_END}"


def lifted(text: str, ids: Sequence[str]) -> tuple[str, list[list[int | str]]]:
    """The text without its marks, and for each marked line its offset in code points with the id, ascending."""
    parts: list[str] = []
    anchors: list[list[int | str]] = []
    position = removed = 0
    for match in _MARK.finditer(text):
        line = text.rfind("\n", position, match.start()) + 1
        if line or not anchors:  # else it is the line of the mark before
            anchors.append([line - removed, ids[int(match[1])]])
        part = text[position : match.start()]
        if text[match.end() : match.end() + 1] in ("", "\n", _BEGIN):
            part = part.rstrip(" ")
        parts.append(part)
        removed += match.end() - position - len(part)
        position = match.end()
    parts.append(text[position:])
    return "".join(parts), anchors


def heading_ids(contents: Sequence[LexborNode]) -> dict[int, str]:
    """The id of every heading and definition that has one, by the node's memory id."""
    roots = {node.mem_id for node in contents}
    found: dict[int, str] = {}
    for content in contents:
        for node in content.css(f"{HEADINGS}, dt, [role=heading]"):
            name = _own_id(node) or _inner_id(node)
            if not name and node.tag != "dt":
                name = _id_before(node, roots) or _linked_id(node)
            if name and len(found) < MAX_ANCHORS:
                found[node.mem_id] = name
    return found


def named_place(node: LexborNode, attributes: Mapping[str, str | None]) -> str:
    """The name that an empty anchor in the text gives to what follows; "" for a link, and for a made-up name."""
    if "href" in attributes or not ("name" in attributes or "id" in attributes) or not _says_nothing(node):
        return ""
    name = _own_id(node)
    return "" if _MADE_UP.match(name) else name


def _own_id(node: LexborNode) -> str:
    attributes = node.attributes
    name = attributes.get("id") or (attributes.get("name") if node.tag == "a" else None) or ""
    return normalize(" ".join(name.split())) if len(name) <= MAX_ID else ""


def _inner_id(node: LexborNode) -> str:
    """The id of an anchor in the heading, as old pages and DocBook write it."""
    for inner in descendants(node, _MOST_WITHIN):
        if inner.tag in ("a", "span") and (name := _own_id(inner)) and not name.startswith("user-content-"):
            return name
    return ""


def _id_before(node: LexborNode, roots: set[int]) -> str:
    """The id of the section that the heading begins, or of an empty anchor just before it."""
    found = ""
    for _ in range(_CLIMB):
        before, left = node.prev, _MOST_BESIDE
        while left and before is not None and (not before.is_element_node or _says_nothing(before)):
            left -= 1
            if before.is_text_node and (before.text_content or "").strip():
                return found
            if before.is_element_node:
                found = found or _own_id(before) or _inner_id(before)
            before = before.prev
        parent = node.parent
        if before is not None or parent is None or node.mem_id in roots or parent.mem_id in roots:
            return found
        if (name := _own_id(parent)) and (not found or _is_section(parent)):
            return name
        if found and not _is_section(parent):
            return found
        node = parent
    return found


def _is_section(node: LexborNode) -> bool:
    return node.tag == "section" or "section" in (node.attributes.get("class") or "").split()


def _says_nothing(node: LexborNode) -> bool:
    if node.tag not in ("a", "span", "div", "p") or short_text(node, 20) is None:
        return False
    return not any(inner.tag == "img" or (inner.text_content or "").strip() for inner in descendants(node))


def _linked_id(node: LexborNode) -> str:
    """Where the heading's link to itself leads."""
    for inner in descendants(node, _MOST_WITHIN):
        href = (inner.attributes.get("href") or "") if inner.tag == "a" else ""
        if href.startswith("#") and 1 < len(href) <= MAX_ID:
            return normalize(" ".join(href[1:].split()))
    return ""
