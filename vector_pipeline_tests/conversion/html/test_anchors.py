"""Anchors: every heading knows the link that opens the page there."""

# ruff: noqa: E501
from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vector_pipeline.conversion.html import convert_html

MARKS = "\ufdd0\ufdd1"


def places(page: str) -> dict[str, str]:
    """The line that each anchor leads to."""
    converted = convert_html(page)
    anchors = converted.metadata.get("anchors", [])
    offsets = [offset for offset, _ in anchors]
    assert offsets == sorted(set(offsets))
    assert not set(MARKS) & set(converted.text)
    return {name: converted.text[offset:].split("\n")[0] for offset, name in anchors}


@pytest.mark.parametrize(
    "heading",
    [
        '<h2 id="x">Head</h2>',
        '<h2><a name="x"></a>Head</h2>',
        '<h2><span id="x">Head</span></h2>',
        '<a name="x"></a><h2>Head</h2>',
        '<p><a name="x"></a></p>\n<!-- c --><h2>Head</h2>',
        '<section id="x"><h2>Head</h2></section>',
        '<div class="section" id="x"><span id="other"></span><h2>Head</h2></div>',
        '<div id="x"><div><div><h2>Head</h2></div></div></div>',
        '<h2>Head <a class="headerlink" href="#x">¶</a></h2>',
        '<h2><a id="user-content-x" class="anchor" href="#x" aria-hidden="true"></a>Head</h2>',
        '<div role="heading" aria-level="2" id="x">Head</div>',
        '<h2 id=" x "><code>Head</code></h2>',
        '<h2 id="x"><img alt="Head" src="a.png"></h2>',
    ],
)
def test_the_id_of_a_heading_is_found_where_generators_put_it(heading: str) -> None:
    (line,) = (line for name, line in places(f"<main><p>first</p>{heading}<p>last</p></main>").items() if name == "x")
    assert line.replace("`", "") == "## Head"


def test_a_heading_without_an_id_has_no_anchor() -> None:
    page = "<main id=main><h1>One</h1><p>words</p><h2>Two</h2><div id=later><p>text</p><h3>Three</h3></div></main>"
    assert places(page) == {}


def test_definitions_and_named_places_have_anchors() -> None:
    page = (
        '<main><dl><dt class="sig" id="os.walk">os.walk(top)</dt><dd>Walks.</dd><dt id="term">A term</dt><dd>Is.</dd></dl>'
        '<a name="place"></a><p>Named <b>words</b>.</p><p>before <a id="mid"></a>behind</p><a id="id123"></a><p>x</p></main>'
    )
    assert places(page) == {
        "os.walk": "`os.walk(top)`", "term": "**A term**", "place": "Named **words**.", "mid": "before behind",
    }  # fmt: skip


def test_offsets_count_code_points() -> None:
    page = '<main><p>\U0001f600 ä</p><ul><li><h2 id="ü">Zwei</h2></li></ul><h2 id="c">Drei</h2></main>'
    assert places(page) == {"ü": "- ## Zwei", "c": "## Drei"}


@given(
    st.lists(
        st.sampled_from(["w ", " ", MARKS[0], MARKS[1], "0", "7", "&#xFDD0;", "&#64977", "&#xfdd00;", "<b>", "\n"])
    )
)
def test_text_that_holds_the_marks_confuses_nothing(pieces: list[str]) -> None:
    text = "".join(pieces)
    page = f'<main><h2 id="a">A {text}</h2><p>{text} p</p><h2 id="b">B</h2><pre>{text}</pre></main>'
    assert list(places(page)) == ["a", "b"]
    assert places(page)["b"] == "## B"


WORDS = st.sampled_from(
    [
        "{}", "<code>{}</code>", "<b>{}</b>", '<a href="#q">{}</a>', "<em>{}</em> ", "{}<br>", '<img alt="{}">',
        "&nbsp;{}", "\U0001f600{}", "{}&#xFDD0;", "*{}*", "# {}", "| {}", "&lt;{}&gt;", "{}\ufdd1",
    ]
)  # fmt: skip
AROUND = st.sampled_from(
    [
        "{}", "<section>{}</section>", "<blockquote>{}</blockquote>", "<ul><li>{}</li></ul>", "<ol><li><p>{}</p></ol>",
        "<table><tr><td>{}</td><td>x</td></tr></table>", "<details><summary>{}</summary>y</details>",
        "<dl><dt>term</dt><dd>{}</dd></dl>", "<pre>code &lt;\n# x</pre>{}", '<a name="before"></a>{}',
        '<div class="admonition"><p class="admonition-title">N</p>{}</div>', "{}<p>not closed",
    ]
)  # fmt: skip


@given(st.lists(st.tuples(WORDS, AROUND, AROUND, st.integers(1, 4)), min_size=1, max_size=5))
def test_the_line_at_an_offset_holds_the_heading_whatever_is_around_it(
    headings: list[tuple[str, str, str, int]],
) -> None:
    page = ""
    for number, (words, inner, outer, level) in enumerate(headings):
        heading = f'<h{level} id="h{number}">{words.replace("{}", f"head{number}")}</h{level}>'
        page += outer.replace("{}", inner.replace("{}", heading))
    found = places(f"<main>{page}</main>")
    for number in range(len(headings)):
        assert f"head{number}" in found[f"h{number}"]
