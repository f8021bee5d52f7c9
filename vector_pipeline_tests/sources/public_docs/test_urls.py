"""URLs: whatever a page writes, one page has one spelling, and two pages never share one."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from vector_pipeline.sources.public_docs.urls import MAX_URL, loose_key, normal_url

BASE = "https://docs.example.org/guide/a/index.html?v=1"

_SEGMENT = st.text(st.characters(codec="utf-8", exclude_characters="/\\?#%\t\r\n"), min_size=1, max_size=8).filter(
    lambda segment: segment.strip("".join(map(chr, range(0x21)))) == segment and segment not in (".", "..")
)
_HREF = st.one_of(
    st.text(max_size=60),
    st.text("htps:/\\.?#%&=@[]2eE7f0 \tutm_x1", max_size=60),
    st.builds("{}//{}/{}".format, st.sampled_from(["http:", "HTTPS:", ""]), st.text(max_size=20), st.text(max_size=20)),
)


@pytest.mark.parametrize(
    ("href", "expected"),
    [
        ("../b.html", "https://docs.example.org/guide/b.html"),
        ("b", "https://docs.example.org/guide/a/b"),
        ("/x", "https://docs.example.org/x"),
        ("?w=2", "https://docs.example.org/guide/a/index.html?w=2"),
        ("#part", "https://docs.example.org/guide/a/index.html?v=1"),
        ("", "https://docs.example.org/guide/a/index.html?v=1"),
        ("//other.example.org/x", "https://other.example.org/x"),
        ("https:b", "https://docs.example.org/guide/a/b"),
        ("../../../../x", "https://docs.example.org/x"),
        ("./.", "https://docs.example.org/guide/a/"),
        ("%2e%2E/b", "https://docs.example.org/guide/b"),
    ],
)
def test_a_link_is_resolved_against_its_page(href: str, expected: str) -> None:
    assert normal_url(href, BASE) == expected


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("HTTPS://Docs.Example.ORG", "https://docs.example.org/"),
        ("https://ada:secret@docs.example.org:443/x", "https://docs.example.org/x"),
        ("http://docs.example.org:0080/", "http://docs.example.org/"),
        ("http://docs.example.org:443/", "http://docs.example.org:443/"),
        ("https://docs.example.org./x", "https://docs.example.org/x"),
        ("https://docs.example.org/%7eada/%c3%bc%2f?q=%41", "https://docs.example.org/~ada/%C3%BC%2F?q=A"),
        ("https://docs.example.org/ü b|c", "https://docs.example.org/%C3%BC%20b%7Cc"),
        ("https://docs.example.org/100%", "https://docs.example.org/100%25"),
        ("  \thttps://docs.example.org/a\n\tb ", "https://docs.example.org/ab"),
        ("https:\\\\docs.example.org\\a\\b?c=\\d", "https://docs.example.org/a/b?c=%5Cd"),
        ("https:/docs.example.org/a", "https://docs.example.org/a"),
        ("https://docs.example.org/a//b", "https://docs.example.org/a//b"),
        ("https://bücher.example/", "https://xn--bcher-kva.example/"),
        ("https://BÜCHER。example/", "https://xn--bcher-kva.example/"),
        ("https://docs.example.org/?", "https://docs.example.org/"),
        ("https://docs.example.org/x?utm_source=a&b=2&UTM_Medium=c&a=1&fbclid=9", "https://docs.example.org/x?b=2&a=1"),
        ("https://docs.example.org/x?gclid=1", "https://docs.example.org/x"),
        ("http://2130706433/", "http://127.0.0.1/"),
        ("http://0x7f.1/", "http://127.0.0.1/"),
        ("http://0177.0.0.1/", "http://127.0.0.1/"),
        ("http://１２７.0.0.1/", "http://127.0.0.1/"),
        ("http://[0:0:0:0:0:0:0:1]:8080/", "http://[::1]:8080/"),
    ],
)
def test_spellings_of_one_address_become_one(written: str, expected: str) -> None:
    assert normal_url(written) == expected


@pytest.mark.parametrize(
    "written",
    [
        "",
        "page.html",
        "mailto:ada@example.org",
        "javascript:void(0)",
        "data:text/html,x",
        "ftp://example.org/",
        "file:///etc/passwd",
        "https://",
        "https:///",
        "https://a b.example/",
        "https://example.org:99999/",
        "https://example.org:0/",
        "https://example.org:" + "9" * 10_000,
        "https://example.org:x/",
        "https://example..org/",
        "https://[::1/",
        "https://[fe80::1%25eth0]/",
        "https://256.256.256.256/",
        "https://exa%00mple.org/",
        "https://%ff.example/",
        "https://example.org/\ud800",
        "https://example.org/" + "a" * MAX_URL,
        "https://example.org/#" + "a" * 1_000_000,
    ],
)
def test_what_is_no_web_address_gives_nothing(written: str) -> None:
    assert normal_url(written) == ""


def test_the_longest_address_taken_is_counted_in_normal_form() -> None:
    longest = "https://example.org/" + "a" * (MAX_URL - 20)
    assert normal_url(longest + "#with-a-fragment") == longest
    assert normal_url(longest + "a") == ""
    assert normal_url("https://example.org/" + "ü" * (MAX_URL // 6)) == ""


@given(_HREF, st.sampled_from(["", BASE, "http://[::1]:8/x/y"]))
@example("https:////x//..//y", "")
@example("http://x/%2%35%32e/..", "")
@example("//\\@x:080\\..?%", BASE)
def test_any_text_gives_a_normal_form_that_stays_as_it_is(href: str, base: str) -> None:
    url = normal_url(href, base)
    if not url:
        return
    assert normal_url(url) == url
    assert normal_url(url, BASE) == url
    parts = urlsplit(url)
    assert parts.scheme in ("http", "https")
    assert parts.hostname
    assert parts.path.startswith("/")
    assert url.isascii()
    assert url.isprintable()
    assert not parts.fragment
    assert parts.username is None
    assert not {".", ".."} & set(parts.path.split("/"))


@given(st.lists(_SEGMENT, max_size=4), st.lists(_SEGMENT, max_size=4))
@example(["A"], ["a"])
@example(["a"], ["a", "b"])
@example(["a+b"], ["a b"])
def test_different_paths_stay_different(one: list[str], other: list[str]) -> None:
    urls = {normal_url("https://example.org/" + "/".join(path)) for path in (one, other)}
    assert len(urls) == len({tuple(one), tuple(other)})
    assert "" not in urls


@given(st.lists(st.sampled_from(["a=1", "b=2", "b=3", "utm_x=1", "c", "A=1", "gclid=7", "%61=1"]), max_size=8))
def test_parameters_keep_their_order(pieces: list[str]) -> None:
    query = normal_url("https://example.org/?" + "&".join(pieces)).partition("?")[2]
    kept = [piece.replace("%61", "a") for piece in pieces if not piece.startswith(("utm_", "gclid"))]
    assert query == "&".join(kept)


def test_the_usual_spellings_of_a_page_share_a_loose_key() -> None:
    spellings = [
        "https://www.example.org/guide/",
        "http://example.org/guide",
        "https://example.org/guide/index.html",
        "https://example.org/guide/INDEX.HTM",
        "https://example.org/guide/index.php",
        "https://example.org/guide/default.htm",
    ]
    assert {loose_key(url) for url in spellings} == {"example.org/guide"}
    assert loose_key("https://example.org/") == loose_key("http://www.example.org/index.html") == "example.org"


def test_other_pages_have_other_loose_keys() -> None:
    urls = [
        "https://example.org/guide",
        "https://example.org/Guide",
        "https://example.org/guide?page=2",
        "https://example.org/guide.html",
        "https://example.org/guide/my-index.html",
        "https://example.org:8443/guide",
        "https://docs.example.org/guide",
    ]
    assert len({loose_key(url) for url in urls}) == len(urls)
