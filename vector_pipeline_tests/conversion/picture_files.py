"""Pictures of next to nothing, with words in their metadata."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping

_DC = 'xmlns:dc="http://purl.org/dc/elements/1.1/"'


def make_png(texts: Mapping[str, str] | None = None, exif: bytes = b"") -> bytes:
    """A picture of one pixel with these texts."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    said = b"".join(
        chunk(b"iTXt", key.encode() + b"\0\0\0\0\0" + words.encode()) for key, words in (texts or {}).items()
    )
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0))
        + said
        + (chunk(b"eXIf", exif) if exif else b"")
        + chunk(b"IDAT", zlib.compress(b"\0\0"))
        + chunk(b"IEND", b"")
    )


def make_exif(values: Mapping[int, bytes], order: str = "<") -> bytes:
    """A TIFF structure of these tags, all of the kind "text"."""
    head = (b"II" if order == "<" else b"MM") + struct.pack(f"{order}HI", 42, 8)
    place = 8 + 2 + 12 * len(values) + 4
    entries, kept = b"", b""
    for tag, value in sorted(values.items()):
        entries += struct.pack(f"{order}HHI", tag, 2, len(value))
        if len(value) <= 4:
            entries += value.ljust(4, b"\0")
        else:
            entries += struct.pack(f"{order}I", place + len(kept))
            kept += value
    return head + struct.pack(f"{order}H", len(values)) + entries + bytes(4) + kept


def make_jpeg(exif: bytes = b"", xmp: str = "", iptc: Mapping[int, str] | None = None, comment: str = "") -> bytes:
    """A JPEG file up to where the picture would begin."""

    def segment(marker: int, data: bytes) -> bytes:
        return struct.pack(">BBH", 0xFF, marker, len(data) + 2) + data

    out = b"\xff\xd8"
    if exif:
        out += segment(0xE1, b"Exif\0\0" + exif)
    if xmp:
        out += segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + xmp.encode())
    if iptc:
        records = b"".join(
            struct.pack(">BBBH", 0x1C, 2, tag, len(words.encode())) + words.encode() for tag, words in iptc.items()
        )
        resource = b"8BIM\x04\x04\0\0" + struct.pack(">I", len(records)) + records + b"\0" * (len(records) & 1)
        out += segment(0xED, b"Photoshop 3.0\0" + resource)
    if comment:
        out += segment(0xFE, comment.encode())
    return out + segment(0xDA, bytes(6)) + b"\xff\xd9"


def make_xmp(title: str, description: str, *keywords: str) -> str:
    """An XMP packet."""
    items = "".join(f"<rdf:li>{word}</rdf:li>" for word in keywords)
    return (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        f'<rdf:Description {_DC} xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:CreateDate="2024-02-03T04:05:06Z">'
        f"<dc:title><rdf:Alt><rdf:li>{title}</rdf:li></rdf:Alt></dc:title><dc:description><rdf:Alt><rdf:li>{description}"
        f"</rdf:li></rdf:Alt></dc:description><dc:subject><rdf:Bag>{items}</rdf:Bag></dc:subject></rdf:Description>"
        "</rdf:RDF></x:xmpmeta>"
    )
