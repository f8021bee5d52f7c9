"""PDF files, written by hand here: text and pages, and each way in which one can't be read."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from vector_pipeline.conversion.content import ConversionError
from vector_pipeline.conversion.pdf import MAX_PAGES, convert_pdf
from vector_pipeline_tests.conversion.pdf_files import make_pdf

__all__ = ["make_pdf"]


def test_pages_are_joined_and_their_starts_noted() -> None:
    converted = convert_pdf(make_pdf(["First page", "Second page", "", "Fourth"]))
    assert converted.text == "First page\n\nSecond page\n\n\n\nFourth"
    assert converted.metadata["page_starts"] == [0, 12, 25, 27]
    assert [converted.text[start : start + 4] for start in converted.metadata["page_starts"]] == [
        "Firs",
        "Seco",
        "\n\nFo",
        "Four",
    ]
    assert (converted.title, converted.kind, converted.metadata["pages"]) == ("A study", "text", 4)
    assert converted.metadata["author"] == "Ada"
    assert converted.metadata["created_at"] == "2024-02-03T00:00:00+00:00"


def test_a_title_that_a_program_made_up_is_no_title() -> None:
    assert convert_pdf(make_pdf(["x"], information="/Title (untitled)")).title == ""


@pytest.mark.parametrize("title", ["<FEFFD83D>", "<FEFF0041D83D>", "<FEFFDC00D800>"])
def test_a_title_with_half_a_character_costs_the_title_only(title: str) -> None:
    converted = convert_pdf(make_pdf(["words"], information=f"/Title {title} /Author (Ada)"))
    assert (converted.text, converted.title, converted.metadata["author"]) == ("words", "", "Ada")


def test_keywords_are_tags() -> None:
    made = make_pdf(["x"], information="/Keywords (machine learning; graphs, graphs)")
    assert convert_pdf(made).metadata["tags"] == ["machine learning", "graphs"]


def test_the_password_of_the_settings_opens_a_file_and_is_named_as_the_way_where_it_does_not() -> None:
    locked = make_pdf(["hidden words"], password="open sesame")
    assert convert_pdf(locked, ["wrong", "open sesame"]).text == "hidden words"
    with pytest.raises(ConversionError, match="PDF is encrypted") as caught:
        convert_pdf(locked)
    assert "conversion.passwords" in caught.value.hint
    with pytest.raises(ConversionError, match="no password of the settings opens it"):
        convert_pdf(locked, ["wrong", "worse"])


def test_a_broken_file_after_an_encrypted_one_is_not_taken_for_encrypted() -> None:
    with suppress(ConversionError):
        convert_pdf(make_pdf(["x"], password="x"))
    with pytest.raises(ConversionError, match="PDF is damaged"):
        convert_pdf(make_pdf([]))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (make_pdf(["words"], password="x"), "PDF is encrypted"),
        (b"%PDF-1.4\nbroken", "PDF is damaged"),
        (b"", "PDF is empty"),
        (b"words, not a PDF", "not a PDF"),
        (make_pdf(["", ""]), r"PDF has no text on its 2 pages \(scanned\?\)"),
        (make_pdf(["x"] * (MAX_PAGES + 1)), "PDF is too long"),
    ],
)
def test_each_way_of_not_being_readable_has_its_own_reason(data: bytes, reason: str) -> None:
    with pytest.raises(ConversionError, match=reason) as caught:
        convert_pdf(data)
    assert caught.value.hint


def test_cut_off_files_are_damaged_or_read_but_never_crash() -> None:
    whole = make_pdf(["words"] * 3)
    for length in range(0, len(whole), 37):
        with suppress(ConversionError):
            assert "words" in convert_pdf(whole[:length]).text


def test_several_threads_may_read_at_once() -> None:
    data = make_pdf([f"Page {number}" for number in range(30)])
    with ThreadPoolExecutor(4) as pool:
        texts = {converted.text for converted in pool.map(lambda _: convert_pdf(data), range(40))}
    assert len(texts) == 1
