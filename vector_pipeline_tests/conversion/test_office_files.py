"""Office files, e-books and mail, made here: their words in order, and where pages, slides and sheets begin."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Iterator

import pytest

from vector_pipeline.conversion.content import ConversionError, Converted
from vector_pipeline.conversion.converter import Converter
from vector_pipeline.conversion.kinds import NEEDS_OFFICE
from vector_pipeline.settings import ConversionSettings
from vector_pipeline_tests.conversion import office_files as good
from vector_pipeline_tests.conversion.pdf_files import make_pdf

MAKERS = {kind: getattr(good, f"make_{kind}") for kind in NEEDS_OFFICE - {"image"}}


@pytest.fixture(scope="module")
def converter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Converter]:
    """Real workers: native parsers must not end the process of the tests."""
    settings = ConversionSettings.model_validate({"workers": 1, "passwords": ["wrong", "open sesame"]})
    converter = Converter(settings, tmp_path_factory.mktemp("conversions"))
    yield converter
    converter.close()


def starts(converted: Converted, key: str) -> list[str]:
    """The first lines of the pages, slides or sheets."""
    return [converted.text[offset:].split("\n", 1)[0] for offset in converted.metadata[key]]


@pytest.mark.parametrize("kind", sorted(MAKERS))
def test_every_kind_gives_words_in_normal_form_and_the_same_each_time(kind: str, converter: Converter) -> None:
    made = MAKERS[kind]()
    assert MAKERS[kind]() == made
    converted = converter.convert(f"a.{kind}", made)
    assert "words" in converted.text.lower()
    assert "\r" not in converted.text
    assert "\n\n\n" not in converted.text


@pytest.mark.parametrize("kind", ["docx", "pptx", "xlsx", "odt", "odp"])
def test_what_a_file_says_about_itself_is_kept(kind: str, converter: Converter) -> None:
    converted = converter.convert(f"a.{kind}", MAKERS[kind]())
    assert converted.title == "A title"
    assert converted.metadata["author"] == "Ada"
    assert converted.metadata["tags"][0] == "red"
    assert converted.metadata["created_at"] == "2024-02-03T04:05:06+00:00"


def test_a_word_file_keeps_headings_tables_and_the_text_as_it_was_changed(converter: Converter) -> None:
    assert converter.convert("a.docx", good.make_docx()).text == (
        "# Chapter one\n\nWords split into runs & <marks> *kept* C:\\!dir!\n\n| left | a\\|b |\n| --- | --- |\n\n"
        "kept and new\n"
    )


def test_paragraphs_of_an_older_word_file_stay_apart(converter: Converter) -> None:
    converted = converter.convert("a.doc", good.make_doc("First one.\rSecond one.\r"))
    assert (converted.text, converted.kind) == ("First one.\n\nSecond one.", "text")


def test_slides_are_headings_in_the_order_of_the_show_with_their_own_notes(converter: Converter) -> None:
    slides = [
        good.shape([("Roll", "out")], "title") + good.shape([("Kuber", "netes"), ("below it",)], "body", level=1),
        good.shape([("No title here",)]) + good.picture("A bridge  at night") + good.shape([("12",)], "sldNum"),
        good.shape([("Numbers",)], "ctrTitle") + good.slide_table([["a|b", "c"], ["d", ""]]) + good.CHART,
    ]
    converted = converter.convert("a.pptx", good.make_pptx(slides, {0: "Say hello", 2: "Look up"}))
    assert starts(converted, "slide_starts") == ["## Rollout", "## Slide 2", "## Numbers"]
    assert converted.text == (
        "## Rollout\n\n- Kubernetes\n  - below it\n\n### Notes\n\nSay hello\n\n"
        "## Slide 2\n\nNo title here\n\nA bridge at night\n\n"
        "## Numbers\n\n| a\\|b | c |\n| --- | --- |\n| d |  |\n\nSales\n\n|  | North |\n| --- | --- |\n| 2023 | 7 |\n"
        "| 2024 | 9 |\n\n### Notes\n\nLook up\n"
    )


def test_the_strict_variant_of_the_format_is_read_alike(converter: Converter) -> None:
    parts = good.pptx_parts([good.shape([("A slide",)], "title")])
    strict = {
        name: content.replace("http://schemas.openxmlformats.org/", "http://purl.oclc.org/ooxml/").replace(
            "/2006/", "/"
        )
        if isinstance(content, str) and name.startswith("ppt/") and not name.endswith(".rels")
        else content
        for name, content in parts.items()
    }
    assert strict != parts
    assert converter.convert("a.pptx", good.make_zip(strict)).text == "## A slide\n"


def test_slides_of_open_document_have_their_titles_lists_and_notes(converter: Converter) -> None:
    nested = (
        "<text:list><text:list-item><text:p>one<text:s/>more</text:p><text:list><text:list-item><text:p>two</text:p>"
        "</text:list-item></text:list></text:list-item></text:list>"
    )
    grid = (
        "<table:table><table:table-row><table:table-cell><text:p>a</text:p></table:table-cell><table:table-cell>"
        "<text:p>b</text:p></table:table-cell></table:table-row></table:table>"
    )
    converted = converter.convert(
        "a.odp", good.make_odp(good.odp_page("Plan", nested, "Say it"), good.odp_page("", grid))
    )
    assert starts(converted, "slide_starts") == ["## Plan", "## Slide 2"]
    assert converted.text == (
        "## Plan\n\n- one more\n  - two\n\n### Notes\n\nSay it\n\n## Slide 2\n\n| a | b |\n| --- | --- |\n"
    )


def test_all_slides_of_an_older_presentation_are_read(converter: Converter) -> None:
    made = good.make_ppt([("One", "first words"), ("Two", "more words"), ("Three", "")], free="beside it")
    converted = converter.convert("a.ppt", made)
    assert starts(converted, "slide_starts") == ["## One", "## Two", "## Three"]
    assert converted.text == "## One\n\nfirst words\n\nbeside it\n\n## Two\n\nmore words\n\n## Three\n"


def test_sheets_are_headings_with_tables_of_values_without_empty_rows_and_columns(converter: Converter) -> None:
    sheets = {
        "Plan & more": f'<row r="2">{good.cell("B2", "Name|x")}{good.cell("D2", "Sum")}</row>'
        f'<row r="9">{good.cell("B9", "Ada")}{good.cell("D9", 42, "SUM(D1:D8)")}</row>',
        "Nothing": "",
        "Behind": f'<row r="1">{good.cell("A1", "hidden words")}</row>',
    }
    converted = converter.convert("a.xlsx", good.make_xlsx(sheets, hidden=["Behind"]))
    assert converted.text == (
        "## Plan & more\n\n| Name\\|x | Sum |\n| --- | --- |\n| Ada | 42 |\n\n## Behind\n\n| hidden words |\n| --- |\n"
    )
    assert converted.metadata["sheet_starts"] == [[0, "Plan & more"], [converted.text.index("## Behind"), "Behind"]]


@pytest.mark.parametrize(("kind", "make"), [("ods", good.make_ods), ("xls", good.make_xls)])
def test_other_spreadsheets_are_read_alike(kind: str, make: object, converter: Converter) -> None:
    converted = converter.convert(f"a.{kind}", MAKERS[kind]())
    assert converted.metadata["sheet_starts"] == [[0, "Plain"]]
    assert converted.text.startswith("## Plain\n\n| ")


def test_chapters_of_a_book_come_in_the_order_of_the_book(converter: Converter) -> None:
    converted = converter.convert("a.epub", good.make_epub())
    assert converted.text == ("What it is about\n\n# Chapter one\n\nFirst words\n\n# Chapter two\n\nLast words\n")


def test_mail_has_its_subject_people_and_attachments_and_its_body_once(converter: Converter) -> None:
    expected = (
        "# A subject\n\n**From:** ada@example.org (Ada L)\n**To:** {}\n**Date:** 2024-02-03T04:05:06+00:00\n"
        "**Subject:** A subject\n**Attachments:** report.pdf\n\nWords of the body\n"
    )
    sent = converter.convert("a.eml", good.make_eml())
    assert sent.text == expected.format("bob@example.org")
    assert (sent.title, sent.metadata["author"]) == ("A subject", "Ada L")
    kept = converter.convert("a.msg", good.make_msg("Words of the body"))
    assert kept.text == expected.format("bob@example.org (Bob)")
    assert (kept.title, kept.metadata) == (sent.title, sent.metadata)


def test_mail_in_html_alone_is_read_too(converter: Converter) -> None:
    html = "<h2>Plan</h2><ul><li>one</li></ul>"
    assert converter.convert("a.msg", good.make_msg("", html)).text.endswith("## Plan\n\n- one\n")
    head = b"From: ada@example.org\nContent-Type: text/html; charset=utf-8\n\n"
    assert converter.convert("a.eml", head + html.encode()).text.endswith("## Plan\n\n- one\n")


def test_headings_of_a_pdf_are_found_and_its_pages_keep_all_words(converter: Converter) -> None:
    page = "# Heading {0}\nplain words of page {0} that say this and that\nand go on in a line below it"
    converted = converter.convert("a.pdf", make_pdf([page.format("one"), page.format("two")]))
    assert starts(converted, "page_starts") == ["# Heading one", "# Heading two"]
    assert "plain words of page two that say this and that" in converted.text
    assert converted.kind == "markdown"


def test_passwords_of_the_settings_open_files(converter: Converter) -> None:
    assert converter.convert("a.pdf", make_pdf(["hidden words"], password="open sesame")).text == "hidden words"
    with pytest.raises(ConversionError, match="PDF is encrypted, and no password of the settings opens it"):
        converter.convert("a.pdf", make_pdf(["hidden words"], password="another"))


def test_passwords_of_the_settings_open_newer_office_files(converter: Converter) -> None:
    locking = pytest.importorskip("msoffcrypto.format.ooxml", reason="msoffcrypto-tool opens office files")

    def locked(password: str) -> bytes:
        out = io.BytesIO()
        # The library locks small files wrongly, and real ones have pictures.
        parts = {**good.docx_parts(good.paragraph("hidden words")), "word/media/a.png": hashlib.sha512().digest() * 500}
        with zipfile.ZipFile(whole := io.BytesIO(), "w") as archive:
            for name, content in parts.items():
                archive.writestr(name, content)
        locking.OOXMLFile(whole).encrypt(password, out)
        return out.getvalue()

    assert converter.convert("a.docx", locked("open sesame")).text == "hidden words\n"
    with pytest.raises(ConversionError, match="DOCX is encrypted, and no password of the settings opens it"):
        converter.convert("a.docx", locked("another"))


def test_a_suffix_of_the_same_family_makes_no_difference(converter: Converter) -> None:
    made = good.make_docx()
    assert converter.convert("a.docm", made).text == converter.convert("a.docx", made).text
