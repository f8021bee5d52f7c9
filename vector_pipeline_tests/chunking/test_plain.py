"""Plain text by paragraph, reStructuredText by section."""

from __future__ import annotations

from vector_pipeline.chunking.plain import plain_spans, restructured_spans
from vector_pipeline_tests.chunking.corpus import assert_covers


def test_a_short_text_is_one_chunk_without_the_blank_lines_around_it() -> None:
    text = "\n\n  first line\nsecond\n\n"
    (span,) = plain_spans(text, 1200)
    assert text[span.start : span.end] == "  first line\nsecond"


def test_text_is_cut_between_paragraphs_where_they_fit() -> None:
    paragraphs = [f"Paragraph {n}: " + "some words here. " * 5 for n in range(40)]
    text = "\n\n".join(part.strip() for part in paragraphs)
    spans = plain_spans(text, 400)
    assert_covers(text, spans)
    for span in spans:
        assert text[span.start : span.end].startswith("Paragraph")
        assert text[span.start : span.end].endswith("here.")


def test_a_line_without_a_space_is_cut_at_the_target() -> None:
    text = "QUJD" * 5000
    spans = plain_spans(text, 1000)
    assert_covers(text, spans)
    assert all(span.end - span.start <= 1000 for span in spans)
    assert len(spans) <= 24


def test_accents_are_not_torn_off_their_letters() -> None:
    text = "e\u0301" * 5000
    spans = plain_spans(text, 1001)
    assert_covers(text, spans)
    assert all(text[span.start] == "e" for span in spans)


def test_restructured_text_is_cut_by_its_underlined_headings() -> None:
    text = (
        "=====\nGuide\n=====\n\nintro\n\nInstall\n-------\n\nrun::\n\n    ---\n\nLinux\n~~~~~\n\napt\n\n"
        "Use\n---\n\ngo\n\n=====  =====\na      b\n=====  =====\n"
    )
    spans = restructured_spans(text, 1200)
    assert_covers(text, spans)
    assert [span.headings for span in spans] == [
        ("Guide",),
        ("Guide", "Install"),
        ("Guide", "Install", "Linux"),
        ("Guide", "Use"),
    ]
    assert text[spans[0].start : spans[0].end] == "=====\nGuide\n=====\n\nintro"


def test_an_underline_shorter_than_its_title_or_below_a_paragraph_is_no_heading() -> None:
    for text in ("A longer title\n---\n\nx\n", "one line\nanother\n-------\n\nx\n", "----\n\nx\n", "---"):
        assert [span.headings for span in restructured_spans(text, 1200)] == [()]
