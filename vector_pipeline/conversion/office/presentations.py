"""PowerPoint files (pptx), read from their parts: slides in the order of the show, titles, tables, charts and notes.

Read here and not by the library, which takes slides in the order of their files, gives notes to the wrong slide, and
parts words whose letters differ in style.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from lxml import etree

from vector_pipeline.conversion.content import Converted
from vector_pipeline.conversion.office.archives import OfficeArchive
from vector_pipeline.conversion.office.charts import chart_block
from vector_pipeline.conversion.office.properties import core_properties
from vector_pipeline.conversion.office.slides import Slide, converted_slides
from vector_pipeline.conversion.office.tidy import table
from vector_pipeline.conversion.office.troubles import damaged

MAX_SLIDES = 5_000
_P = "{http://schemas.openxmlformats.org/presentationml/2006/main}"
_A = "{http://schemas.openxmlformats.org/drawingml/2006/main}"
_R = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}"
_MC = "{http://schemas.openxmlformats.org/markup-compatibility/2006}"
_CHART = "{http://schemas.openxmlformats.org/drawingml/2006/chart}chart"
_DIAGRAM = "{http://schemas.openxmlformats.org/drawingml/2006/diagram}relIds"
_TITLES = frozenset({"title", "ctrTitle"})
_CHROME = frozenset({"sldNum", "dt", "ftr", "hdr", "sldImg"})
_PRESENTATION, _NOTES = "/officeDocument", "/notesSlide"


def convert_presentation(data: bytes) -> Converted:
    """The slides of a pptx file, hidden ones too. Raises ConversionError."""
    archive = OfficeArchive("pptx", data)
    archive.check()
    reader = _Reader(archive)
    title, metadata = core_properties(archive)
    return converted_slides(list(reader.slides()), title, metadata)


@dataclass(frozen=True, slots=True)
class _Link:
    kind: str
    target: str


class _Reader:
    def __init__(self, archive: OfficeArchive) -> None:
        self._archive = archive

    def slides(self) -> Iterator[Slide]:
        main = next((link.target for link in self._links("").values() if link.kind.endswith(_PRESENTATION)), "")
        if not main:
            raise damaged("pptx", "names no presentation")
        links = self._links(main)
        for number, entry in enumerate(self._root(main).iter(f"{_P}sldId")):
            if number == MAX_SLIDES:
                break
            link = links.get(entry.get(f"{_R}id", ""))
            if link is None:
                raise damaged("pptx", f"slide {number + 1} is missing")
            yield self._slide(link.target)

    def _slide(self, part: str) -> Slide:
        slide = Slide()
        links = self._links(part)
        tree = self._root(part).find(f"{_P}cSld/{_P}spTree")
        if tree is not None:
            self._add(slide, tree, links)
        notes = next((link.target for link in links.values() if link.kind.endswith(_NOTES)), "")
        if notes and self._archive.has(notes):
            for shape in self._root(notes).iter(f"{_P}sp"):
                if _placeholder(shape) == "body":
                    slide.notes = "\n\n".join(_paragraphs(shape.find(f"{_P}txBody"), is_list=False))
        return slide

    def _add(self, slide: Slide, tree: etree._Element, links: Mapping[str, _Link]) -> None:
        """The shapes below an element, groups and what stands for newer markup included."""
        for shape in tree:
            if shape.tag == f"{_P}sp":
                _add_text(slide, shape)
            elif shape.tag == f"{_P}pic":
                described = shape.find(f"{_P}nvPicPr/{_P}cNvPr")
                if described is not None and (words := described.get("descr", "").strip()):
                    slide.blocks.append(" ".join(words.split()))
            elif shape.tag == f"{_P}graphicFrame":
                slide.blocks += filter(None, self._frame(shape, links))
            elif shape.tag == f"{_P}grpSp":
                self._add(slide, shape, links)
            elif shape.tag == f"{_MC}AlternateContent" and len(shape):
                self._add(slide, shape[0], links)

    def _frame(self, frame: etree._Element, links: Mapping[str, _Link]) -> Iterator[str]:
        for grid in frame.iter(f"{_A}tbl"):
            rows = [
                ["\n".join(_paragraphs(cell.find(f"{_A}txBody"), is_list=False)) for cell in row.iter(f"{_A}tc")]
                for row in grid.iter(f"{_A}tr")
            ]
            yield table(rows)
        for chart in frame.iter(_CHART):
            if root := self._linked(chart.get(f"{_R}id", ""), links):
                yield chart_block(root[0])
        for diagram in frame.iter(_DIAGRAM):
            if root := self._linked(diagram.get(f"{_R}dm", ""), links):
                yield "\n".join(f"- {words}" for found in root[0].iter(f"{_A}p") if (words := _words(found).strip()))

    def _linked(self, link: str, links: Mapping[str, _Link]) -> list[etree._Element]:
        """The root of a linked part, if it is there: a drawing that is lost costs the slide nothing else."""
        found = links.get(link)
        return [self._root(found.target)] if found is not None and self._archive.has(found.target) else []

    def _links(self, part: str) -> Mapping[str, _Link]:
        folder, name = posixpath.split(part)
        rels = posixpath.join(folder, "_rels", f"{name}.rels")
        if not self._archive.has(rels):
            return {}
        return {
            link.get("Id", ""): _Link(
                link.get("Type", ""),
                posixpath.normpath(posixpath.join("/", folder, link.get("Target", ""))).lstrip("/"),
            )
            for link in self._root(rels)
            if isinstance(link.tag, str) and link.get("TargetMode") != "External"
        }

    def _root(self, part: str) -> etree._Element:
        return self._archive.xml(part)


def _add_text(slide: Slide, shape: etree._Element) -> None:
    kind = _placeholder(shape)
    if kind in _CHROME:
        return
    paragraphs = _paragraphs(shape.find(f"{_P}txBody"), is_list=kind in ("body", "obj"))
    if kind in _TITLES and not slide.title:
        slide.title = " ".join(paragraphs)
    elif paragraphs:
        slide.blocks.append("\n".join(paragraphs))


def _placeholder(shape: etree._Element) -> str:
    """The kind of place in the layout that a shape fills, "" for a shape of the author's own."""
    found = shape.find(f"{_P}nvSpPr/{_P}nvPr/{_P}ph")
    return "" if found is None else found.get("type", "obj")


def _paragraphs(body: etree._Element | None, *, is_list: bool) -> list[str]:
    """The paragraphs that have words; as items of a list by their levels where there are several in a list's place."""
    if body is None:
        return []
    found = [(paragraph, words) for paragraph in body.iter(f"{_A}p") if (words := _words(paragraph).strip())]
    if not is_list or len(found) < 2:
        return [words for _, words in found]
    return [f"{'  ' * _level(paragraph)}- {words}" for paragraph, words in found]


def _level(paragraph: etree._Element) -> int:
    properties = paragraph.find(f"{_A}pPr")
    level = "" if properties is None else properties.get("lvl", "")
    return int(level) if level.isdecimal() and len(level) == 1 else 0


def _words(paragraph: etree._Element) -> str:
    """The text of all runs and fields, as one: letters of one word may differ in style."""
    pieces = []
    for found in paragraph.iter():
        if found.tag == f"{_A}t" or (isinstance(found.tag, str) and found.tag.endswith("/math}t")):
            pieces.append(found.text or "")
        elif found.tag in (f"{_A}br", f"{_A}tab"):
            pieces.append(" ")
    return "".join(pieces).replace("\v", " ")
