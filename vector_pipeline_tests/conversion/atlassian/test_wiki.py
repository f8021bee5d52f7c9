"""Jira's wiki markup: what people write in issues, as markdown; what is no markup, as it is."""

from __future__ import annotations

import time

import pytest

from vector_pipeline.conversion.atlassian import Markdown, References, wiki_to_markdown


@pytest.mark.parametrize(
    ("markup", "markdown"),
    [
        ("h1. Title\nh3. Sub *bold*", "# Title\n\n### Sub bold\n"),
        ("a *b* _c_ -d- +e+ ^f^ ~g~ ??h?? {{i|j}}", "a **b** *c* ~~d~~ e f g *h* `i|j`\n"),
        ("2*3*4 snake_case_name a-b-c *open --flag -v", "2*3*4 snake_case_name a-b-c *open --flag -v\n"),
        ("{color:red}red *x*{color} {app.name}", "red **x** {app.name}\n"),
        ("\\*not bold\\* C:\\dir", "*not bold* C:\\dir\n"),
        ("one\ntwo\\\\ three\n\nfour", "one\ntwo\nthree\n\nfour\n"),
        ("* a\n** b\n*# c\n* d\nmore", "- a\n  - b\n  1. c\n- d\n  more\n"),
        ("# a\n# b\n\n- c\n- d", "1. a\n2. b\n\n- c\n- d\n"),
        ("x\n-- Ada", "x\n-- Ada\n"),
        ("||h||i||\n|a|b [x|http://y.example]|\n|two\nlines|c\\|d|", "| h | i |\n| --- | --- |\n"
         "| a | b [x](http://y.example) |\n| two<br>lines | c\\|d |\n"),
        ("bq. said\n{quote}\nlong *x*\n* y\n{quote}\nz", "> said\n\n> long **x**\n>\n> - y\n\nz\n"),
        ("{panel:title=Note this|bgColor=#fff}\nx\n{panel}", "**Note this**\n\nx\n"),
        ("{info:title=T}x{info}", "**Info: T**\n\nx\n"),
        ("{quote}never closed", "> never closed\n"),
        ("{code:java|title=A.java}\n int  x; // *a*\n\n{code}", "**A.java**\n\n```java\n int  x; // *a*\n\n```\n"),
        ("{noformat}h1. {{x}}{noformat} after", "```\nh1. {{x}}\n```\n\nafter\n"),
        ("* a {code}x\ny{code}\n* b", "- a\n\n  ```\n  x\n  y\n  ```\n- b\n"),
        ("|a {code}x\ny{code}|b|", "a\n\n```\nx\ny\n```\n\nb\n"),
        ("[a {code}b{code}] {{c {code}d{code}}} http://e{code}f{code}",
         "[a\n\n```\nb\n```\n\n] {{c\n\n```\nd\n```\n\n}} http://e\n\n```\nf\n```\n"),
        ("{code}never closed *x*", "never closed **x**\n"),
        ("----\nx", "---\n\nx\n"),
        ("[http://a.example/_x_] http://b.example/_x_/*y* [no link]",
         "http://a.example/_x_ http://b.example/_x_/*y* [no link]\n"),
        ("[T|https://a.example/b|smart-link] [U|https://c.example|tip]",
         "[T](https://a.example/b) [U](https://c.example) tip\n"),
        ("!https://a.example/b.png|alt=Chart! wow! really!", "![Chart](https://a.example/b.png) wow! really!\n"),
        ("{toc}{anchor:x}words", "words\n"),
        ("", ""),
    ],
)  # fmt: skip
def test_each_construct_has_its_markdown(markup: str, markdown: str) -> None:
    assert wiki_to_markdown(markup).text == markdown
    assert wiki_to_markdown(markup.replace("\n", "\r\n")).text == markdown


def test_mentions_attachments_and_links_are_noted() -> None:
    references = References(
        user_name=lambda user: {"ada": "Ada Lovelace"}.get(user, ""),
        attachment_url=lambda name: f"https://jira.example/{name}",
    )
    markup = (
        "[~ada]thanks [~accountid:5:b-c] [^log 1.txt] !shot.png|thumbnail! [x|https://a.example] https://b.example."
    )
    assert wiki_to_markdown(markup, references) == Markdown(
        "@Ada Lovelace thanks @5:b-c [log 1.txt](https://jira.example/log%201.txt) "
        "![shot.png](https://jira.example/shot.png) "
        "[x](https://a.example) https://b.example.\n",
        ["https://jira.example/log%201.txt", "https://jira.example/shot.png", "https://a.example", "https://b.example"],
        ["ada", "5:b-c"],
    )
    assert wiki_to_markdown("[~ada] [^log.txt] !shot.png!").text == "@ada log.txt ![shot.png]()\n"


def test_a_text_with_more_marks_than_anyone_writes_comes_back_as_it_is() -> None:
    found = wiki_to_markdown("*a " * 300_000)
    assert found.text == "*a " * 300_000
    assert found.degraded == "more than 100,000 lines and marks"


@pytest.mark.parametrize(
    "piece",
    ["word ", "*a ", "*", "[", "!a", "!a.png|", "|a", "|a\n", "{code}", "{code:x}", "{{", "{quote}", "{color:red}",
     "* a\n", "http://", "\\\\", "??", "-a_b*", "{", "{panel:title=", "h1. a\n", "bq. a\n", "*# a\n"],
)  # fmt: skip
def test_time_grows_with_the_length_of_a_text_whatever_is_in_it(piece: str) -> None:
    markup = piece * (100_000 // len(piece))
    started = time.thread_time()
    wiki_to_markdown(markup)
    assert time.thread_time() - started < 10
