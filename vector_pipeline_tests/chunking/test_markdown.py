"""Sections, heading paths and what counts as a heading."""

from __future__ import annotations

import pytest

from vector_pipeline.chunking.markdown import markdown_spans
from vector_pipeline_tests.chunking.corpus import assert_covers


def paths(text: str, target: int = 1200) -> list[tuple[str, ...]]:
    """The heading path of every chunk."""
    spans = markdown_spans(text, target)
    assert_covers(text, spans)
    return [span.headings for span in spans]


def texts(text: str, target: int = 1200) -> list[str]:
    """The text of every chunk."""
    return [text[span.start : span.end] for span in markdown_spans(text, target)]


def test_each_section_is_a_chunk_under_its_heading_path() -> None:
    text = "before\n\n# Guide\n\nintro\n\n## Install\n\nrun it\n\n### Linux\n\napt\n\n## Use\n\ngo\n"
    assert texts(text) == [
        "before",
        "# Guide\n\nintro",
        "## Install\n\nrun it",
        "### Linux\n\napt",
        "## Use\n\ngo",
    ]
    assert paths(text) == [
        (),
        ("Guide",),
        ("Guide", "Install"),
        ("Guide", "Install", "Linux"),
        ("Guide", "Use"),
    ]


def test_headings_may_be_underlined() -> None:
    assert paths("Guide\n=====\n\nintro\n\nInstall\n---\nrun it\n") == [("Guide",), ("Guide", "Install")]


def test_a_skipped_level_and_a_later_higher_one_close_what_they_must() -> None:
    assert paths("### Deep\nx\n# Top\ny\n### Inner\nz\n## Middle\nw\n") == [
        ("Deep",),
        ("Top",),
        ("Top", "Inner"),
        ("Top", "Middle"),
    ]


@pytest.mark.parametrize(
    "block",
    [
        "```\n# comment\n```",
        "~~~ sh\n# comment\n~~~",
        "    # comment",
        "<div>\n# comment\n</div>",
        "<!--\n# comment\n-->",
        "> # comment",
        "- # comment",
        "#comment",
        "####### comment",
        "\\# comment",
    ],
)
def test_what_only_looks_like_a_heading_opens_no_section(block: str) -> None:
    assert paths(f"# Top\n\ntext\n\n{block}\n\nmore\n") == [("Top",)]


def test_a_heading_path_is_plain_text() -> None:
    text = "# A *b* `c_d` [link](http://x.example/) ![icon](i.png) &amp; <b>e</b> ##\n\nx\n"
    assert paths(text) == [("A b c_d link icon & e",)]
    assert paths("## Install {#install}\nx\n") == [("Install",)]
    assert paths("Two\nlines\n===\nx\n") == [("Two lines",)]


def test_long_headings_and_paths_are_bounded() -> None:
    text = "".join(f"{'#' * level} {str(level) * 300}\n\ntext\n\n" for level in range(1, 7))
    for path in paths(text):
        assert all(len(heading) <= 120 for heading in path)
        assert sum(map(len, path)) <= 400
    assert paths(text)[-1][-1] == "6" * 119 + "…"
    assert len(paths(text)[-1]) == 3


def test_a_heading_without_text_goes_with_the_section_that_follows() -> None:
    text = "# Log\n\n## 2.0\n\n### Added\n\n- a thing\n\n## 1.0\n\nfirst\n\n## Unreleased\n"
    assert texts(text) == ["# Log\n\n## 2.0\n\n### Added\n\n- a thing", "## 1.0\n\nfirst", "## Unreleased"]
    assert paths(text)[0] == ("Log", "2.0", "Added")


def test_a_heading_without_a_name_still_ends_the_section_before() -> None:
    text = "# Top\n\nx\n\n##\n\ny\n"
    assert texts(text) == ["# Top\n\nx", "##\n\ny"]
    assert paths(text) == [("Top",), ("Top",)]


def test_link_definitions_are_part_of_the_text() -> None:
    assert texts("[a]: http://a.example/\n\n# Top\n\nsee [a]\n\n[b]: http://b.example/\n") == [
        "[a]: http://a.example/",
        "# Top\n\nsee [a]\n\n[b]: http://b.example/",
    ]
    assert texts("[a]: http://a.example/\n") == ["[a]: http://a.example/"]


def test_a_fence_that_fits_is_never_cut() -> None:
    fence = "```python\n" + "".join(f"value_{n} = {n}\n" for n in range(12)) + "```"
    text = "# Top\n\n" + "\n\n".join([("words " * 30).strip(), fence] * 6) + "\n"
    chunks = texts(text, 400)
    assert sum(chunk.count(fence) for chunk in chunks) == 6
    assert all(len(chunk) <= 400 for chunk in chunks)


def test_a_long_fence_is_cut_between_lines_and_keeps_its_lead_in() -> None:
    lines = [f"value_{n} = compute(alpha={n}, beta={n})  # And why." for n in range(60)]
    text = "# Top\n\nFor example:\n\n```python\n" + "\n".join(lines) + "\n```\n\nDone.\n"
    chunks = texts(text, 500)
    assert chunks[0].startswith("# Top\n\nFor example:\n\n```python\nvalue_0")
    assert chunks[-1].endswith("```\n\nDone.")
    assert sum(chunk.count(line) for chunk in chunks for line in lines) >= len(lines)
    for line in lines:
        assert any(line in chunk.splitlines() for chunk in chunks)


def test_a_long_list_is_cut_between_items_and_a_long_table_between_rows() -> None:
    items = [f"- item {n} with a few words. And a sentence." for n in range(40)]
    rows = [f"| cell {n} | other text. More |" for n in range(40)]
    for lines in (items, rows):
        chunks = texts("# Top\n\n" + "\n".join(lines) + "\n", 300)
        assert len(chunks) > 3
        for line in lines:
            assert any(line in chunk.splitlines() for chunk in chunks)


def test_offsets_are_code_points_whatever_stands_before() -> None:
    text = "# Grüße 👋\n\nñandú 漢字 \x00 e\u0301\n\n## Zweitens\n\nÄ\n"
    assert texts(text) == ["# Grüße 👋\n\nñandú 漢字 \x00 e\u0301", "## Zweitens\n\nÄ"]
    assert paths(text) == [("Grüße 👋",), ("Grüße 👋", "Zweitens")]


def test_white_space_alone_has_no_chunks() -> None:
    assert markdown_spans("", 1200) == []
    assert markdown_spans(" \n\t\n\u00a0\n", 1200) == []


def test_a_section_of_many_short_paragraphs_is_filled_up() -> None:
    text = "# Top\n\n" + "\n\n".join(f"Paragraph {n} says a few words." for n in range(200)) + "\n"
    chunks = texts(text, 600)
    assert all(len(chunk) <= 600 for chunk in chunks)
    assert sum(map(len, chunks)) / len(chunks) > 300
