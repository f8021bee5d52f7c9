"""The one place that calls xberg: its options, and its failures in our words.

Nothing is recognized by OCR, fetched, cached or unpacked: archives inside of files stay closed. Its own limits are
set above ours, so that what it refuses has mostly been refused in better words before.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import xberg
from xberg._xberg import Metadata, PageContent
from xberg.options import (
    ConcurrencyConfig,
    ContentFilterConfig,
    ConversionOptions,
    ExtractInput,
    ExtractionConfig,
    ImageExtractionConfig,
    PageConfig,
    PdfConfig,
    PostProcessorConfig,
    SecurityLimits,
)

from vector_pipeline.conversion.content import ConversionError
from vector_pipeline.conversion.front_matter import iso_time
from vector_pipeline.conversion.office.archives import MAX_DEPTH, MAX_PART, MAX_PARTS, MAX_UNPACKED
from vector_pipeline.conversion.office.troubles import damaged, encrypted, too_deep, too_large
from vector_pipeline.conversion.stated import stated, stated_keywords, stated_names

MAX_CELLS = 2_000_000
"""Cells of all tables of a file together."""
_PLAIN = frozenset({"doc"})
"""Kinds whose paragraphs the library joins in markdown, and whose headings it does not know."""
_DEEP = re.compile(r"too deep|nesting|depth", re.IGNORECASE)
_LARGE = re.compile(r"bomb|violation|limit exceeded|exceeds limit|security limit", re.IGNORECASE)
_LOCKED = re.compile(r"encrypted|password|DRM", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Extracted:
    """What xberg makes of a file: markdown (plain lines of an older Word file), and what the file states.

    `pages` are its pages or sheets, where it has any.
    """

    text: str
    pages: Sequence[PageContent]
    title: str
    metadata: dict[str, Any]
    description: str


def extract(kind: str, data: bytes, passwords: Sequence[str] = ()) -> Extracted:
    """The content of a file of this kind. Raises ConversionError where xberg can't read it."""
    # A name of our own: what the file is was checked, and its real name is none of a parser's business.
    given = ExtractInput(kind="bytes", bytes=data, filename=f"document.{kind}")
    try:
        result = asyncio.run(
            xberg.extract(given, _options(tuple(passwords), "plain" if kind in _PLAIN else "markdown"))
        )
    except (xberg.XbergError, RuntimeError, ValueError) as error:
        raise _trouble(kind, str(error)) from error
    if not result.results:
        raise _trouble(kind, " ".join(error.message for error in result.errors))
    document = result.results[0]
    stated_by_file = document.metadata
    metadata: dict[str, Any] = {}
    if author := stated_names(stated_by_file.authors or _quoted(stated_by_file, "initial_creator")):
        metadata["author"] = author
    if tags := stated_keywords(stated_by_file.keywords or []):
        metadata["tags"] = tags
    if created := iso_time(stated_by_file.created_at):
        metadata["created_at"] = created
    description = " ".join(_quoted(stated_by_file, "description"))
    return Extracted(document.content, document.pages or [], stated(stated_by_file.title), metadata, description)


@cache
def _options(passwords: tuple[str, ...], output_format: str) -> ExtractionConfig:
    return ExtractionConfig(
        output_format=output_format,
        mime_detection_policy="trust_extension",
        html_options=ConversionOptions(extract_metadata=False),
        disable_ocr=True,
        use_cache=False,
        escape_markdown=False,
        enable_quality_processing=False,
        max_archive_depth=0,
        max_embedded_file_bytes=0,
        postprocessor=PostProcessorConfig(enabled=False),
        images=ImageExtractionConfig(extract_images=False, run_ocr_on_images=False),
        pages=PageConfig(extract_pages=True),
        pdf_options=PdfConfig(passwords=list(passwords) or None, extract_form_fields=False),
        content_filter=ContentFilterConfig(
            # Of a PDF every line is kept: what looks like a running head is often the only heading.
            include_headers=True,
            include_footers=True,
            include_footnotes=True,
            strip_repeating_text=False,
        ),
        concurrency=ConcurrencyConfig(max_threads=1),
        security_limits=SecurityLimits(
            max_archive_size=MAX_UNPACKED,
            max_compression_ratio=2_000,  # deflate can't reach it: sizes decide
            max_files_in_archive=MAX_PARTS,
            max_nesting_depth=MAX_DEPTH,
            max_xml_depth=MAX_DEPTH,
            max_content_size=MAX_PART,
            max_table_cells=MAX_CELLS,
        ),
    )


def _trouble(kind: str, words: str) -> ConversionError:
    """The reason in our words; those of the library may quote the document, and speak to programmers."""
    if "cell limit" in words:
        return too_large(kind, f"more than {MAX_CELLS:,} cells")
    if _DEEP.search(words):
        return too_deep(kind)
    if _LARGE.search(words):
        return too_large(kind, "more than a document holds")
    if _LOCKED.search(words):
        return encrypted(kind, 0, can_open=False)
    return damaged(kind, "its content can't be read")


def _quoted(metadata: Metadata, key: str) -> list[str]:
    """One of the values that come as JSON texts."""
    try:
        value = json.loads(metadata.additional.get(key, '""'))
    except ValueError:
        return []
    return [value] if isinstance(value, str) and value else []
