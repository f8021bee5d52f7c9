"""Older PowerPoint files (ppt): the text of the slides, record by record.

Read here and not by the library, which stops after the first slide. A file keeps the text of its layouts' places in
one list, slide by slide, and that of free text boxes with the drawings, whose order is that of the slides but for
those that were moved. Layout: [MS-PPT].
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from vector_pipeline.conversion.content import Converted
from vector_pipeline.conversion.office.ole import BrokenCompoundFile, CompoundFile
from vector_pipeline.conversion.office.slides import Slide, converted_slides
from vector_pipeline.conversion.office.troubles import damaged, too_deep

MAX_RECORDS = 5_000_000
MAX_DEPTH = 100
_STREAM = "PowerPoint Document"
_LIST, _SLIDE, _NOTES, _DOCUMENT = 4080, 1006, 1008, 1000
_PLACE, _HEADER, _WIDE, _NARROW = 1011, 3999, 4000, 4008
_SLIDES_LIST, _NOTES_LIST = 0, 2
_TITLE_KINDS = frozenset({0, 6})  # title, and title in the middle
_CONTAINER = 0xF


@dataclass(frozen=True, slots=True)
class _Record:
    kind: int
    instance: int
    data: bytes
    above: tuple[tuple[int, int, int], ...]
    """(kind, instance, number) of the records around it, outermost first."""


def convert_old_presentation(file: CompoundFile) -> Converted:
    """The slides of a ppt file. Raises ConversionError."""
    try:
        stream = file.read(_STREAM)
    except BrokenCompoundFile as error:
        raise damaged("ppt", "its streams are cut off") from error
    if not stream:
        raise damaged("ppt", "holds no presentation")
    return converted_slides(_slides(stream), "", {})


def _slides(stream: bytes) -> list[Slide]:
    listed: list[Slide] = []
    notes: list[str] = []
    drawn: dict[int, list[str]] = {}
    text_kind = -1
    for record in _records(stream):
        kinds = {kind: (instance, number) for kind, instance, number in record.above}
        part = kinds.get(_LIST, (None, 0))[0] if _DOCUMENT in kinds else None
        if record.kind == _PLACE and part == _SLIDES_LIST:
            listed.append(Slide())
        elif record.kind == _HEADER and len(record.data) >= 4:
            text_kind = struct.unpack_from("<I", record.data)[0]
        elif record.kind in (_WIDE, _NARROW):
            words = _text(record)
            if not words:
                continue
            if part == _SLIDES_LIST and listed:
                _add(listed[-1], words, is_title=text_kind in _TITLE_KINDS)
            elif _SLIDE in kinds:
                drawn.setdefault(kinds[_SLIDE][1], []).append(words)
            elif _NOTES in kinds or part == _NOTES_LIST:
                notes.append(words)
    free = list(drawn.values())
    for slide, blocks in zip(listed, free, strict=False):
        slide.blocks += blocks
    listed += [Slide(blocks=blocks) for blocks in free[len(listed) :]]
    if notes:
        listed.append(Slide(title="Notes", blocks=notes))
    return listed


def _add(slide: Slide, words: str, *, is_title: bool) -> None:
    if is_title and not slide.title:
        slide.title = words
    else:
        slide.blocks.append(words)


def _text(record: _Record) -> str:
    encoding = "utf-16-le" if record.kind == _WIDE else "latin-1"
    return record.data.decode(encoding, "replace").replace("\r", "\n").replace("\v", "\n").strip()


def _records(stream: bytes) -> Iterator[_Record]:
    """Every record that is no container, in order, with those around it."""
    waiting: list[tuple[int, int, tuple[tuple[int, int, int], ...]]] = [(0, len(stream), ())]
    for number in range(MAX_RECORDS):
        while waiting and waiting[-1][0] + 8 > waiting[-1][1]:
            waiting.pop()
        if not waiting:
            return
        place, end, above = waiting.pop()
        version, kind, length = struct.unpack_from("<HHI", stream, place)
        start, stop = place + 8, min(place + 8 + length, end)
        waiting.append((stop, end, above))
        if version & 0xF == _CONTAINER:
            if len(above) >= MAX_DEPTH:
                raise too_deep("ppt")
            waiting.append((start, stop, (*above, (kind, version >> 4, number))))
        else:
            yield _Record(kind, version >> 4, stream[start:stop], above)
