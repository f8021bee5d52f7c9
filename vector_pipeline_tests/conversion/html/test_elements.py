"""What the elements of a page become: code byte for byte, tables, boxes, lists, tabs, formulas and the rest."""

# ruff: noqa: E501
from __future__ import annotations

import html
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vector_pipeline.conversion.html import convert_html
from vector_pipeline_tests.conversion.markdown_code import code_blocks

BOX = "> **Careful now**\n>\n> Keep your fingers out.\n"


def text_of(content: str) -> str:
    return convert_html(f"<main>{content}</main>").text


@given(st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S", "Zs"), include_characters="\n\t`~|&<>#")))
def test_code_is_kept_byte_for_byte(code: str) -> None:
    page = f"<main><h1>T</h1><pre><code>{html.escape(code)}</code></pre><p>after</p></main>"
    expected = [code if code.endswith("\n") else code + "\n"] if code.strip() else []
    assert code_blocks(convert_html(page).text) == expected


@pytest.mark.parametrize(
    ("block", "fence", "code"),
    [
        ("<pre>\nx\n</pre>", "```", "x"),
        ("<pre>\n\nx</pre>", "```", "\nx"),
        ('<pre class="brush: js; gutter: true">x</pre>', "```js", "x"),
        ('<div class="highlight-python3 notranslate"><div class="highlight"><pre>x</pre></div></div>', "```python", "x"),
        ('<div class="highlight highlight-source-rust"><pre>x</pre></div>', "```rust", "x"),
        ('<pre class="sourceCode haskell"><code>x</code></pre>', "```haskell", "x"),
        ('<pre><code class="hljs go">x</code></pre>', "```go", "x"),
        ('<pre data-lang="c++">x</pre>', "```c++", "x"),
        ('<pre><code class="language-text">x</code></pre>', "```", "x"),
        ('<div class="highlight notranslate"><pre>x</pre></div>', "```", "x"),
        ("<pre>a<br>b</pre>", "```", "a\nb"),
        ('<pre><span class="line">a</span><span class="line">b</span></pre>', "```", "a\nb"),
        ('<pre><span class="line">a\n</span><span class="line"></span><span class="line">b\n</span></pre>', "```", "a\nb"),
        ('<pre><span class="linenos"> 1</span>a\n<span class="linenos"> 2</span>b</pre>', "```", "a\nb"),
        ("<pre>```\nx\n````</pre>", "`````", "```\nx\n````"),
    ],
)  # fmt: skip
def test_a_block_of_code_has_its_language_and_lines(block: str, fence: str, code: str) -> None:
    closing = fence[: len(fence) - len(fence.lstrip("`"))]
    assert text_of(block) == f"{fence}\n{code}\n{closing}\n"


def test_code_in_lists_and_quotes_is_code_still() -> None:
    text = text_of("<ul><li>one<pre>a\n  b</pre></li></ul><blockquote><pre>c\n\nd</pre></blockquote>")
    assert code_blocks(text) == ["a\n  b\n", "c\n\nd\n"]


def test_tables_keep_their_rows_and_code() -> None:
    text = text_of(
        "<table><caption>Valves</caption><thead><tr><th>name</th><th>code</th><th>n</th></tr></thead><tbody>"
        "<tr><td rowspan=2>inlet</td><td><code>a|b</code></td><td>1</td></tr><tr><td><pre>open()</pre></td><td>2</td></tr>"
        "<tr><td colspan=2>both</td><td><ul><li>x</li><li>y</li></ul></td></tr></table>"
    )
    assert text == (
        "Valves\n\n| name | code | n |\n| --- | --- | --- |\n| inlet | `a\\|b` | 1 |\n|  | `open()` | 2 |\n"
        "| both |  | - x<br>- y |\n"
    )


def test_a_table_for_layout_is_read_as_text() -> None:
    text = text_of("<table><tr><td><h2>Left</h2><p>words</p></td><td><ul><li>item</li></ul></td></tr></table>")
    assert text == "## Left\n\nwords\n\n- item\n"
    assert text_of("<table><tr><td><pre>a\nb</pre></td></tr></table>") == "```\na\nb\n```\n"


@pytest.mark.parametrize(
    "box",
    [
        '<div class="admonition warning"><p class="admonition-title">Careful now</p><p>Keep your fingers out.</p></div>',
        '<details class="warning admonition"><summary>Careful now</summary><p>Keep your fingers out.</p></details>',
        '<div class="theme-admonition alert"><div class="admonitionHeading_Gvgb"><span><svg></svg></span>Careful now</div>'
        '<div class="admonitionContent_x"><p>Keep your fingers out.</p></div></div>',
        '<div class="admonition admonition-note"><div class="admonition-heading"><h5>Careful now</h5></div>'
        '<div class="admonition-content"><p>Keep your fingers out.</p></div></div>',
        '<div class="markdown-alert"><p class="markdown-alert-title"><svg></svg>Careful now</p><p>Keep your fingers out.</p>'
        "</div>",
        '<div class="tip custom-block"><p class="custom-block-title">Careful now</p><p>Keep your fingers out.</p></div>',
        '<div class="admonitionblock warning"><table><tr><td class="icon"><div class="title">Careful now</div></td>'
        '<td class="content">Keep your fingers out.</td></tr></table></div>',
        '<div class="admonitionblock"><table><tr><td class="icon"><img src="x.png" alt="Careful now"></td>'
        '<td class="content"><div class="paragraph"><p>Keep your fingers out.</p></div></td></tr></table></div>',
        '<div class="warning" style="margin-left: 0.5in"><h3 class="title">Careful now</h3><p>Keep your fingers out.</p></div>',
        '<div class="alert alert-warning" role="alert"><h4 class="alert-heading">Careful now</h4>Keep your fingers out.</div>',
        '<aside class="starlight-aside"><p class="starlight-aside__title">Careful now</p><div><p>Keep your fingers out.</p>'
        "</div></aside>",
    ],
)  # fmt: skip
def test_boxes_are_quotes_with_a_title(box: str) -> None:
    assert text_of(f"<p>before</p>{box}") == "before\n\n" + BOX


def test_definitions_and_declarations() -> None:
    text = text_of(
        '<dl class="py function"><dt class="sig sig-object py" id="os.walk"><span class="sig-prename"><span class="pre">os.'
        '</span></span><span class="sig-name"><span class="pre">walk</span></span><span class="sig-paren">(</span><em '
        'class="sig-param"><span class="n"><span class="pre">top</span></span></em>, <em class="sig-param"><span class="o">'
        '<span class="pre">*</span></span></em><span class="sig-paren">)</span><a class="reference internal" href="x.html">'
        '<span class="viewcode-link">[source]</span></a><a class="headerlink" href="#os.walk">¶</a></dt><dd><p>Walks.</p>'
        "</dd></dl><dl><dt>term <code>x</code></dt><dt><p>other</p></dt><dd>meaning<p>more</p></dd></dl>"
    )
    assert text == "`os.walk(top, *)`\n\nWalks.\n\n**term** **`x`**\n\n**other**\n\nmeaning\n\nmore\n"


@pytest.mark.parametrize(
    "tabs",
    [
        '<div class="tabbed-set"><input type=radio><input type=radio><div class="tabbed-labels"><label>Linux</label><label>Mac'
        '</label></div><div class="tabbed-content"><div class="tabbed-block"><p>apt</p></div><div class="tabbed-block">'
        "<p>brew</p></div></div></div>",
        '<div class="tabs-container"><ul role="tablist"><li role="tab">Linux</li><li role="tab">Mac</li></ul><div>'
        '<div role="tabpanel"><p>apt</p></div><div role="tabpanel" hidden><p>brew</p></div></div></div>',
        '<div class="sd-tab-set"><input type=radio><label class="sd-tab-label">Linux</label><div class="sd-tab-content"><p>apt'
        '</p></div><input type=radio><label class="sd-tab-label">Mac</label><div class="sd-tab-content"><p>brew</p></div></div>',
        '<ul class="nav nav-tabs"><li><button role="tab">Linux</button></li><li><button role="tab">Mac</button></li></ul>'
        '<div class="tab-content"><div class="tab-pane active"><p>apt</p></div><div class="tab-pane" style="display:none">'
        "<p>brew</p></div></div>",
        '<div class="vp-code-group"><div class="tabs"><input type=radio><label>Linux</label><input><label>Mac</label></div>'
        '<div class="blocks"><div><p>apt</p></div><div><p>brew</p></div></div></div>',
    ],
)
def test_all_tabs_are_shown_under_their_labels(tabs: str) -> None:
    assert text_of(f"<p>before</p>{tabs}") == "before\n\n**Linux**\n\napt\n\n**Mac**\n\nbrew\n"


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("<details><summary>More</summary><p>folded</p></details>", "**More**\n\nfolded"),
        ('<figure><img src="a.png" alt="A pump"><figcaption>Fig. 1</figcaption></figure>', "A pump\n\nFig. 1"),
        ('<p>x <img src="https://example.org/a.png"> y</p>', "x y"),
        ("<p>E=mc<sup>2</sup>, H<sub>2</sub>O, 1<sup>st</sup></p>", "E=mc^2, H2O, 1st"),
        ('<p>Said<sup id="r"><a href="#fn1">[1]</a></sup> so.</p>', "Said[1] so."),
        ('<ol><li>A note <a href="#fnref1" class="footnote-back">↩︎</a></li></ol>', "1. A note"),
        ("<p>Press <kbd>Ctrl</kbd>+<kbd>C</kbd></p>", "Press `Ctrl`+`C`"),
        ("<p>see <a href='https://example.org/v1.2/x?q=1'>the <em>manual</em></a></p>", "see the *manual*"),
        ("<ol start=3><li>three</li><li>four</li></ol>", "3. three\n4. four"),
        ("<ul><li><input type=checkbox checked> done</li><li><input type=checkbox> open</li></ul>", "- [x] done\n- [ ] open"),
        ("<p>in\u00advis\u200bible</p>", "invisible"),
        ("<h2>A <br>B</h2><h2></h2>", "## A B"),
        ("<p># no heading</p>", "\\# no heading"),
        ('<p>a <math><semantics><mi>x</mi><annotation encoding="application/x-tex">x^2</annotation></semantics></math> b</p>',
         "a $x^2$ b"),
        ('<p><span class="katex"><span class="katex-mathml"><math><semantics><mi>x</mi><annotation encoding='
         '"application/x-tex">x_i</annotation></semantics></math></span><span class="katex-html" aria-hidden="true">x</span>'
         "</span></p>", "$x_i$"),
        ('<script type="math/tex; mode=display">y</script>', "$$y$$"),
        ("<p>one<template>no</template><span hidden>no</span><noscript>no</noscript></p>", "one"),
        ("<div>a<div>b</div>c</div>", "a\n\nb\n\nc"),
        ("<h1>Title<p>never closed<p>words", "# Title\n\nnever closed\n\nwords"),
    ],
)  # fmt: skip
def test_what_an_element_becomes(content: str, text: str) -> None:
    assert text_of(content) == text + "\n"


@pytest.mark.parametrize(
    "chrome",
    [
        '<a href="https://example.org/edit/main/a.md">Edit this page on GitHub</a>',
        '<p>Last updated: 3 January 2026</p>',
        '<div><small>This page was last modified on 2026-01-03.</small></div>',
        '<a href="#content">Skip to main content</a>',
        "<button>Copy</button>",
        '<div class="toc"><ul><li><a href="#a">One</a></li><li><a href="#b">Two</a></li></ul></div>',
        '<div class="cookie-banner"><p>We use cookies.</p></div>',
    ],
)  # fmt: skip
def test_chrome_within_the_content_goes(chrome: str) -> None:
    assert text_of(f"<h1 id=a>One</h1><p>words</p>{chrome}<h2 id=b>Two</h2>") == "# One\n\nwords\n\n## Two\n"


@pytest.mark.parametrize(
    "content",
    [
        '<p>Last updated columns show the 3 newest rows, sorted by name and place.</p><p>Second paragraph.</p>',
        '<div class="toc"><ul><li><a href="a.html">One</a></li><li><a href="b.html">Two</a></li></ul></div>',
        "<aside>A side note of the author.</aside>",
        "<p><a href=x>Edit</a> the file</p>",
        "<blockquote><p>Words</p><footer>Ada</footer></blockquote>",
        "<h2><button aria-expanded=false>What is a pump?</button></h2><div class=collapse hidden>A machine.</div>",
        '<section class="footnotes"><ol><li>A note.</li></ol></section>',
    ],
)  # fmt: skip
def test_content_that_looks_like_chrome_stays(content: str) -> None:
    expected = re.findall(r"\w+", re.sub(r"<[^>]*>", " ", content))
    assert [word for word in re.findall(r"\w+", text_of(content)) if not word.isdigit() or word in expected] == expected


WORDS = st.lists(st.text(st.characters(categories=("L", "N")), min_size=1, max_size=8), min_size=1, max_size=4)
TAGS = st.sampled_from(
    "p div li ul ol td tr table h2 dt dd blockquote span b em code section details summary a".split()
)
PIECES = st.lists(st.one_of(WORDS.map(" ".join), TAGS.map("<{}>".format), TAGS.map("</{}>".format)), max_size=30)


@given(PIECES)
def test_no_word_is_lost_or_made_up_however_broken_the_page_is(pieces: list[str]) -> None:
    page = "<main>start " + " ".join(pieces) + "</main>"
    words = re.findall(r"[^\W_]+", " ".join(piece for piece in ["start", *pieces] if not piece.startswith("<")))
    found = re.findall(r"[^\W_]+", convert_html(page).text.replace("<br>", " "))
    for word in words:
        assert word in found
    assert all(word in words or word.isdigit() for word in found)
