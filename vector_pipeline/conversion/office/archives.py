"""The ZIP archives that newer office files and e-books are, opened within limits before any parser sees them.

Parsers stop at the first broken place and answer with what they have, which would look like text that was deleted.
So the parts that hold the text must be there, and must be proper XML without entities and without absurd nesting.
"""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from collections.abc import Mapping
from xml.parsers import expat

from lxml import etree

from vector_pipeline.conversion.office.troubles import damaged, encrypted, refused_entities, too_deep, too_large

MAX_PARTS = 20_000
MAX_UNPACKED = 1_000_000_000
"""Bytes of all parts together, as the archive declares them. Pictures are most of them, and are not read."""
MAX_PART = 100_000_000
"""Bytes of one part that is read."""
MAX_DEPTH = 500
_READABLE = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_ENCRYPTED_FLAG = 0x1
_TEXT_PARTS: Mapping[str, re.Pattern[str]] = {
    "docx": re.compile(r"word/(?:document\d*|footnotes|endnotes|comments)\.xml"),
    "xlsx": re.compile(r"xl/(?:workbook|sharedStrings|worksheets/[^/]+)\.xml"),
    "odt": re.compile(r"content\.xml"),
    "ods": re.compile(r"content\.xml"),
}
_NEEDED: Mapping[str, tuple[str, ...]] = {
    "docx": ("[Content_Types].xml",),
    "pptx": ("[Content_Types].xml",),
    "xlsx": ("[Content_Types].xml", "xl/workbook.xml"),
    "odt": ("content.xml",),
    "ods": ("content.xml",),
    "odp": ("content.xml",),
    "epub": ("META-INF/container.xml",),
}
_STRICT = re.compile(rb"http://purl\.oclc\.org/ooxml/(\w+)/")
"""Names of the strict variant of the newer Office formats, which differ in nothing else that is read here."""
_MANIFEST = "META-INF/manifest.xml"
_DRM = frozenset({"META-INF/rights.xml", "META-INF/sinf.xml"})


class OfficeArchive:
    """The parts of a file of one kind, by name. Every method raises ConversionError where they can't be read."""

    def __init__(self, kind: str, data: bytes) -> None:
        """Opens the archive and looks at its table of contents alone."""
        self._kind = kind
        try:
            self._archive = zipfile.ZipFile(io.BytesIO(data))
        except (zipfile.BadZipFile, ValueError, OverflowError, RuntimeError) as error:
            raise damaged(kind, "cut off, or its table of contents is broken") from error
        parts = self._archive.infolist()
        if len(parts) > MAX_PARTS:
            raise too_large(kind, f"{len(parts):,} parts; at most {MAX_PARTS:,}")
        if (unpacked := sum(part.file_size for part in parts)) > MAX_UNPACKED:
            raise too_large(kind, f"{unpacked // 1_000_000:,} MB unpacked; at most {MAX_UNPACKED // 1_000_000:,}")
        self._parts = {part.filename: part for part in parts}
        if any(part.flag_bits & _ENCRYPTED_FLAG for part in parts) or self._is_locked():
            raise encrypted(kind, 0, can_open=False)

    def check(self) -> None:
        """Raises ConversionError where a part that must be there is missing, or one with text is no proper XML."""
        for name in _NEEDED.get(self._kind, ()):
            if name not in self._parts:
                raise damaged(self._kind, f"has no {name}")
        pattern = _TEXT_PARTS.get(self._kind)
        if pattern is not None:
            for name in self._parts:
                if pattern.fullmatch(name):
                    check_xml(self._kind, name, self.read(name))

    def has(self, name: str) -> bool:
        """Whether there is a part of this name."""
        return name in self._parts

    def read(self, name: str) -> bytes:
        """The bytes of a part, at most MAX_PART."""
        part = self._parts.get(name)
        if part is None:
            raise damaged(self._kind, f"{name} is missing")
        if part.compress_type not in _READABLE:
            raise damaged(self._kind, f"{name} is packed in an unusual way")
        try:
            with self._archive.open(part) as packed:
                # One byte more: what a table of contents says about sizes need not be true.
                data = packed.read(MAX_PART + 1)
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, RuntimeError) as error:
            raise damaged(self._kind, f"{name} can't be unpacked") from error
        if len(data) > MAX_PART:
            raise too_large(self._kind, f"{name} has more than {MAX_PART // 1_000_000:,} MB")
        return data

    def xml(self, name: str) -> etree._Element:
        """The root element of a part."""
        data = _STRICT.sub(rb"http://schemas.openxmlformats.org/\1/2006/", self.read(name))
        check_xml(self._kind, name, data)
        parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=True, remove_comments=True)
        try:
            return etree.fromstring(data, parser)
        except (etree.XMLSyntaxError, ValueError) as error:
            raise damaged(self._kind, f"{name} is no proper XML") from error

    def _is_locked(self) -> bool:
        """Whether parts are encrypted in a way of their own: OpenDocument with a password, e-books with a licence."""
        if self._kind == "epub":
            return not _DRM.isdisjoint(self._parts)
        return _MANIFEST in self._parts and b"encryption-data" in self.read(_MANIFEST)


def check_xml(kind: str, name: str, data: bytes) -> None:
    """Raises ConversionError where XML is cut off or broken, declares a document type, or is nested too deep."""
    depth = 0

    def opened(_name: str, _attributes: object) -> None:
        nonlocal depth
        depth += 1
        if depth > MAX_DEPTH:
            raise too_deep(kind)

    def closed(_name: str) -> None:
        nonlocal depth
        depth -= 1

    def declared(*_: object) -> None:
        raise refused_entities(kind, name)

    parser = expat.ParserCreate()
    parser.StartElementHandler, parser.EndElementHandler = opened, closed
    parser.StartDoctypeDeclHandler = declared
    try:
        parser.Parse(data, True)
    except (expat.ExpatError, ValueError, LookupError) as error:
        raise damaged(kind, f"{name} is no proper XML") from error
