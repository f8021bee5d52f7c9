"""Real office files: every word that is expected of them is found, and their paragraphs are all there."""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from vector_pipeline.conversion.content import ConversionError
from vector_pipeline.conversion.converter import Converter
from vector_pipeline.conversion.kinds import NEEDS_OFFICE, kind_of
from vector_pipeline.settings import ConversionSettings

pytestmark = pytest.mark.realdata
OTHERWISE = {
    "data:image/png;base64...": "",  # a picture's bytes are no words, however short
    "![This phrase of the caption is Human-written.](Picture4.jpg)": "This phrase of the caption is Human-written.",
    "# Email Message": "# Test Email Message",  # the subject is a better heading
    "## Content": "",
    "**Authors:** Test Author": "",  # metadata: see below
    "* A bullet point": "- A bullet point",
    "* Another point": "- Another point",
}
"""How we write what the list expects as one converter writes it."""


def folder() -> Path:
    root = os.environ.get("VECTOR_PIPELINE_TEST_DATA")
    if not root:
        pytest.skip("VECTOR_PIPELINE_TEST_DATA is not set")
    return Path(root) / "local" / "office_and_pdf"


@pytest.fixture(scope="module")
def converter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Converter]:
    converter = Converter(ConversionSettings(), tmp_path_factory.mktemp("conversions"))
    yield converter
    converter.close()


def test_the_expected_words_of_every_kind_are_found(converter: Converter) -> None:
    expected: list[dict[str, Any]] = json.loads((folder() / "expected_strings.json").read_text())
    seen = set()
    for one in expected:
        kind = kind_of(one["file"])
        if kind is None or kind.kind not in NEEDS_OFFICE | {"pdf"}:
            continue
        seen.add(kind.kind)
        converted = converter.convert(one["file"], (folder() / "test_files" / one["file"]).read_bytes())
        missing = [words for words in one["must_include"] if OTHERWISE.get(words, words) not in converted.text]
        assert missing == [], one["file"]
        assert [words for words in one["must_not_include"] if words in converted.text] == []
    assert seen == {"docx", "xlsx", "xls", "pptx", "msg", "pdf", "epub"}


def test_what_is_metadata_here_is_not_lost(converter: Converter) -> None:
    book = converter.convert("a.epub", (folder() / "test_files" / "test.epub").read_bytes())
    assert (book.title, book.metadata["author"]) == ("Test EPUB Document", "Test Author")


def test_words_of_word_files_are_those_of_other_converters(converter: Converter) -> None:
    """But for what they count and we do not: numbers of headings and lists, and cells that are merged."""
    lost = total = 0
    for path in sorted((folder() / "docx" / "groundtruth").glob("*.docx.md")):
        if path.name.startswith(("drawingml", "equations", "omml", "table_with", "unit_test_headers_numbered")):
            continue  # charts, formulas and computed numbers, which are written in too many ways to compare
        source = folder() / "docx" / "sources" / path.name.removesuffix(".md")
        text = converter.convert(source.name, source.read_bytes()).text
        wanted = Counter(re.findall(r"[^\W\d_]{2,}", re.sub(r"<!--.*?-->", "", path.read_text()).lower()))
        lost += (wanted - Counter(re.findall(r"[^\W\d_]{2,}", text.lower()))).total()
        total += wanted.total()
    assert total > 3_000
    assert lost <= total * 0.01


def test_pdf_files_lose_no_words_for_their_headings(converter: Converter) -> None:
    from vector_pipeline.conversion.pdf import convert_pdf

    read = 0
    for path in sorted((folder() / "test_files").glob("*.pdf")):
        try:
            plain = convert_pdf(path.read_bytes())
        except ConversionError:
            with pytest.raises(ConversionError, match="scanned"):
                converter.convert(path.name, path.read_bytes())
            continue
        converted = converter.convert(path.name, path.read_bytes())
        assert len(converted.metadata["page_starts"]) == plain.metadata["pages"]
        letters, found = (Counter(filter(str.isalnum, text.lower())) for text in (plain.text, converted.text))
        assert (letters - found).total() <= 0.02 * letters.total()
        read += 1
    assert read >= 5
