"""OpenDocument presentations (odp): slides in order, with titles, lists, tables, descriptions and notes.

Read here and not by the library, which heads every slide with the name of its drawing page and parts it from nothing.
"""

from __future__ import annotations

from collections.abc import Iterator

from lxml import etree

from vector_pipeline.conversion.content import Converted
from vector_pipeline.conversion.office.archives import OfficeArchive
from vector_pipeline.conversion.office.properties import core_properties
from vector_pipeline.conversion.office.slides import Slide, converted_slides
from vector_pipeline.conversion.office.tidy import table

MAX_REPEATED = 100
_NAMES = "urn:oasis:names:tc:opendocument:xmlns:"
_DRAW, _TEXT, _TABLE = f"{{{_NAMES}drawing:1.0}}", f"{{{_NAMES}text:1.0}}", f"{{{_NAMES}table:1.0}}"
_PRESENTATION, _SVG = f"{{{_NAMES}presentation:1.0}}", f"{{{_NAMES}svg-compatible:1.0}}"
_OFFICE = f"{{{_NAMES}office:1.0}}"
_CHROME = frozenset({"date-time", "footer", "header", "page-number", "page"})


def convert_open_presentation(data: bytes) -> Converted:
    """The slides of an odp file, hidden ones too. Raises ConversionError."""
    archive = OfficeArchive("odp", data)
    archive.check()
    title, metadata = core_properties(archive)
    slides = [_slide(page) for page in archive.xml("content.xml").iter(f"{_DRAW}page")]
    return converted_slides(slides, title, metadata)


def _slide(page: etree._Element) -> Slide:
    slide = Slide()
    for shape in page:
        kind = shape.get(f"{_PRESENTATION}class", "")
        if shape.tag == f"{_PRESENTATION}notes":
            slide.notes = "\n\n".join(_blocks(shape))
        elif kind == "title" and not slide.title:
            slide.title = " ".join(_blocks(shape))
        elif kind not in _CHROME and shape.tag != f"{_OFFICE}forms":
            slide.blocks += _blocks(shape)
    return slide


def _blocks(element: etree._Element) -> list[str]:
    return [block for block in _found(element) if block.strip()]


def _found(element: etree._Element) -> Iterator[str]:
    if element.get(f"{_PRESENTATION}class", "") in _CHROME:
        return
    if element.tag in (f"{_TEXT}p", f"{_TEXT}h"):
        yield _words(element)
    elif element.tag == f"{_TEXT}list":
        yield "\n".join(_items(element, 0))
    elif element.tag == f"{_TABLE}table":
        yield table([_cells(row) for row in element.iter(f"{_TABLE}table-row")])
    elif element.tag in (f"{_SVG}title", f"{_SVG}desc"):
        yield " ".join("".join(map(str, element.itertext())).split())
    else:
        for child in element:
            yield from _found(child)


def _items(items: etree._Element, level: int) -> Iterator[str]:
    for item in items:
        for child in item:
            if child.tag == f"{_TEXT}list":
                yield from _items(child, level + 1)
            elif words := _words(child).strip():
                yield f"{'  ' * level}- {words}"


def _cells(row: etree._Element) -> list[str]:
    cells: list[str] = []
    for cell in row.iter(f"{_TABLE}table-cell", f"{_TABLE}covered-table-cell"):
        repeated = cell.get(f"{_TABLE}number-columns-repeated", "1")
        times = min(int(repeated), MAX_REPEATED) if repeated.isdecimal() and len(repeated) < 10 else 1
        cells += ["\n".join(_words(found) for found in cell.iter(f"{_TEXT}p"))] * times
    return cells


def _words(paragraph: etree._Element) -> str:
    """The text of a paragraph; its spaces and line breaks are elements of their own."""
    pieces = []
    for found in paragraph.iter():
        if found.tag in (f"{_TEXT}s", f"{_TEXT}tab", f"{_TEXT}line-break"):
            pieces.append(" ")
        elif isinstance(found.tag, str):
            pieces.append(found.text or "")
        if found is not paragraph:
            pieces.append(found.tail or "")
    return "".join(pieces)
