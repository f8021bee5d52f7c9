"""Built documentation sites: the words of the content stay, those of the chrome go, code is byte for byte the same."""

from __future__ import annotations

import io
import os
import re
import tarfile
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import lxml.html
import pytest
from selectolax.lexbor import LexborHTMLParser

from vector_pipeline.conversion.html import convert_html, decode_page, page_facts
from vector_pipeline_tests.conversion.html.test_elements import code_blocks

pytestmark = pytest.mark.realdata
WORDS = re.compile(r"\w+")
INLINE = frozenset(
    "a abbr b bdi bdo big cite code data dfn em font i ins del kbd label mark q s samp small span strike strong sub "
    "sup time tt u var wbr".split()
)
UNREAD = frozenset({"script", "style", "noscript", "nav", "svg", "template", "select", "button"})
SAMPLE = 6
"""Every so many pages of a site are read."""


@cache
def pages(pattern: str) -> list[tuple[str, bytes]]:
    """A sample of the HTML files of an archive, by name."""
    root = os.environ.get("VECTOR_PIPELINE_TEST_DATA")
    if not root:
        pytest.skip("VECTOR_PIPELINE_TEST_DATA is not set")
    (path,) = Path(root).glob(f"web/{pattern}")
    packed = _data_of_package(path.read_bytes()) if path.suffix == ".deb" else path.read_bytes()
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        files = [entry for entry in archive if entry.isfile() and entry.name.endswith(".html")]
        wanted = sorted(files, key=lambda entry: entry.name)[::SAMPLE]
        order = sorted(wanted, key=lambda entry: entry.offset)
        return [(entry.name, file.read()) for entry in order if (file := archive.extractfile(entry))]


def _data_of_package(package: bytes) -> bytes:
    """The files of a Debian package: the member of an `ar` archive whose name begins with "data"."""
    position = 8
    while position < len(package):
        name, size = package[position : position + 16], int(package[position + 48 : position + 58])
        if name.startswith(b"data.tar"):
            return package[position + 60 : position + 60 + size]
        position += 60 + size + size % 2
    raise AssertionError("no data in the package")


def words(roots: list[lxml.html.HtmlElement], left_out: set[lxml.html.HtmlElement]) -> Counter[str]:
    """The words a reader sees in elements, counted by another parser than the converter's."""

    def pieces(element: lxml.html.HtmlElement) -> Iterator[str]:
        if not isinstance(element.tag, str) or element.tag in UNREAD or element in left_out:
            return
        apart = "" if element.tag in INLINE else " "
        yield apart + (f"{element.get('alt') or ''} " if element.tag == "img" else "") + (element.text or "")
        for child in element:
            yield from pieces(child)
            yield child.tail or ""
        yield apart

    return Counter(WORDS.findall("".join(piece for root in roots for piece in pieces(root))))


def material(body: lxml.html.HtmlElement) -> tuple[list[lxml.html.HtmlElement], list[lxml.html.HtmlElement]]:
    content = body.xpath('//article[contains(@class, "md-content__inner")]')
    copied = '//*[contains(@class, "clipboard")]'
    return content, body.xpath(f'//a[contains(@class, "headerlink")] | {copied}')


def asciidoc(body: lxml.html.HtmlElement) -> tuple[list[lxml.html.HtmlElement], list[lxml.html.HtmlElement]]:
    content = body.xpath('//body/*[@id="header" or @id="content" or @id="footnotes"]') or [body]
    return content, body.xpath('//*[@id="toc" or @class="toc" or @class="navheader" or @class="navfooter"]')


def sqlite(body: lxml.html.HtmlElement) -> tuple[list[lxml.html.HtmlElement], list[lxml.html.HtmlElement]]:
    left_out = body.xpath(
        '//*[@class="nosearch"][not(.//*[@class="fancy_title"])] | //*[@class="fancy_toc"] | //h[@_id]'
        ' | //p[.//a[@id="mtimelink"]]'
    )
    return [body], left_out


@pytest.mark.parametrize(
    ("archive", "content_of", "number"),
    [("docling-*.tar.xz", material, 23), ("git-doc_*.deb", asciidoc, 41), ("sqlite3-doc_*.deb", sqlite, 128)],
)
def test_a_site_keeps_its_words_and_code_and_nothing_else(
    archive: str,
    content_of: Callable[[lxml.html.HtmlElement], tuple[list[lxml.html.HtmlElement], list[lxml.html.HtmlElement]]],
    number: int,
) -> None:
    total = kept = links = 0
    for name, data in pages(archive):
        text = decode_page(data)
        converted = convert_html(text)
        parser = lxml.html.HTMLParser(encoding="utf-8", huge_tree=True)
        body = lxml.html.document_fromstring(text.encode(), parser=parser).find("body")
        content, left_out = content_of(body)
        expected, found = words(content, set(left_out)), Counter(WORDS.findall(converted.text))
        chrome = words([body], set()) - expected
        size = expected.total()
        if not content:
            continue  # a page that only sends its readers elsewhere
        assert (expected & found).total() >= 0.99 * size - 2, (name, (expected - found).most_common(10))
        assert ((found - expected) & chrome).total() <= 0.01 * size + 2, (name, (found - expected).most_common(10))
        code = [node.text().removesuffix("\n") + "\n" for node in LexborHTMLParser(text).body.css("pre:not(:has(pre))")]
        assert Counter(code_blocks(converted.text)) >= Counter(block for block in code if block.strip()), name
        offsets = [offset for offset, _ in converted.metadata.get("anchors", ())]
        assert offsets == sorted(set(offsets))
        links += len(page_facts(text).links)
        total, kept = total + size, kept + (expected & found).total()
    assert len(pages(archive)) == number
    assert kept >= 0.999 * total
    assert links > 3 * number


def test_known_pages_become_known_markdown() -> None:
    root = os.environ.get("VECTOR_PIPELINE_TEST_DATA")
    if not root:
        pytest.skip("VECTOR_PIPELINE_TEST_DATA is not set")
    folder = Path(root) / "local/office_and_pdf/html"
    pairs = [(path, folder / f"groundtruth/{path.name}.md") for path in sorted((folder / "sources").glob("*.html"))]
    # What is known of the encyclopedia's page holds its menus.
    known = [(page, truth) for page, truth in pairs if truth.exists() and page.name != "wiki_duck.html"]
    for page, truth in known:
        found = convert_html(decode_page(page.read_bytes())).text
        expected = WORDS.findall(re.sub(r"\]\([^)]*\)|<!--.*?-->|&\w+;|\\", " ", truth.read_text()))
        assert sum(word in found for word in expected) >= 0.99 * len(expected), page.name
    assert len(known) > 10
