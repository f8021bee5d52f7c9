"""Text of PDF files by PDFium: fast, text only, page by page.

PDFium is not safe for threads, so one lock goes round it. Files that are encrypted, damaged or only pictures of
text are told apart, since each needs something else of the user. The office extra reads headings on top of this.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pypdfium2

from vector_pipeline.conversion.content import ConversionError, Converted
from vector_pipeline.conversion.decoding import normalize
from vector_pipeline.conversion.front_matter import iso_time
from vector_pipeline.conversion.stated import stated, stated_keywords

MAX_PAGES = 5_000
MAX_TEXT = 20_000_000
_LOCKED = (4, 5)  # FPDF_ERR_PASSWORD, FPDF_ERR_SECURITY
_HEAD = 1024  # bytes that may stand before the mark of a PDF
_HYPHENS = re.compile("[\ufffe\x02](?:\r?\n)?")
_DATE = re.compile(r"D:(\d{4})(\d{2})?(\d{2})?(\d{2})?(\d{2})?(\d{2})?(?:([+\-Z])(\d{2})?'?(\d{2})?)?")
_LOCK = threading.Lock()


@dataclass(frozen=True, slots=True)
class PdfContent:
    """The normalized text of every page, and what the file says about itself by PDF's names."""

    pages: Sequence[str]
    information: Mapping[str, str]


def convert_pdf(data: bytes, passwords: Sequence[str] = ()) -> Converted:
    """The pages' text with a blank line between them; `page_starts` holds the offset of each page in code points.

    Raises ConversionError as `read_pdf` does.
    """
    content = read_pdf(data, passwords)
    return converted_pages(content.pages, content.information, "text")


def read_pdf(data: bytes, passwords: Sequence[str] = ()) -> PdfContent:
    """The text of a PDF file, opened with the first of the passwords that fits where it is encrypted.

    Raises ConversionError: empty, no PDF, encrypted, damaged, no text, or too long (5,000 pages, 20 million
    characters).
    """
    if not data:
        raise _damaged("empty")
    with _LOCK:
        content = _read(data, passwords)
    if not any(page.strip() for page in content.pages):
        raise ConversionError(
            f"PDF has no text on its {len(content.pages)} pages (scanned?)", hint="recognize its text with OCR first"
        )
    return content


def converted_pages(pages: Sequence[str], information: Mapping[str, str], kind: str) -> Converted:
    """The pages as one text, with what the file says about itself."""
    starts, position = [], 0
    for page in pages:
        starts.append(position)
        position += len(page) + 2
    metadata: dict[str, Any] = {"pages": len(pages), "page_starts": starts}
    if author := stated(information.get("Author")):
        metadata["author"] = author
    if tags := stated_keywords([information.get("Keywords", "")]):
        metadata["tags"] = tags
    if created := _pdf_date(information.get("CreationDate", "")):
        metadata["created_at"] = created
    return Converted("\n\n".join(pages), kind, title=stated(information.get("Title")), metadata=metadata)


def _read(data: bytes, passwords: Sequence[str]) -> PdfContent:
    document = _opened(data, passwords)
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
        return PdfContent(pages, _information(document))
    except pypdfium2.PdfiumError as error:
        raise _damaged() from error
    finally:
        document.close()


def _opened(data: bytes, passwords: Sequence[str]) -> pypdfium2.PdfDocument:
    for password in (None, *passwords):
        try:
            return pypdfium2.PdfDocument(data, password=password)
        except pypdfium2.PdfiumError as error:
            # PDFium may report the trouble of the file before; what is encrypted says so in plain letters.
            if getattr(error, "err_code", None) not in _LOCKED or b"/Encrypt" not in data:
                if b"%PDF-" not in data[:_HEAD]:
                    raise ConversionError(
                        "not a PDF, whatever its name says", hint="give it the right suffix"
                    ) from error
                raise _damaged() from error
    if passwords:
        raise ConversionError(
            "PDF is encrypted, and no password of the settings opens it", hint="add its password: conversion.passwords"
        )
    raise ConversionError("PDF is encrypted", hint="give its password in the settings: conversion.passwords")


def _damaged(how: str = "damaged") -> ConversionError:
    return ConversionError(f"PDF is {how}", hint="save it again from the program that made it")


def _information(document: Any) -> dict[str, str]:
    """What the file says about itself; a value that is no proper UTF-16 is left out."""
    found: dict[str, str] = {}
    for key in ("Title", "Author", "Keywords", "CreationDate"):
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


def _pdf_date(value: str) -> str | None:
    match = _DATE.match(value)
    if match is None:
        return None
    year, month, day, hour, minute, second, sign, zone_hours, zone_minutes = match.groups()
    zone = f"{sign}{zone_hours or '00'}:{zone_minutes or '00'}" if sign in ("+", "-") else "+00:00"
    return iso_time(f"{year}-{month or '01'}-{day or '01'}T{hour or '00'}:{minute or '00'}:{second or '00'}{zone}")
