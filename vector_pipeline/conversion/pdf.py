"""Text of PDF files by PDFium: fast, text only, page by page.

PDFium is not safe for threads, so one lock goes round it. Files that are encrypted, damaged or only pictures of
text are told apart, since each needs something else of the user.
"""

from __future__ import annotations

import re
import threading
from contextlib import suppress
from typing import Any

import pypdfium2

from vector_pipeline.conversion.content import ConversionError, Converted
from vector_pipeline.conversion.decoding import normalize
from vector_pipeline.conversion.front_matter import MAX_LENGTH, iso_time

MAX_PAGES = 5_000
MAX_TEXT = 20_000_000
_PASSWORD = 4  # FPDF_ERR_PASSWORD
_UNSUPPORTED_LOCK = 5  # FPDF_ERR_SECURITY
_HYPHENS = re.compile("[\ufffe\x02](?:\r?\n)?")
_DATE = re.compile(r"D:(\d{4})(\d{2})?(\d{2})?(\d{2})?(\d{2})?(\d{2})?(?:([+\-Z])(\d{2})?'?(\d{2})?)?")
_NO_TITLES = frozenset({"untitled", "(anonymous)", "anonymous", "unspecified", "(unspecified)", "unknown", "title"})
"""What programs write where the author gave nothing."""
_LOCK = threading.Lock()


def convert_pdf(data: bytes) -> Converted:
    """The pages' text with a blank line between them; `page_starts` holds the offset of each page in code points.

    Raises ConversionError: encrypted, damaged, no text, or too long (5,000 pages, 20 million characters).
    """
    with _LOCK:
        pages, information = _read(data)
    if not any(page.strip() for page in pages):
        raise ConversionError(
            f"PDF has no text on its {len(pages)} pages (scanned?)", hint="recognize its text with OCR first"
        )
    starts, position = [], 0
    for page in pages:
        starts.append(position)
        position += len(page) + 2
    metadata: dict[str, Any] = {"pages": len(pages), "page_starts": starts}
    if author := _words(information.get("Author", "")):
        metadata["author"] = author
    if created := _pdf_date(information.get("CreationDate", "")):
        metadata["created_at"] = created
    return Converted("\n\n".join(pages), "text", title=_words(information.get("Title", "")), metadata=metadata)


def _read(data: bytes) -> tuple[list[str], dict[str, str]]:
    try:
        document = pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as error:
        if getattr(error, "err_code", None) in (_PASSWORD, _UNSUPPORTED_LOCK):
            raise ConversionError("PDF is encrypted", hint="save it without a password") from error
        raise ConversionError("PDF is damaged", hint="save it again from the program that made it") from error
    try:
        count = len(document)
        if count > MAX_PAGES:
            raise ConversionError(f"PDF is too long ({count:,} pages; at most {MAX_PAGES:,})", hint="split it")
        pages: list[str] = []
        total = 0
        for number in range(count):
            pages.append(_page_text(document, number))
            total += len(pages[-1])
            if total > MAX_TEXT:
                raise ConversionError(
                    f"PDF holds too much text (more than {MAX_TEXT:,} characters)", hint="split it into several files"
                )
        return pages, _information(document)
    except pypdfium2.PdfiumError as error:
        raise ConversionError("PDF is damaged", hint="save it again from the program that made it") from error
    finally:
        document.close()


def _information(document: Any) -> dict[str, str]:
    """What the file says about itself; a value that is no proper UTF-16 is left out."""
    found: dict[str, str] = {}
    for key in ("Title", "Author", "CreationDate"):
        with suppress(UnicodeDecodeError):
            found[key] = document.get_metadata_value(key)
    return found


def _page_text(document: Any, number: int) -> str:
    page = document[number]
    try:
        text_page = page.get_textpage()
        try:
            text: str = text_page.get_text_bounded()
        finally:
            text_page.close()
    finally:
        page.close()
    return normalize(_HYPHENS.sub("", text)).strip()


def _words(value: str) -> str:
    words = " ".join(normalize(value).split())[:MAX_LENGTH]
    return "" if words.lower() in _NO_TITLES else words


def _pdf_date(value: str) -> str | None:
    match = _DATE.match(value)
    if match is None:
        return None
    year, month, day, hour, minute, second, sign, zone_hours, zone_minutes = match.groups()
    zone = f"{sign}{zone_hours or '00'}:{zone_minutes or '00'}" if sign in ("+", "-") else "+00:00"
    return iso_time(f"{year}-{month or '01'}-{day or '01'}T{hour or '00'}:{minute or '00'}:{second or '00'}{zone}")
