"""What a page says to those who follow links."""

# ruff: noqa: E501
from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vector_pipeline.conversion.html import PageFacts, page_facts

PAGE = """<!doctype html><html lang="de-CH"><head><base href="/docs/"><title>x</title>
<link rel="canonical" href=" https://example.org/a "><link rel="alternate" hreflang="fr" href="/fr/a">
<link rel="alternate" hreflang="en" href="/en/a"><link rel="alternate" type="application/rss+xml" href="/feed">
<link rel="next" href="b.html"><link rel="stylesheet" href="s.css"><meta name="ROBOTS" content="NoIndex, noarchive">
<meta name="vector-pipeline" content="nofollow"><meta name="otherbot" content="nosnippet">
<meta name="generator" content="Sphinx 7"></head><body><a href="c.html?a=1&amp;b=2">c</a><a href="#in">in</a><a href>self</a>
<a href="JavaScript:go()">j</a><a href="mailto:a@example.org">m</a><a href="data:,x">d</a><a href="c.html?a=1&amp;b=2">c</a>
<a rel="nofollow noopener" href="bad.html">n</a><map><area href="d.html"></map><iframe src="e.html"></iframe>
<svg><a href="drawn.html"></a></svg><a href="  f
.html ">f</a></body></html>"""


def test_the_facts_of_a_page() -> None:
    assert page_facts(PAGE, "Vector-Pipeline/1.2 (+https://example.org)") == PageFacts(
        base="/docs/",
        canonical="https://example.org/a",
        robots=frozenset({"noindex", "noarchive", "nofollow"}),
        links=("b.html", "c.html?a=1&b=2", "d.html", "e.html", "f.html"),
        alternates=(("fr", "/fr/a"), ("en", "/en/a")),
        language="de-CH",
        generator="Sphinx 7",
    )


def test_a_page_that_says_nothing() -> None:
    assert page_facts("") == PageFacts()
    assert page_facts("words <p>only") == PageFacts()


def test_none_means_neither_index_nor_follow() -> None:
    assert {"noindex", "nofollow"} <= page_facts('<meta name=robots content="none">').robots


def test_frames_are_followed() -> None:
    page = '<html><frameset cols="20%,80%"><frame src="list.html"><frame src="start.html"></frameset></html>'
    assert page_facts(page).links == ("list.html", "start.html")


@pytest.mark.parametrize(
    ("content", "target"),
    [
        ("0; url=../b/", "../b/"),
        ("0;URL='b.html'", "b.html"),
        ('5 ; Url = "b.html"', "b.html"),
        ("0,b.html", "b.html"),
        ("10; url=b", "b"),
        ("11; url=b", ""),
        ("300", ""),
        ("0; url=javascript:go()", ""),
        ("x; url=b", ""),
        ("", ""),
    ],
)
def test_where_a_page_sends_its_readers(content: str, target: str) -> None:
    assert (
        page_facts(f"<meta http-equiv=Refresh content={content!r}>".replace("'b.html'", "&quot;b.html&quot;")).refresh
        == target
    )


def test_a_page_of_words_sends_nobody_away_for_lack_of_scripts() -> None:
    head = "<noscript><meta http-equiv=refresh content='0; url=/plain'></noscript>"
    assert page_facts(f"{head}<p>{'word ' * 250}</p>").refresh == ""
    assert page_facts(f"{head}<p>Redirecting</p>").refresh == "/plain"


def test_a_page_that_asks_for_a_password() -> None:
    form = '<form><input name=user><input type="PassWord" name=p></form>'
    assert page_facts(f"<p>Sign in</p>{form}").asks_password
    assert not page_facts(f"<p>{'word ' * 250}</p>{form}").asks_password
    assert not page_facts("<p>Sign in</p><input type=text>").asks_password


def test_links_of_a_page_too_deep_to_parse_are_found() -> None:
    begun = time.thread_time()
    facts = page_facts(
        "<meta name=robots content=nofollow><link rel=canonical href=/c>" + "<div>" * 200_000 + "<a href=x.html>x"
    )
    assert (facts.links, facts.canonical, facts.robots) == (("x.html",), "/c", {"nofollow"})
    assert time.thread_time() - begun < 10


@given(st.text())
def test_any_text_has_facts(text: str) -> None:
    page_facts(f"<a href={text}><meta http-equiv=refresh content={text}>{text}", text)
