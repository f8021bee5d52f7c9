"""HTML pages: their content as markdown, their chrome gone, their words never lost."""

from __future__ import annotations

import time

import pytest

from vector_pipeline.conversion.convert import convert

PAGE = """<!doctype html><html><head><title>Guide — Site</title><meta name="author" content="Ada">
<style>body { color: red }</style></head><body><header><a href="/">Site</a></header><nav>Menu entry</nav>
<main><h1>Guide<a class="headerlink" href="#guide">¶</a></h1><p>Some <b>words</b> &amp; more.</p>
<script>var secret = 1</script><pre><code class="language-python">x = 1
if x:
    y()</code></pre><ul><li>one</li><li>two</li></ul>
<table><tr><th>a</th><th>b</th></tr><tr><td>1</td><td>2</td></tr></table>
<img src="data:image/png;base64,AAAABBBB" alt="Diagram"><svg><text>drawn</text></svg></main>
<aside>Advert</aside><footer>Imprint</footer></body></html>"""


def test_the_content_of_a_page_becomes_markdown() -> None:
    converted = convert("a.html", PAGE.encode())
    assert converted.kind == "markdown"
    assert converted.title == "Guide"
    assert converted.context == ""
    assert converted.metadata == {"author": "Ada", "anchors": [[0, "guide"]]}
    assert converted.text.startswith(
        "# Guide\n\nSome **words** & more.\n\n```python\nx = 1\nif x:\n    y()\n```\n\n- one\n- two\n\n"
    )
    assert "| a | b |" in converted.text
    assert "Diagram" in converted.text
    for chrome in ("Menu", "Imprint", "Advert", "¶", "secret", "color", "base64", "drawn"):
        assert chrome not in converted.text


def test_a_change_of_the_chrome_changes_nothing() -> None:
    other = PAGE.replace("Menu entry", "Another menu").replace("Imprint", "© 2031")
    assert convert("a.html", other.encode()).text == convert("a.html", PAGE.encode()).text


@pytest.mark.parametrize(
    "page",
    [
        "only words",
        "<p>only words",
        "<nav>only words</nav>",
        "<body><main></main><div>only words</div>",
        "<footer>only words",
        "<article>x</article>" + "<p>only words</p>" * 9,
        "<header><h1>only words</h1></header>",
        "<html><frameset>only words",
        "<table><tr><td>only words",
        "<li>only words",
        "<svg>unclosed <p>only words</p>",
        "<title>t</title>only words",
        "<svg-icon name=x></svg-icon><p>only words</p><svg><path/></svg>",
        "<SVG/><p>only words</p><svg><path/></svg>",
        "<svg viewBox='0 0 1 1'><path/></SVG ><p>only words</p><svg></svg>",
        "<script>icon = '<svg>'</script><p>only words</p><svg><path/></svg>",
        "<!-- <svg> --><p>only words</p><svg><path/></svg>",
        "<p style=\"background: url('<svg >')\">only words</p><svg><path/></svg>",
        "<svg><path/><p>only words</p><svg><path/></svg>",
        "<svg><foreignObject><p>drawn</p></foreignObject></svg><p>only words</p>",
    ],
)
def test_the_words_of_an_odd_page_are_kept(page: str) -> None:
    assert "only words" in convert("a.html", page.encode()).text


def test_every_article_of_a_page_is_kept_in_order() -> None:
    articles = "".join(f"<article><h2>Post {n}</h2><p>{f'words{n} ' * 30}</p></article>" for n in range(3))
    text = convert("a.html", f"<body><nav>Menu</nav>{articles}<footer>Imprint</footer></body>".encode()).text
    assert [line for line in text.split("\n") if line.startswith("#")] == ["## Post 0", "## Post 1", "## Post 2"]
    assert all(text.count(f"words{n}") == 30 for n in range(3))
    assert "Menu" not in text
    assert "Imprint" not in text


def test_articles_within_the_main_content_come_once() -> None:
    page = "<main><p>Opening.</p>" + "".join(f"<article><p>words{n}</p></article>" for n in range(3)) + "</main>"
    text = convert("a.html", page.encode()).text
    assert text == "Opening.\n\nwords0\n\nwords1\n\nwords2\n"


def test_teasers_beside_the_main_content_are_left_out() -> None:
    teasers = "<article><p>teaser</p></article>" * 3
    text = convert("a.html", f"<main>{'<p>Long content.</p>' * 20}</main>{teasers}".encode()).text
    assert "Long content." in text
    assert "teaser" not in text


def test_a_page_without_headings_gets_its_title_as_context() -> None:
    converted = convert("a.html", b"<title>Opening hours</title><p>Nine to five.</p>")
    assert (converted.title, converted.context, converted.text) == ("Opening hours", "Opening hours", "Nine to five.\n")


@pytest.mark.parametrize(
    "page",
    [
        "<div>" * 2_000 + "deep words" + "</div>" * 2_000,
        "<div>" * 150_000 + "deep words",
        "<ul><li>" * 70_000 + "deep words",
        "<span><div></span></div>" * 80_000 + "deep words",
        "<svg>" * 100_000 + "deep words",
        "<math><td>" * 70_000 + "deep words",
        "".join(f"<font id={n}></div><div>" for n in range(20_000)) + "deep words",
        "<b><p>" * 50_000 + "deep words",
        "<div>" * 70_000 + "<![foo[ bar ]]>deep words",
        "<div>" * 20_000 + "<article>x</article>" * 20_000 + "<article>deep words",
        "<article>" * 30_000 + "deep words",
        "<svg>" * 50_000 + "<svg " * 50_000 + "></svg>deep words",
        "<table><tr><td>" * 5_000 + "deep words",
        "<dl><dt>" * 5_000 + "deep words",
        "<details><summary>" * 5_000 + "deep words",
        "last updated 2020" + "<div>" * 20_000 + "deep words",
        "<div role=tablist><div role=tab>x</div>" * 5_000 + "deep words",
        "<div role=tabpanel>" * 10_000 + "<div role=tablist><b role=tab>x</b></div>deep words",
        "<a name=x></a>" * 20_000 + "<h2>deep words</h2>",
    ],
)
def test_nesting_without_end_neither_crashes_nor_loses_words(page: str) -> None:
    begun = time.thread_time()
    assert "deep words" in convert("a.html", page.encode()).text
    assert time.thread_time() - begun < 20


@pytest.mark.parametrize(
    "page",
    [
        "<select>" + "<option>x" * 100_000 + "</select><p>words",
        "<p " + " ".join(f"a{number}=x" for number in range(100_000)) + ">words",
        "".join(f"<body b{number}=x>" for number in range(50_000)) + "words",
        "<table><tr>" + "<td rowspan=60000 colspan=999>x" * 10_000 + "</table>words",
    ],
    ids=["options", "attributes", "bodies", "spans"],
)
def test_what_costs_a_parser_more_than_its_share_is_bounded(page: str) -> None:
    begun = time.thread_time()
    assert "words" in convert("a.html", page.encode()).text
    assert time.thread_time() - begun < 20


def test_a_very_long_page_is_markdown_still() -> None:
    code = "".join(f'<span class="n">name{number}</span> <span class="o">=</span> 1\n' for number in range(40_000))
    converted = convert("a.html", f"<main><h1>Long</h1><pre>{code}</pre><p>The <b>end</b>.</p></main>".encode())
    assert converted.kind == "markdown"
    assert converted.text.startswith("# Long\n\n```\nname0 = 1\n")
    assert converted.text.endswith("name39999 = 1\n```\n\nThe **end**.\n")


def test_an_empty_page_is_an_empty_text() -> None:
    assert convert("a.html", b"").text == ""
    assert convert("a.html", b"<html><body></body></html>").text == ""
