"""PDF with headings, lists and tables, page by page; where that loses text of a page, the page as PDFium reads it.

PDFium is quick and loses nothing, but knows no headings. So it reads every page, too, and is the measure.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from vector_pipeline.conversion.content import ConversionError, Converted
from vector_pipeline.conversion.guarding import guarded
from vector_pipeline.conversion.markdown import outline_of
from vector_pipeline.conversion.office.extraction import extract
from vector_pipeline.conversion.office.tidy import tidy
from vector_pipeline.conversion.pdf import converted_pages, read_pdf

MAX_PAGES_WITH_HEADINGS = 1_000
"""Longer files are read as text alone, so that they are done in time: headings take ten times as long."""
MAX_DIFFERENCE = 0.02
"""Share of a page's letters and digits that may be missing, and that may be there in excess."""
_logger = logging.getLogger(__name__)


def convert_pdf_pages(data: bytes, passwords: Sequence[str]) -> Converted:
    """The pages with a blank line between them; `page_starts` holds the offset of each. Raises ConversionError."""
    content = read_pdf(data, passwords)
    pages = _marked_up(data, passwords, len(content.pages))
    if pages:
        chosen = [page if agree(page, plain) else plain for page, plain in zip(pages, content.pages, strict=True)]
        converted = converted_pages(chosen, content.information, "markdown")
        return replace(converted, title=converted.title or outline_of(converted.text).first_h1)
    return converted_pages(content.pages, content.information, "text")


def _marked_up(data: bytes, passwords: Sequence[str], count: int) -> list[str]:
    """The pages as markdown; none where they can't be had for all of the file."""
    if count > MAX_PAGES_WITH_HEADINGS:
        return []
    try:
        with guarded("pdf"):
            pages = [tidy(page.content).rstrip("\n") for page in extract("pdf", data, passwords).pages]
    except ConversionError as error:
        _logger.info("a PDF of %d pages is read without headings: %s", count, error.message)
        return []
    return pages if len(pages) == count else []


def agree(page: str, plain: str) -> bool:
    """Whether two readings of a page hold the same letters and digits, but for a few."""
    found, expected = _letters(page), _letters(plain)
    most = MAX_DIFFERENCE * max(1, expected.total())
    return (expected - found).total() <= most and (found - expected).total() <= most


def _letters(text: str) -> Counter[str]:
    return Counter(filter(str.isalnum, text.casefold()))
