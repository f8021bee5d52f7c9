"""What kind of document an answer is, from its media type and the name in its URL.

Pure. The media type is what the server says; the name decides where that is only "some bytes" or "some text".
"""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

from vector_pipeline.conversion.kinds import kind_of

HTML = "html"
"""The kind of web pages; all others are given as a file name for the converter."""

_WEB_PAGES = frozenset({"text/html", "application/xhtml+xml"})
_VAGUE = frozenset({"", "application/octet-stream", "binary/octet-stream", "application/x-download", "text/plain"})
_TEXTS = frozenset({"markdown", "text", "rst"})
_NO_FILES = frozenset({"html", "code", "data", "notebook", "image", "archive"}) | _TEXTS
_SUFFIXES = {
    "text/markdown": "md",
    "text/x-markdown": "md",
    "text/plain": "txt",
    "text/x-rst": "rst",
    "application/pdf": "pdf",
    "application/x-pdf": "pdf",
    "application/msword": "doc",
    "application/vnd.ms-excel": "xls",
    "application/vnd.ms-powerpoint": "ppt",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": "pptx",
    "application/vnd.oasis.opendocument.text": "odt",
    "application/vnd.oasis.opendocument.spreadsheet": "ods",
    "application/vnd.oasis.opendocument.presentation": "odp",
    "application/epub+zip": "epub",
    "application/rtf": "rtf",
    "text/rtf": "rtf",
}


def file_name(url: str) -> str:
    """The last segment of a URL's path as people write it; "" for a folder."""
    return unquote(urlsplit(url).path.rpartition("/")[2], errors="replace")


def is_file(url: str) -> bool:
    """Whether the name in the URL is that of a PDF or office file."""
    kind = kind_of(file_name(url))
    return kind is not None and kind.kind not in _NO_FILES


def kind_of_answer(url: str, media_type: str) -> str:
    """HTML, a file name that tells the converter the kind, or "" for what is no document."""
    if media_type in _WEB_PAGES:
        return HTML
    name = file_name(url)
    kind = kind_of(name)
    if media_type in _VAGUE and kind is not None:
        if kind.kind == "html":
            return HTML if media_type != "text/plain" else f"{name}.txt"
        if kind.kind in _TEXTS or kind.kind not in _NO_FILES:
            return name
        return ""
    if suffix := _SUFFIXES.get(media_type):
        named = kind_of(f"x.{suffix}")
        if named is None:
            return ""
        if kind is not None and kind.kind == named.kind:
            return name
        # A name with another suffix is that of other content ("app.js" sent as text) or of none at all.
        return f"{name}.{suffix}" if kind is None or media_type != "text/plain" else ""
    return HTML if not media_type else ""


def is_converted_file(name: str) -> bool:
    """Whether a kind, as `kind_of_answer` gives it, needs the converter of files rather than a reader of text."""
    kind = kind_of(name)
    return name != HTML and kind is not None and kind.kind not in _NO_FILES
