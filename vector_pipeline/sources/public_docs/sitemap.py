"""Sitemaps of every usual form: plain, index, gzip, one URL a line, and feeds.

Pure: bytes in, URLs as they are written out. The one idea: a sitemap is read whole or not at all, as a shorter list
would look like deleted pages. It comes from a stranger, so entities and document types are refused.
Format: sitemaps.org protocol 0.9; RSS 2.0 and Atom feeds count as sitemaps there.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lxml import etree

from vector_pipeline.errors import PipelineError

MAX_BYTES = 50 * 1024 * 1024
"""Bytes of a sitemap after decompression, the protocol's own limit."""
MAX_ENTRIES = 200_000
"""Entries of a sitemap: four times the protocol's limit, as sites overstep it."""

_MAX_ELEMENTS = 2_000_000
_PIECE = 65_536
_GZIP = b"\x1f\x8b"
_BOMS = ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))
_WEB_PAGE = re.compile(r"\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html|head|body)\b", re.I | re.S)
_DECLARED = re.compile(r"\s*<\?xml[^>]*?\sencoding\s*=\s*[\"']([A-Za-z0-9._-]{1,40})[\"']")
_ENCODINGS = re.compile(
    r"utf-?8|us-ascii|iso-8859-\d{1,2}|windows-125\d|koi8-[ru]|shift_jis|euc-jp|euc-kr|gb2312|gbk|gb18030|big5"
)
_DECLARATION = re.compile(r"\s*<\?xml[^>]*\?>")
_DOCUMENT_TYPE = re.compile(r"<!(?:DOCTYPE|ENTITY)", re.IGNORECASE)
_BARE_AMPERSAND = re.compile(r"&(?!(?:amp|lt|gt|quot|apos|#[0-9]{1,7}|#x[0-9A-Fa-f]{1,6});)")
_NO_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_ROOTS = {
    "urlset": ("url", "loc", "lastmod"),
    "sitemapindex": ("sitemap", "loc", "lastmod"),
    "rss": ("item", "link", "pubDate"),
    "RDF": ("item", "link", "date"),
    "feed": ("entry", "link", "updated"),
}
"""By root element: what one entry is called, and where its URL and its date stand."""


class SitemapUnreadable(PipelineError):
    """What came is no whole sitemap; `reason` says why, to be put behind its URL ("is cut off or no XML")."""

    def __init__(self, reason: str, url: str = "") -> None:
        super().__init__(f"the sitemap {url} {reason}" if url else f"the sitemap {reason}")
        self.reason = reason


@dataclass(frozen=True, slots=True)
class SitemapEntry:
    """A page: its URL as written, and when it changed in the words of the site ("" where it doesn't say)."""

    url: str
    lastmod: str = ""


@dataclass(frozen=True, slots=True)
class Sitemap:
    """`entries` are pages, `children` the URLs of further sitemaps that an index names; both in the site's order."""

    entries: tuple[SitemapEntry, ...] = ()
    children: tuple[str, ...] = ()


def read_sitemap(data: bytes, url: str) -> Sitemap:
    """What the sitemap lists, URLs as written but for spaces around them. Raises SitemapUnreadable.

    `url` names it in the error. Gzip is told by its first bytes, whatever the name says.
    """
    try:
        text = _text(_plain(data))
        if _WEB_PAGE.match(text[:10_000]):
            raise SitemapUnreadable("is a web page, not a sitemap")
        return _from_xml(text) if text.lstrip().startswith("<") else _from_lines(text)
    except SitemapUnreadable as unreadable:
        raise SitemapUnreadable(unreadable.reason, url) from None


def _plain(data: bytes) -> bytes:
    """The sitemap without gzip; a file may hold several gzip members."""
    if not data.startswith(_GZIP):
        if len(data) > MAX_BYTES:
            raise SitemapUnreadable("is larger than 50 MB")
        return data
    plain = bytearray()
    while data.startswith(_GZIP):
        inflate = zlib.decompressobj(wbits=31)
        try:
            plain += inflate.decompress(data, MAX_BYTES + 1 - len(plain))
        except zlib.error:
            raise SitemapUnreadable("is damaged: its gzip data can't be read") from None
        if len(plain) > MAX_BYTES:
            raise SitemapUnreadable("is larger than 50 MB")
        if not inflate.eof:
            raise SitemapUnreadable("is cut off: its gzip data ends early")
        data = inflate.unused_data
    return bytes(plain)


def _text(data: bytes) -> str:
    """The sitemap as text, so that no encoding hides from the checks what the XML parser would see."""
    bom, encoding = next(((bom, name) for bom, name in _BOMS if data.startswith(bom)), (b"", ""))
    data = data[len(bom) :]
    if not bom:
        declared = _DECLARED.match(data[:200].decode("latin-1"))
        encoding = declared[1].lower() if declared else "utf-8"
        if not _ENCODINGS.fullmatch(encoding):
            raise SitemapUnreadable("names an encoding that sitemaps don't have")
    if not data.strip():
        raise SitemapUnreadable("is empty")
    try:
        return data.decode(encoding)
    except (LookupError, ValueError):
        raise SitemapUnreadable(f"is not written in {encoding}, as it should be") from None


def _from_lines(text: str) -> Sitemap:
    lines = [line.strip() for line in text.splitlines()]
    urls = [line for line in lines if line]
    if not urls:
        raise SitemapUnreadable("is empty")
    if not all(line.startswith(("http://", "https://", "/")) and not re.search(r"\s", line) for line in urls):
        raise SitemapUnreadable("is neither XML nor a list of URLs")
    _check_count(len(urls))
    return Sitemap(tuple(SitemapEntry(line) for line in urls))


def _from_xml(text: str) -> Sitemap:
    if _DOCUMENT_TYPE.search(text):
        raise SitemapUnreadable("declares a document type or entities, which no sitemap needs")
    text = _DECLARATION.sub("", text, count=1).lstrip()
    text = _NO_XML.sub("", text)
    if "&" in text and "<![CDATA[" not in text:
        text = _BARE_AMPERSAND.sub("&amp;", text)  # parameters written as in a browser's address line
    try:
        return _from_events(text)
    except etree.XMLSyntaxError:
        raise SitemapUnreadable("is cut off or no XML") from None


def _from_events(text: str) -> Sitemap:
    reader = _Reader()
    target: Any = reader  # the stubs ask for targets that take bytes too, which lxml never gives
    parser = etree.XMLParser(target=target, resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    data = text.encode()
    for start in range(0, len(data), _PIECE):
        parser.feed(data[start : start + _PIECE])
    parser.close()
    if reader.root == "sitemapindex":
        return Sitemap(children=tuple(entry.url for entry in reader.entries))
    return Sitemap(tuple(reader.entries))


class _Reader:
    """Takes the parser's events and keeps nothing but entries, so that no document needs memory for a tree.

    Only what stands directly in an entry counts: images and videos have locations of their own. Names are compared
    without namespaces, as sites write wrong ones and none.
    """

    def __init__(self) -> None:
        self.root = ""
        self.entries: list[SitemapEntry] = []
        self._open: list[str] = []
        self._names = "", "", ""
        self._values: dict[str, str] = {}
        self._pieces: list[str] | None = None
        self._elements = 0

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        name = tag.rpartition("}")[2]
        entry, link, date = self._names
        if not self._open:
            if name not in _ROOTS:
                raise SitemapUnreadable(f"is no sitemap: it is a <{name[:40]}>")
            self.root, self._names = name, _ROOTS[name]
        elif self._open[-1] == entry and name in (link, date) and name not in self._values:
            if "href" not in attributes:
                self._pieces = []
            elif attributes.get("rel", "alternate") == "alternate":  # Atom: the page among feeds, authors, enclosures
                self._values[name] = attributes["href"]
        elif name == entry:
            self._values = {}
        self._open.append(name)
        self._elements += 1
        if self._elements > _MAX_ELEMENTS:
            raise SitemapUnreadable(f"holds more than {_MAX_ELEMENTS:,} elements")

    def data(self, text: str) -> None:
        if self._pieces is not None:
            self._pieces.append(text)

    def end(self, tag: str) -> None:
        name = self._open.pop()
        entry, link, date = self._names
        if self._pieces is not None and name in (link, date):
            self._values[name] = "".join(self._pieces)
            self._pieces = None
        elif name == entry:
            url = self._values.get(link, "").strip()
            if url:
                self.entries.append(SitemapEntry(url, self._values.get(date, "").strip()[:100]))
                _check_count(len(self.entries))

    def close(self) -> None:
        """The parser asks for it; the result is in `entries`."""


def _check_count(count: int) -> None:
    if count > MAX_ENTRIES:
        raise SitemapUnreadable(f"lists more than {MAX_ENTRIES:,} pages")
