"""Confluence pages: every construct as markdown that reads well, and no page that breaks the converter."""

from __future__ import annotations

import time

import pytest

from vector_pipeline.conversion.atlassian import Markdown, References, storage_to_markdown

KNOWN = References(
    page_url=lambda space, title: f"https://wiki.example/{space or 'HERE'}/{title}",
    user_name=lambda account: {"u1": "Ada Lovelace"}.get(account, ""),
    attachment_url=lambda filename: f"https://wiki.example/files/{filename}",
)


def macro(name: str, body: str = "", /, **parameters: str) -> str:
    inner = "".join(f'<ac:parameter ac:name="{key}">{value}</ac:parameter>' for key, value in parameters.items())
    return f'<ac:structured-macro ac:name="{name}">{inner}{body}</ac:structured-macro>'


def rich(body: str) -> str:
    return f"<ac:rich-text-body>{body}</ac:rich-text-body>"


def plain(body: str) -> str:
    return f"<ac:plain-text-body><![CDATA[{body}]]></ac:plain-text-body>"


@pytest.mark.parametrize(
    ("storage", "markdown"),
    [
        ("<h1>T&eacute;st <strong>b</strong></h1><h6>six</h6>", "# Tést b\n\n###### six\n"),
        ("<p>a <strong> b </strong>c <em>d</em> <del>e</del> <code>f`g</code></p>", "a **b** c *d* ~~e~~ ``f`g``\n"),
        ("<p>un<b>believ</b>able</p>", "unbelievable\n"),
        ("<p>one<br/>two\nthree</p>", "one\ntwo three\n"),
        ("<p># no heading</p><p>1. no list</p><p>- no item</p>", "\\# no heading\n\n1\\. no list\n\n\\- no item\n"),
        ("<p>AT&T a < b &amp; 1 &lt; 2 &nbsp;&#8212; &unknown;</p>", "AT&T a < b & 1 < 2 — &unknown;\n"),
        ("<ul><li>a<ul><li>b</li></ul></li><li><p>c</p><p>d</p></li></ul>", "- a\n  - b\n- c\n\n  d\n"),
        ("<ul><li>a</li><ul><li>b</li></ul></ul>", "- a\n  - b\n"),
        ('<ol start="3"><li>a</li><li>b</li></ol>', "3. a\n4. b\n"),
        ("<blockquote><p>a</p><p>b</p></blockquote><hr/>", "> a\n>\n> b\n\n---\n"),
        ("<pre>x\n  y</pre>", "```\nx\n  y\n```\n"),
        (macro("info", rich("<p>x</p>"), title="Read this"), "**Info: Read this**\n\nx\n"),
        (macro("warning", rich("<p>x</p>")), "**Warning**\n\nx\n"),
        (macro("panel", rich("<p>x</p>")), "x\n"),
        (macro("expand", rich("<p>x</p>"), title="More"), "More\n\nx\n"),
        (macro("toc") + macro("children", depth="3") + "<p>x</p>", "x\n"),
        (f"<p>state:{macro('status', title='DONE', colour='Green')}now</p>", "state:DONE now\n"),
        (macro("jira", key="AB-12", server="Some Jira"), "AB-12\n"),
        (macro("excerpt", rich("<p>short</p>"), name="x"), "short\n"),
        (macro("odd-macro", rich("<p>body</p>"), title="Its title", width="500"), "Its title\n\nbody\n"),
        (macro("mathblock", body="a^2 + b^2"), "a^2 + b^2\n"),
        (macro("mermaid", plain("graph TD")), "```mermaid\ngraph TD\n```\n"),
        (macro("markdown", plain("## Own\n\n- x")), "## Own\n\n- x\n"),
        (f"<ac:layout><ac:layout-section><ac:layout-cell><p>a</p></ac:layout-cell><ac:layout-cell>{'<p>b</p>'}"
         "</ac:layout-cell></ac:layout-section></ac:layout>", "a\n\nb\n"),
        ('<p><ac:emoticon ac:name="tick"/> <ac:emoticon ac:name="custom-one"/></p>', "✅ :custom-one:\n"),
        ('<p><time datetime="2031-02-03"/></p>', "2031-02-03\n"),
        ("<p>see <ac:inline-comment-marker ac:ref='1'>this</ac:inline-comment-marker></p>", "see this\n"),
        ("<ac:adf-extension><ac:adf-node type='panel'><ac:adf-attribute key='panel-type'>note</ac:adf-attribute>"
         "<ac:adf-content><p>once</p></ac:adf-content></ac:adf-node><ac:adf-fallback><p>once</p></ac:adf-fallback>"
         "</ac:adf-extension>", "once\n"),
        ("", ""),
        ("<p> </p>", ""),
    ],
)  # fmt: skip
def test_each_construct_has_its_markdown(storage: str, markdown: str) -> None:
    assert storage_to_markdown(storage) == Markdown(markdown)


def test_tasks_keep_their_state() -> None:
    task = (
        "<ac:task><ac:task-id>1</ac:task-id><ac:task-status>{}</ac:task-status>"
        "<ac:task-body>{}</ac:task-body></ac:task>"
    )
    storage = f"<ac:task-list>{task.format('complete', 'done')}{task.format('incomplete', 'open')}</ac:task-list>"
    assert storage_to_markdown(storage).text == "- [x] done\n- [ ] open\n"


@pytest.mark.parametrize("ending", ["]]>", "]] >"])
def test_code_is_kept_byte_for_byte_with_its_language(ending: str) -> None:
    code = "\n  if a < b && c:\n\t````x````\n\n\n  <ac:parameter> &amp; ünï\n"
    body = f"<ac:plain-text-body><![CDATA[{code}{ending}</ac:plain-text-body>"
    storage = "<p>before</p>" + macro("code", body, language="Py", title="a.py") + "<p>after</p>"
    assert storage_to_markdown(storage).text == f"before\n\n**a.py**\n\n`````py\n{code}\n`````\n\nafter\n"


def test_code_that_ends_cdata_is_put_together_again() -> None:
    assert "a[b[0]]>c" in storage_to_markdown(macro("code", plain("a[b[0]]]]><![CDATA[>c"))).text


def test_tables_keep_merged_cells_in_their_columns() -> None:
    storage = (
        '<table><colgroup><col/></colgroup><tbody><tr><th colspan="2">A|B</th><th>C</th></tr>'
        '<tr><td rowspan="2">x</td><td><p>y</p><p>z</p></td><td><ul><li>1</li><li>2</li></ul></td></tr>'
        "<tr><td>v</td><td><code>a|b</code></td></tr></tbody></table>"
    )
    assert storage_to_markdown(storage).text == (
        "| A\\|B |  | C |\n| --- | --- | --- |\n| x | y<br>z | - 1<br>- 2 |\n|  | v | `a\\|b` |\n"
    )


def test_code_in_a_table_stays_code_and_tables_in_tables_stay_tables() -> None:
    storage = (
        f"<table><tr><th>Call</th><td>{macro('code', plain('a' + chr(10) + ' b'))}</td></tr>"
        "<tr><td><table><tr><td>p</td><td>q</td></tr></table></td></tr></table>"
    )
    assert storage_to_markdown(storage).text == "**Call**\n\n```\na\n b\n```\n\n| p | q |\n| --- | --- |\n"


def test_links_mentions_and_images_point_at_what_the_references_say() -> None:
    storage = (
        '<p><ac:link ac:anchor="Top"><ri:page ri:space-key="ENG" ri:content-title="How to"/><ac:plain-text-link-body>'
        "<![CDATA[read <this>]]></ac:plain-text-link-body></ac:link>, "
        '<ac:link><ri:page ri:content-title="Other"/></ac:link>, <a href="https://x.example/(1)">web</a>, '
        '<ac:link><ri:user ri:account-id="u1"/></ac:link>and <ac:link><ri:user ri:userkey="u2"/></ac:link> '
        '<ac:link><ri:attachment ri:filename="a b.pdf"/><ac:link-body><em>file</em></ac:link-body></ac:link></p>'
        '<ac:image ac:alt="Chart"><ri:attachment ri:filename="c.png"/>'
        "<ac:caption><p>Caption</p></ac:caption></ac:image>"
    )
    assert storage_to_markdown(storage, KNOWN) == Markdown(
        "[read <this>](https://wiki.example/ENG/How%20to#Top), [Other](https://wiki.example/HERE/Other), "
        "[web](https://x.example/%281%29), @Ada Lovelace and @u2 [*file*](https://wiki.example/files/a%20b.pdf)\n\n"
        "![Chart](https://wiki.example/files/c.png)\n\nCaption\n",
        [
            "https://wiki.example/ENG/How%20to#Top",
            "https://wiki.example/HERE/Other",
            "https://x.example/%281%29",
            "https://wiki.example/files/a%20b.pdf",
            "https://wiki.example/files/c.png",
        ],
        ["u1", "u2"],
    )
    without = storage_to_markdown(storage)
    assert without.links == ["https://x.example/%281%29"]
    assert without.text.startswith("read <this>, Other, [web]")
    assert "@u1" in without.text
    assert "![Chart]()" in without.text


def test_a_script_as_link_gives_only_its_words() -> None:
    assert storage_to_markdown('<p><a href="javascript:alert(1)">x</a></p>') == Markdown("x\n")


PAGE = '<ri:page ri:space-key="ENG" ri:content-title="Shared"/>'
INCLUDE = f'<ac:parameter ac:name=""><ac:link>{PAGE}</ac:link></ac:parameter>'


def test_includes_and_excerpts_bring_the_other_page_in() -> None:
    asked: list[tuple[str, str, str]] = []

    def include(space: str, title: str, excerpt: str) -> str:
        asked.append((space, title, excerpt))
        return (
            f"<p>all</p>{macro('excerpt', rich('<p>first</p>'))}{macro('excerpt', rich('<p>second</p>'), name='two')}"
        )

    references = References(include=include)
    name = '<ac:parameter ac:name="name">two</ac:parameter>'
    assert storage_to_markdown(macro("include", INCLUDE), references).text == "all\n\nfirst\n\nsecond\n"
    assert storage_to_markdown(macro("excerpt-include", INCLUDE), references).text == "first\n"
    assert storage_to_markdown(macro("excerpt-include", INCLUDE + name), references).text == "second\n"
    assert asked == [("ENG", "Shared", ""), ("ENG", "Shared", ""), ("ENG", "Shared", "two")]


def test_an_include_that_is_not_resolved_is_a_link_and_a_circle_of_includes_ends() -> None:
    assert storage_to_markdown(macro("include", INCLUDE), KNOWN).text == "[Shared](https://wiki.example/ENG/Shared)\n"
    circle = References(include=lambda *_: "<p>word</p>" + macro("include", INCLUDE) * 2)
    assert 1 < storage_to_markdown(macro("include", INCLUDE), circle).text.count("word") <= 20


@pytest.mark.parametrize(
    "storage",
    [
        "<p>only words",
        "only words",
        "</div></p>only words</h1>",
        "<p>only words</q></b>",
        "<p><b>only</p> words</b>",
        "<unknown:tag>only words</unknown:tag>",
        "<p a=1 a=2 b>only words</p>",
        "<!DOCTYPE x [<!ENTITY e 'y'>]><p>only words &e;</p>",
        "<![CDATA[only words",
        "<p>only words <!-- never closed </p>",
        "<user@example.org> only words",
        "<p>only\x00 words &#0; &#x1f; \ufffe</p>",
        "<ac:structured-macro ac:name='code'><ac:plain-text-body>only words",
        '<ac:link><ri:page ri:content-title="only words"/></ac:link></ac:link><ac:link/>',
        "<table>only words<td>x</td></table>",
        "<li>only words</li>",
        "<ul>only words</ul>",
        "<h1><p>only words</p></h1>",
        "<tr><td>only words</td></tr>",
        "<ac:image>only words</ac:image>",
        "<td colspan='999999' rowspan='-3'>only words</td>",
        "<div>" * 400 + "only words" + "</div>" * 400,
        "<ul><li>" * 400 + "only words" + "</li></ul>" * 400,
        "<blockquote>" * 30_000 + "only words",
    ],
)
def test_the_words_of_a_malformed_page_are_kept(storage: str) -> None:
    assert " ".join(storage_to_markdown(storage).text.replace("**", "").split()).count("only words") == 1


def test_no_entity_of_a_page_is_expanded() -> None:
    bomb = '<!DOCTYPE a [<!ENTITY b "bbbbbbbb"><!ENTITY c "&b;&b;&b;"><!ENTITY f SYSTEM "file:///etc/passwd">]>'
    text = storage_to_markdown(f"{bomb}<p>&c; &f; word</p>").text
    assert "root:" not in text
    assert "&c; &f; word" in text


@pytest.mark.parametrize(
    "piece",
    [
        "<h2>Head</h2><p>Text with <strong>bold</strong> words and <a href='https://x.example/y'>a link</a>, as people "
        "write it, line after line, until the page has become very long indeed.</p><ul><li>one</li><li>two</li></ul>"
        + macro("code", plain("a = 1\nb = 2")),
        "<", "<a ", "&", "&amp;", "<![CDATA[", "<![CDATA[x]]>", "<b>x ", "</p>", "<!--", "<a b='",
        "<td colspan='100'>x",
        "<ac:structured-macro><ac:rich-text-body>x", "` ", "\n",
    ],
)  # fmt: skip
def test_time_grows_with_the_length_of_a_page_whatever_is_in_it(piece: str) -> None:
    """A twenty-fifth of the length that is allowed five seconds, with room for a busy machine."""
    storage = piece * (400_000 // len(piece))
    started = time.thread_time()
    storage_to_markdown(storage)
    assert time.thread_time() - started < 3
