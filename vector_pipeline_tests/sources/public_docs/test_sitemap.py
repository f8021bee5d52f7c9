"""Sitemaps: every usual form is read whole, and nothing else is taken for one."""

from __future__ import annotations

import gzip
import time
import zlib
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vector_pipeline.sources.public_docs.sitemap import (
    MAX_ENTRIES,
    Sitemap,
    SitemapEntry,
    SitemapUnreadable,
    read_sitemap,
)

URL = "https://docs.example.org/sitemap.xml"
PLAIN = b"""<?xml version="1.0" encoding="UTF-8"?>
<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9" xmlns:image="http://www.google.com/schemas/sitemap-image/1.1">
  <url><loc>
    https://docs.example.org/a?x=1&amp;y=2 </loc><lastmod>2024-05-01</lastmod>
    <image:image><image:loc>https://docs.example.org/a.png</image:loc></image:image></url>
  <url><image:image><image:loc>https://docs.example.org/b.png</image:loc></image:image>
    <loc><![CDATA[https://docs.example.org/b]]></loc></url>
  <url><lastmod>2024-05-02</lastmod></url>
  <!-- <url><loc>https://docs.example.org/hidden</loc></url> -->
</urlset>"""
PAGES = (SitemapEntry("https://docs.example.org/a?x=1&y=2", "2024-05-01"), SitemapEntry("https://docs.example.org/b"))


def _urls(data: bytes) -> list[str]:
    return [entry.url for entry in read_sitemap(data, URL).entries]


def _refused(data: bytes) -> str:
    """The reason why it is refused, soon."""
    started = time.thread_time()
    with pytest.raises(SitemapUnreadable) as refused:
        read_sitemap(data, URL)
    assert time.thread_time() - started < 20
    assert URL in str(refused.value)
    return refused.value.reason


@pytest.mark.parametrize(
    "data",
    [
        PLAIN,
        gzip.compress(PLAIN),
        gzip.compress(PLAIN[:100]) + gzip.compress(PLAIN[100:]),
        b"\xef\xbb\xbf" + PLAIN,
        b"\n  \n" + PLAIN,
        b"\xff\xfe" + PLAIN.decode().replace("UTF-8", "UTF-16").encode("utf-16-le"),
        PLAIN.replace(b"schemas/sitemap/0.9", b"no/such/namespace"),
        PLAIN.replace(b' xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"', b""),
        PLAIN.replace(b"UTF-8", b"iso-8859-1"),
        PLAIN.replace(b"</urlset>", b"<x>\x0b\x01</x></urlset>"),
    ],
    ids=["plain", "gzip", "members", "bom", "blank lines", "utf-16", "namespace", "no namespace", "latin", "controls"],
)
def test_every_way_to_write_a_sitemap_gives_the_same_pages(data: bytes) -> None:
    assert read_sitemap(data, URL) == Sitemap(PAGES)


def test_an_index_names_further_sitemaps() -> None:
    data = (
        b"<sitemapindex><sitemap><loc>/one.xml</loc></sitemap><sitemap><loc> two.xml.gz </loc></sitemap></sitemapindex>"
    )
    assert read_sitemap(data, URL) == Sitemap(children=("/one.xml", "two.xml.gz"))


def test_a_list_of_addresses_is_a_sitemap() -> None:
    assert _urls(b"\xef\xbb\xbfhttps://x.org/a\r\n\r\nhttps://x.org/b \n") == ["https://x.org/a", "https://x.org/b"]


def test_feeds_are_sitemaps() -> None:
    rss = b"""<rss version="2.0"><channel><link>https://x.org/</link>
      <item><link>https://x.org/a</link><pubDate>Mon, 6 May 2024 10:00:00 GMT</pubDate></item></channel></rss>"""
    atom = b"""<feed xmlns="http://www.w3.org/2005/Atom"><link href="https://x.org/feed" rel="self"/><entry>
      <link rel="replies" href="https://x.org/a/comments"/><link href="https://x.org/a"/><updated>2024-05-06</updated>
      </entry></feed>"""
    assert read_sitemap(rss, URL).entries == (SitemapEntry("https://x.org/a", "Mon, 6 May 2024 10:00:00 GMT"),)
    assert read_sitemap(atom, URL).entries == (SitemapEntry("https://x.org/a", "2024-05-06"),)


def test_bare_ampersands_are_forgiven() -> None:
    assert _urls(b"<urlset><url><loc>https://x.org/?a=1&b=2&amp;c=3</loc></url></urlset>") == [
        "https://x.org/?a=1&b=2&c=3"
    ]


def test_an_empty_sitemap_of_a_site_lists_nothing() -> None:
    assert read_sitemap(b"<urlset></urlset>", URL) == Sitemap()


@given(st.integers(1, len(PLAIN) - 1))
def test_a_cut_off_sitemap_is_never_a_shorter_list(length: int) -> None:
    for data in (PLAIN[:length], gzip.compress(PLAIN)[: length * len(gzip.compress(PLAIN)) // len(PLAIN)]):
        with pytest.raises(SitemapUnreadable):
            read_sitemap(data, URL)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    for head in (b"", b"<urlset>", b"\x1f\x8b", b'<?xml version="1.0" encoding="'):
        with suppress(SitemapUnreadable):
            read_sitemap(head + data, URL)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "is empty"),
        (b" \n", "is empty"),
        (b"<!DOCTYPE html><html><body>Sign in</body></html>", "is a web page, not a sitemap"),
        (
            b"<?xml version='1.0'?><!-- x --><html xmlns='http://www.w3.org/1999/xhtml'/>",
            "is a web page, not a sitemap",
        ),
        (b"<Error><Code>AccessDenied</Code></Error>", "is no sitemap: it is a <Error>"),
        (b"Just a moment...", "is neither XML nor a list of URLs"),
        (b"\x89PNG\r\n", "is not written in utf-8, as it should be"),
        (b'<?xml version="1.0" encoding="punycode"?><urlset/>', "names an encoding that sitemaps don't have"),
        (b"\x1f\x8b" + b"\0" * 50, "is damaged: its gzip data can't be read"),
        (b"<urlset>" + b"<a>" * 1_000_000, "is cut off or no XML"),
        (b"<urlset>" + b" " * 60_000_000 + b"</urlset>", "is larger than 50 MB"),
    ],
    ids=lambda value: "" if isinstance(value, bytes) else value,
)
def test_what_is_no_sitemap_is_refused_with_the_reason(data: bytes, reason: str) -> None:
    assert _refused(data) == reason


def test_a_sitemap_has_a_largest_number_of_pages() -> None:
    data = b"<urlset>" + b"<url><loc>/</loc></url>" * (MAX_ENTRIES + 1) + b"</urlset>"
    with pytest.raises(SitemapUnreadable, match="lists more than 200,000 pages"):
        read_sitemap(data, URL)


_ENTITIES = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12))
_BOMBS = {
    "billion laughs": f'<!DOCTYPE u [<!ENTITY l0 "lol">{_ENTITIES}]><urlset><url><loc>&l11;</loc></url></urlset>',
    "quadratic": f'<!DOCTYPE u [<!ENTITY a "{"a" * 100_000}">]><urlset><loc>{"&a;" * 100_000}</loc></urlset>',
    "external": '<!DOCTYPE u [<!ENTITY a SYSTEM "file:///etc/passwd">]><urlset><url><loc>&a;</loc></url></urlset>',
    "parameter": '<!doctype u [<!entity % a SYSTEM "http://127.0.0.1:1/x"> %a;]><urlset/>',
}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
@pytest.mark.parametrize("name", _BOMBS)
def test_entities_are_refused_before_they_are_read(name: str, encoding: str) -> None:
    assert _refused(_BOMBS[name].encode(encoding)) == "declares a document type or entities, which no sitemap needs"


def test_an_entity_without_a_declaration_is_text_at_most() -> None:
    assert _urls(b"<urlset><url><loc>https://x.org/&secret;</loc></url></urlset>") == ["https://x.org/&secret;"]


def test_a_gzip_bomb_is_refused_at_the_limit() -> None:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    zeros = b" " * 1_000_000
    bomb = b"".join(packer.compress(zeros) for _ in range(60)) + packer.flush()
    assert len(bomb) < 100_000
    assert _refused(bomb) == "is larger than 50 MB"
