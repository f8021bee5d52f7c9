"""The three ways in which pictures keep words: EXIF, IPTC and XMP, each as (what it says, the text)."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import suppress

from lxml import etree

MAX_VALUE = 100_000
MAX_ENTRIES = 1_000
_ASCII, _UNDEFINED, _BYTE = 2, 7, 1
_EXIF_FOLDER = 0x8769
_EXIF_TAGS = {
    0x9C9B: "title",
    0x010E: "description",
    0x9C9C: "description",
    0x9286: "description",
    0x9C9E: "keywords",
    0x9C9F: "description",
    0x013B: "author",
    0x9C9D: "author",
    0x9003: "created",
    0x0132: "created",
}
_WIDE = range(0x9C9B, 0x9CA0)  # written by Windows, in UTF-16
_COMMENT, _COMMENT_HEAD = 0x9286, 8
_IPTC_TAGS = {5: "title", 120: "description", 25: "keywords", 80: "author", 55: "created"}
_DC = "{http://purl.org/dc/elements/1.1/}"
_RDF_ITEM = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}li"
_XMP_TAGS = {
    f"{_DC}title": "title",
    f"{_DC}description": "description",
    f"{_DC}subject": "keywords",
    f"{_DC}creator": "author",
    "{http://ns.adobe.com/xap/1.0/}CreateDate": "created",
    "{http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/}AltTextAccessibility": "description",
}


def read_exif(data: bytes) -> Iterator[tuple[str, str]]:
    """The words among the tags of a TIFF structure; what is broken in it is left out."""
    order = {b"II": "<", b"MM": ">"}.get(data[:2])
    if order is None:
        return
    with suppress(struct.error):
        waiting, seen = [struct.unpack_from(f"{order}I", data, 4)[0]], set[int]()
        while waiting:
            place = waiting.pop()
            if place in seen:
                continue
            seen.add(place)
            count = struct.unpack_from(f"{order}H", data, place)[0]
            for number in range(min(count, MAX_ENTRIES)):
                tag, kind, length, value = struct.unpack_from(f"{order}HHII", data, place + 2 + 12 * number)
                if tag == _EXIF_FOLDER:
                    waiting.append(value)
                elif tag in _EXIF_TAGS and kind in (_ASCII, _UNDEFINED, _BYTE) and length <= MAX_VALUE:
                    start = value if length > 4 else place + 2 + 12 * number + 8
                    yield _EXIF_TAGS[tag], _exif_text(tag, data[start : start + length])


def _exif_text(tag: int, raw: bytes) -> str:
    if tag in _WIDE:
        return raw.decode("utf-16-le", "replace").rstrip("\0")
    if tag == _COMMENT:
        raw = raw[_COMMENT_HEAD:] if raw.startswith(b"ASCII") else b""
    text = raw.split(b"\0", 1)[0]
    with suppress(UnicodeDecodeError):
        return text.decode("utf-8")
    return text.decode("cp1252", "replace")


def read_iptc(data: bytes) -> Iterator[tuple[str, str]]:
    """The words among Photoshop's resources; what is broken in them is left out."""
    place = 0
    with suppress(struct.error, IndexError):
        while data[place : place + 4] == b"8BIM":
            resource = struct.unpack_from(">H", data, place + 4)[0]
            name = data[place + 6] + 1
            place += 6 + name + (name & 1)
            length = struct.unpack_from(">I", data, place)[0]
            if resource == 0x0404:
                yield from _iptc_records(data[place + 4 : place + 4 + length])
            place += 4 + length + (length & 1)


def _iptc_records(data: bytes) -> Iterator[tuple[str, str]]:
    place = 0
    while data[place : place + 1] == b"\x1c":
        record, tag, length = struct.unpack_from(">BBH", data, place + 1)
        if record == 2 and tag in _IPTC_TAGS:
            raw = data[place + 5 : place + 5 + length]
            try:
                yield _IPTC_TAGS[tag], raw.decode("utf-8")
            except UnicodeDecodeError:
                yield _IPTC_TAGS[tag], raw.decode("latin-1")
        place += 5 + length


def read_xmp(data: bytes) -> Iterator[tuple[str, str]]:
    """The words of an XMP packet; one that is no proper XML says nothing."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True)
    try:
        root = etree.fromstring(data.strip(b"\0 \r\n\t"), parser)
    except (etree.XMLSyntaxError, ValueError):
        return
    for element in root.iter():
        if element.tag in _XMP_TAGS:
            items = [item.text or "" for item in element.iter(_RDF_ITEM)] or [element.text or ""]
            for text in items:
                yield _XMP_TAGS[str(element.tag)], text
        for name, value in element.attrib.items():
            if name in _XMP_TAGS:
                yield _XMP_TAGS[str(name)], str(value)
