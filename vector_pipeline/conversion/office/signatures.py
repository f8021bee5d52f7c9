"""What a file is by its first bytes, whatever its name says.

A wrong suffix is the most common trouble there is, and parsers only say that they found no archive.
"""

from __future__ import annotations

from vector_pipeline.conversion.office.troubles import is_empty, something_else

OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ZIP, _OLD, _RTF, _PDF = "a ZIP archive", "an older Office file", "RTF", "a PDF"
_STARTS = (
    (b"PK\x03\x04", _ZIP),
    (b"PK\x05\x06", _ZIP),
    (OLE, _OLD),
    (b"{\\rtf", _RTF),
    (b"%PDF-", _PDF),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"\xff\xd8\xff", "JPEG"),
    (b"GIF8", "GIF"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"7z\xbc\xaf", "a 7z archive"),
    (b"Rar!", "a RAR archive"),
)
_EXPECTED = {
    **dict.fromkeys(("docx", "pptx", "xlsx", "odt", "ods", "odp", "epub"), frozenset({_ZIP})),
    **dict.fromkeys(("doc", "ppt", "xls", "msg"), frozenset({_OLD})),
    "rtf": frozenset({_RTF}),
    "image": frozenset({"PNG", "JPEG", "GIF", "TIFF", "WebP"}),
}
_MARKS = b"\xef\xbb\xbf \t\r\n"


def format_of(data: bytes) -> str:
    """What a file is by its first bytes, in words; "" for text and for what is not known."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WebP"
    start = data[:64].lstrip(_MARKS)
    if start[:20].lower().startswith((b"<!doctype html", b"<html")):
        return "HTML"
    return next((name for mark, name in _STARTS if start.startswith(mark)), "")


def check_signature(kind: str, data: bytes) -> None:
    """Raises ConversionError where the first bytes show that a file is empty or another kind than its name says."""
    if not data:
        raise is_empty(kind)
    found = format_of(data)
    expected = _EXPECTED.get(kind)
    if expected is None:
        if found and found != "HTML":
            raise something_else(kind, found)
    elif found not in expected:
        raise something_else(kind, found)
