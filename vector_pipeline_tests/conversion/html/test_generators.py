"""Pages of the usual generators of documentation: one text, whatever stands around it."""

# ruff: noqa: E501
from __future__ import annotations

import pytest

from vector_pipeline.conversion.html import PageRules, convert_html
from vector_pipeline_tests.conversion.html.generated_pages import MARKDOWN, PAGES


@pytest.mark.parametrize("generator", PAGES)
def test_the_content_of_a_generator_is_found_without_its_chrome(generator: str) -> None:
    converted = convert_html(PAGES[generator])
    assert converted.text == MARKDOWN
    assert (converted.title, converted.context) == ("The pump", "")


@pytest.mark.parametrize("generator", PAGES)
def test_a_link_leads_to_the_section(generator: str) -> None:
    converted = convert_html(PAGES[generator])
    anchors = {name: offset for offset, name in converted.metadata["anchors"]}
    assert converted.text[anchors["install"] :].startswith("## Install\n")
    assert anchors.get("the-pump", 0) == 0


@pytest.mark.parametrize("generator", PAGES)
def test_another_theme_and_build_change_nothing(generator: str) -> None:
    page = PAGES[generator]
    rebuilt = page.replace("CHROME", "Other 2031 words").replace("1.2.3", "9.9").replace("Jan 3 2026", "May 7 2031")
    assert convert_html(rebuilt) == convert_html(page)


def test_the_user_may_say_what_the_content_is() -> None:
    page = "<main><p>main words</p></main><div class=mine><p>my words<b class=no> not these</b></p></div>"
    rules = PageRules(content=(".mine", "#nothing"), remove=(".no",))
    assert convert_html(page, rules=rules).text == "my words\n"
    assert convert_html(page, rules=PageRules(content=("#nothing",))).text == "main words\n"


def test_content_chosen_by_several_selectors_comes_once_and_in_order() -> None:
    page = "<h1>T</h1><div class=b><p>two</p><p class=a>inner</p></div><p class=a>three</p>"
    assert convert_html(page, rules=PageRules(content=("p.a", ".b", "h1"))).text == "# T\n\ntwo\n\ninner\n\nthree\n"


JAVADOC = """<body><div class="flex-box"><header><nav>CHROME</nav></header><div class="flex-content"><main role="main">
<div class="header"><h1 title="Class Pump" class="title">Class Pump</h1></div><section class="class-description"
id="class-description"><div class="type-signature"><span class="modifiers">public class </span><span
class="element-name">Pump</span></div><div class="block">Moves water.</div></section><section class="summary">
<section class="method-summary" id="method-summary"><h2>Method Summary</h2><div class="table-tabs" role="tablist"><button
role="tab">CHROME</button></div><div class="summary-table three-column-summary"><div class="table-header col-first">Type
</div><div class="table-header col-second">Method</div><div class="table-header col-last">Description</div>
<div class="col-first even-row-color"><code>int</code></div><div class="col-second"><code><a href="#flow(int)"
>flow</a>\u200b(int&nbsp;n)</code></div><div class="col-last"><div class="block">Moves.</div></div></div></section></section>
<section class="details" id="method-detail"><h2>Method Details</h2><ul class="member-list"><li><section class="detail"
id="flow(int)"><h3>flow</h3><div class="member-signature"><span class="modifiers">public</span>&nbsp;<span
class="return-type">int</span>&nbsp;<span class="element-name">flow</span><wbr><span class="parameters">(int&nbsp;n)</span>
</div><dl class="notes"><dt>Parameters:</dt><dd><code>n</code> - liters</dd></dl></section></li></ul></section></main>
<footer>CHROME</footer></div></div>"""


def test_javadoc() -> None:
    converted = convert_html(JAVADOC)
    assert converted.text == (
        "# Class Pump\n\n`public class Pump`\n\nMoves water.\n\n## Method Summary\n\n"
        "| Type | Method | Description |\n| --- | --- | --- |\n| `int` | `flow(int n)` | Moves. |\n\n"
        "## Method Details\n\n- ### flow\n\n  `public int flow(int n)`\n\n  **Parameters:**\n\n  `n` - liters\n"
    )
    assert [name for _, name in converted.metadata["anchors"]] == ["method-summary", "method-detail", "flow(int)"]


OLD_JAVADOC = """<body><div class="topNav"><ul class="navList"><li>CHROME</li></ul></div><div class="header">
<div class="subTitle">org.example</div><h2 title="Class Pump" class="title">Class Pump</h2></div>
<div class="contentContainer"><ul class="blockList"><li class="blockList"><a name="method.detail"><!-- --></a>
<h3>Method Detail</h3><a name="flow-int-"><!-- --></a><ul class="blockList"><li class="blockList"><h4>flow</h4>
<pre>public&nbsp;int&nbsp;flow(int&nbsp;n)</pre></li></ul></li></ul></div><div class="bottomNav">CHROME</div>
<p class="legalCopy"><small>CHROME</small></p>"""


def test_javadoc_of_old() -> None:
    converted = convert_html(OLD_JAVADOC)
    assert "CHROME" not in converted.text
    assert converted.text.startswith("org.example\n\n## Class Pump\n\n- ### Method Detail\n")
    assert "public\xa0int\xa0flow(int\xa0n)" in converted.text
    assert [name for _, name in converted.metadata["anchors"]] == ["method.detail", "flow-int-"]


DOXYGEN = """<body><div id="top"><div id="titlearea">CHROME</div></div><div id="nav-path" class="navpath">CHROME</div>
<div id="doc-content"><div class="header"><div class="summary"><a href="#pub-methods">CHROME</a></div>
<div class="headertitle"><div class="title">pump Class Reference</div></div></div><div class="contents">
<table class="memberdecls"><tr class="heading"><td colspan="2"><h2 class="groupheader"><a id="pub-methods"></a>
Public Member Functions</h2></td></tr><tr class="memitem:a1"><td class="memItemLeft">int&#160;</td><td
class="memItemRight"><a class="el" href="#a1">flow</a> (int n)</td></tr></table><a id="a1"></a>
<h2 class="memtitle"><span class="permalink"><a href="#a1">&#9670;&#160;</a></span>flow()</h2><div class="memitem">
<div class="memproto"><table class="memname"><tr><td class="memname">int pump::flow </td><td>(</td><td
class="paramtype">int&#160;</td><td class="paramname"><em>n</em></td><td>)</td></tr></table></div><div class="memdoc">
<p>Moves.</p><div class="fragment"><div class="line"><a id="l00001"></a><span class="lineno">    1</span>int x;</div>
<div class="line"><span class="lineno">    2</span>  flow(x);</div></div><!-- fragment --></div></div></div></div>
<hr class="footer"/><address class="footer">CHROME</address></body>"""


def test_doxygen() -> None:
    converted = convert_html(DOXYGEN)
    assert converted.text == (
        "# pump Class Reference\n\n## Public Member Functions\n\nint flow (int n)\n\n## flow()\n\n"
        "`int pump::flow (int n)`\n\nMoves.\n\n```\nint x;\n  flow(x);\n```\n"
    )
    assert [name for _, name in converted.metadata["anchors"]] == ["pub-methods", "a1"]


def test_sqlite() -> None:
    page = """<body><div class=nosearch><a href=index.html><img class=logo alt=CHROME></a><div class="menu mainmenu"><ul><li>
CHROME</ul></div></div><div class=fancy><div class=nosearch><div class=fancy_title>SELECT</div><div class=fancy_toc>
<a onclick="toggle_toc()">CHROME</a><div id=toc_sub><a href="#overview">CHROME</a></div></div></div>
<h1 id=overview><span>1. </span>Overview</h1><p><b>core:</b> <button id=x1 onclick='hideorshow("x1","x2")'>CHROME</button></p>
<div id=x2 style='display:none;'><p>folded</p></div><a name=where></a><p>Rows are kept.</p>
<h1 id=more><span>2. </span>More</h1><p>Words.</p><p align=center><small><i>This page last modified on <a href=x>2022-11-26
22:50:39</a> UTC </small></i></p></div>"""
    converted = convert_html(page)
    assert converted.text == (
        "# SELECT\n\n# 1. Overview\n\n**core:**\n\nfolded\n\nRows are kept.\n\n# 2. More\n\nWords.\n"
    )
    names = [(name, converted.text[int(offset) :].split("\n")[0]) for offset, name in converted.metadata["anchors"]]
    assert names == [("overview", "# 1. Overview"), ("where", "Rows are kept."), ("more", "# 2. More")]
