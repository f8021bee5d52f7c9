"""Names, attributes and text of lxml elements, alike for the XML parser and the HTML parser.

The XML parser gives "{ac}link", the HTML parser "ac:link": here both are "ac:link".
"""

from __future__ import annotations

from lxml import etree


def name_of(element: etree._Element) -> str:
    """The element's name with its prefix, "" for what is no element (an entity)."""
    tag = element.tag
    if not isinstance(tag, str):
        return ""
    if tag[0] == "{":
        prefix, _, local = tag[1:].partition("}")
        return f"{prefix}:{local}"
    return tag


def attribute(element: etree._Element, name: str) -> str:
    """The value of an attribute such as "ac:name", "" if there is none."""
    prefix, _, local = name.rpartition(":")
    found = element.get(f"{{{prefix}}}{local}") if prefix else None
    return str(found if found is not None else element.get(name) or "")


def child(element: etree._Element, name: str) -> etree._Element | None:
    """The first child of that name."""
    return next((inner for inner in element if name_of(inner) == name), None)


def text_of(element: etree._Element | None) -> str:
    """All text within the element as it is, "" for None."""
    return "".join(map(str, element.itertext())) if element is not None else ""
