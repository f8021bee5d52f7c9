"""What a picture says in words: title, description, keywords, author and date from its metadata.

The picture itself is neither decoded nor recognized. EXIF, IPTC, XMP and the texts of PNG are read where each format
keeps them; one that says nothing is an empty document.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from vector_pipeline.conversion.content import Converted
from vector_pipeline.conversion.decoding import normalize
from vector_pipeline.conversion.front_matter import iso_time
from vector_pipeline.conversion.office.picture_tags import read_exif, read_iptc, read_xmp
from vector_pipeline.conversion.office.tidy import heading
from vector_pipeline.conversion.office.troubles import damaged
from vector_pipeline.conversion.stated import stated, stated_keywords, stated_names

MAX_TEXT = 1_000_000
_PNG, _JPEG, _GIF = b"\x89PNG", b"\xff\xd8", b"GIF8"
_EXIF, _XMP, _PHOTOSHOP = b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0", b"Photoshop 3.0\0"
_XMP_PACKET = re.compile(rb"<x:xmpmeta\b.*?</x:xmpmeta>", re.DOTALL)
_PNG_NAMES = {
    "title": "title",
    "description": "description",
    "comment": "description",
    "author": "author",
    "creation time": "created",
    "keywords": "keywords",
}
_NO_TEXT = re.compile(r"[\x00-\x08\x0e-\x1f\ufffd]")
_MADE_BY_DEVICES = frozenset({"olympus digital camera", "sony dsc", "digital camera", "default", "screenshot", "ascii"})


@dataclass(slots=True)
class _Said:
    """Values by what they say (title, description, keywords, author, created), the first of each the best."""

    values: dict[str, list[str]] = field(default_factory=dict)

    def add(self, name: str, value: str) -> None:
        words = normalize(value).strip("\0 \n\t")[:MAX_TEXT]
        if words and not _NO_TEXT.search(value.rstrip("\0")) and words.lower() not in _MADE_BY_DEVICES:
            known = self.values.setdefault(name, [])
            if words not in known:
                known.append(words)


def convert_picture(data: bytes) -> Converted:
    """The words a PNG, JPEG, GIF, TIFF or WebP file carries. Raises ConversionError where it is cut off."""
    said = _Said()
    try:
        for name, value in _values(data):
            said.add(name, value)
    except (struct.error, IndexError) as error:
        raise damaged("image", "cut off") from error
    return _converted(said.values)


def _converted(values: dict[str, list[str]]) -> Converted:
    title = stated(next(iter(values.get("title", [])), ""))
    author = stated_names(values.get("author", []))
    tags = stated_keywords(values.get("keywords", []))
    described = [words for words in values.get("description", []) if words != title]
    lines = [heading(1, title) if title else "", *described]
    lines.append(f"Keywords: {', '.join(tags)}" if tags else "")
    text = "\n\n".join(filter(None, lines))
    metadata: dict[str, Any] = {}
    if author:
        metadata["author"] = author
    if tags:
        metadata["tags"] = tags
    if created := next(filter(None, map(_moment, values.get("created", []))), None):
        metadata["created_at"] = created
    return Converted(f"{text}\n" if text else "", "markdown", title=title, metadata=metadata)


def _moment(value: str) -> str | None:
    """EXIF writes the date with colons."""
    return iso_time(re.sub(r"^(\d{4}):(\d\d):(\d\d)", r"\1-\2-\3", value))


def _values(data: bytes) -> Iterator[tuple[str, str]]:
    if data.startswith(_PNG):
        yield from _png(data)
    elif data.startswith(_JPEG):
        yield from _jpeg(data)
    elif data.startswith(b"RIFF"):
        for kind, chunk in _chunks(data, 12, "<4sI", even=True):
            if kind == b"EXIF":
                yield from read_exif(chunk.removeprefix(_EXIF))
            elif kind == b"XMP ":
                yield from read_xmp(chunk)
    elif data.startswith(_GIF):
        yield from _packets(data)
    else:
        yield from read_exif(data)
        yield from _packets(data)


def _packets(data: bytes) -> Iterator[tuple[str, str]]:
    """The first XMP packet, wherever it stands."""
    found = _XMP_PACKET.search(data)
    if found:
        yield from read_xmp(found[0])


def _png(data: bytes) -> Iterator[tuple[str, str]]:
    ended = False
    for kind, chunk in _chunks(data, 8, ">I4s", trailer=4):
        ended = kind == b"IEND"
        if kind == b"eXIf":
            yield from read_exif(chunk)
        elif kind in (b"tEXt", b"zTXt", b"iTXt"):
            key, _, rest = chunk.partition(b"\0")
            text = _png_text(kind, rest)
            name = key.decode("latin-1").strip()
            if name == "XML:com.adobe.xmp":
                yield from read_xmp(text.encode())
            elif name.lower() in _PNG_NAMES:
                yield _PNG_NAMES[name.lower()], text
    if not ended:
        raise damaged("image", "cut off")


def _png_text(kind: bytes, rest: bytes) -> str:
    if kind == b"tEXt":
        return rest.decode("latin-1")
    if kind == b"zTXt":
        return _inflated(rest[1:]).decode("latin-1")
    packed, (_, _, text) = rest[:1] == b"\x01", (rest[2:].split(b"\0", 2) + [b""] * 3)[:3]
    return (_inflated(text) if packed else text).decode("utf-8", "replace")


def _inflated(data: bytes) -> bytes:
    try:
        return zlib.decompressobj().decompress(data, MAX_TEXT)
    except zlib.error:
        return b""


def _jpeg(data: bytes) -> Iterator[tuple[str, str]]:
    place = 2
    while True:
        if data[place] != 0xFF:
            return
        marker = data[place + 1]
        if marker in (0xDA, 0xD9):  # the picture itself, or its end
            return
        if marker == 0xFF or 0xD0 <= marker <= 0xD8 or marker == 0x01:
            place += 1 if marker == 0xFF else 2
            continue
        length = struct.unpack_from(">H", data, place + 2)[0]
        segment = data[place + 4 : place + 2 + length]
        if len(segment) < length - 2:
            raise damaged("image", "cut off")
        if marker == 0xE1 and segment.startswith(_EXIF):
            yield from read_exif(segment[len(_EXIF) :])
        elif marker == 0xE1 and segment.startswith(_XMP):
            yield from read_xmp(segment[len(_XMP) :])
        elif marker == 0xED and segment.startswith(_PHOTOSHOP):
            yield from read_iptc(segment[len(_PHOTOSHOP) :])
        elif marker == 0xFE:
            yield "description", segment.decode("utf-8", "replace")
        place += 2 + max(2, length)


def _chunks(
    data: bytes, place: int, head: str, *, even: bool = False, trailer: int = 0
) -> Iterator[tuple[bytes, bytes]]:
    """(kind, bytes) of every chunk of a PNG or WebP file."""
    while place + 8 <= len(data):
        first, second = struct.unpack_from(head, data, place)
        length, kind = (first, second) if isinstance(first, int) else (second, first)
        chunk = data[place + 8 : place + 8 + length]
        if len(chunk) < length:
            raise damaged("image", "cut off")
        yield kind, chunk
        place += 8 + length + trailer + (length & 1 if even else 0)
