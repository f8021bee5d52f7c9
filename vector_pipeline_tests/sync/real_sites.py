"""Real documentation sites, unpacked where the test data lies, and what a reader without our rules sees in their pages.

The content element of each site is named here by hand, so that what the pipeline finds by rule can be measured.
"""

from __future__ import annotations

import io
import os
import re
import tarfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urldefrag, urljoin, urlsplit

import pytest
from selectolax.lexbor import LexborHTMLParser, LexborNode

_BLOCKS = (
    "address, article, aside, blockquote, br, caption, dd, details, div, dl, dt, figcaption, figure, footer, h1, h2, "
    "h3, h4, h5, h6, header, hr, img, li, main, ol, p, pre, section, summary, table, tbody, td, tfoot, th, thead, tr, "
    "ul"
)
_NO_TEXT = "script, style, template, noscript, svg"
_MARKER = re.compile(r"^[ >]*(?:\d+[.)]|[-*+]|#+) ", re.MULTILINE)
_FENCE = re.compile(
    r"^(?P<indent>[ >]*)(?P<item>(?:(?:[-*+]|\d+[.)]) +)*)(?P<fence>`{3,}|~{3,})[^\n`]*\n"
    r"(?P<code>.*?)^[ >]*(?P=fence)[ \t]*$",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class RealSite:
    """`content` selects the content element, `beside` what stands in it and is navigation or a tool.

    `start` is the path of the site, `folder` its place in the package, `public_url` the address it was built for.
    """

    package: str
    folder: str
    start: str
    content: str
    beside: str
    public_url: str = ""

    def unpack(self, to: Path) -> Path:
        """The folder with the site's files, unpacked below `to`. Skips the test where there is no test data."""
        data = os.environ.get("VECTOR_PIPELINE_TEST_DATA")
        if not data:
            pytest.skip("VECTOR_PIPELINE_TEST_DATA is not set")
        [package] = (Path(data) / "web").glob(self.package)
        packed = io.BytesIO(_data_of(package.read_bytes()) if package.suffix == ".deb" else package.read_bytes())
        with tarfile.open(fileobj=packed) as files:
            files.extractall(to, filter="data")
        return to / self.folder

    def words_and_code(self, html: str) -> tuple[Counter[str], list[str]]:
        """The words of the content, and its code blocks."""
        page = LexborHTMLParser(html)
        content = page.css_first(self.content)
        if content is None:
            return Counter(), []
        for node in content.css(f"{_NO_TEXT}, {self.beside}"):
            node.decompose(recursive=True)
        code = [_code(node) for node in content.css("pre:not(pre pre)")]
        for node in content.css(_BLOCKS):
            node.insert_before("\n")
            node.insert_after("\n")
        return words(content.text()), [block for block in code if block.strip()]


SQLITE = RealSite(
    "sqlite3-doc_*.deb", "usr/share/doc/sqlite3", "/", "body", ".nosearch, .fancy_toc, [style*='display:none']"
)
GIT = RealSite("git-doc_*.deb", "usr/share/doc/git-doc", "/git-doc/", "body", "#footer, #toc")
DOCLING = RealSite(
    "docling-gh-pages-*.tar.xz",
    "",
    "/docling/",
    "article.md-content__inner",
    ".headerlink, .md-content__button, .clipboard-copy-txt, .anchor-link, .linenos",
    "https://docling-project.github.io/docling/",
)


def words(text: str) -> Counter[str]:
    """The words of a text and how often each occurs; marks and punctuation are none."""
    return Counter(re.findall(r"[^\W_]+", re.sub(r"[*`~]", "", text)))


def words_of_markdown(text: str) -> Counter[str]:
    """The same for markdown: what only marks it up (markers of lists, languages of code) does not count."""
    text = re.sub(r"^([ >]*)(`{3,}|~{3,})[^\n`]*$", r"\1", text, flags=re.MULTILINE)
    return words(_MARKER.sub(" ", _MARKER.sub(" ", re.sub(r"\\([^\w\s])", r"\1", text))))


def code_of_markdown(text: str) -> list[str]:
    """The code blocks of a markdown text as they are shown; in a table a block of one line is a span."""
    found = re.findall(r"`([^`\n]+)`", text)
    for block in _FENCE.finditer(text):
        indent = block["indent"] + " " * len(block["item"])
        code = block["code"].split("\n")
        lines = (line.removeprefix(indent) if line != indent.rstrip() else "" for line in code)
        found.append("\n".join(lines).strip("\n"))
    return found


def reachable(folder: Path, start: str) -> set[str]:
    """The paths of all HTML files that links lead to from the start on, by a walk over the files alone.

    An index page is its folder.
    """
    seen, queue = {start}, [start]
    while queue:
        path = queue.pop()
        file = _file(folder, start, path)
        for link in _links(LexborHTMLParser(file.read_bytes()), path):
            if link.startswith(start) and link not in seen and _file(folder, start, link).suffix == ".html":
                target = _file(folder, start, link)
                if target.is_file():
                    seen.add(link)
                    queue.append(link)
    return seen


def _links(page: LexborHTMLParser, path: str) -> Iterator[str]:
    for node in page.css("a[href], area[href]"):
        url = urlsplit(urljoin(f"http://site{path}", urldefrag((node.attributes["href"] or "").strip()).url))
        if url.netloc == "site" and not url.query:
            yield re.sub(r"/index\.html$", "/", url.path)


def _file(folder: Path, start: str, path: str) -> Path:
    name = path.removeprefix(start)
    return folder / (f"{name}index.html" if not name or name.endswith("/") else name)


def _code(pre: LexborNode) -> str:
    for node in pre.css("br"):
        node.replace_with("\n")
    return pre.text().strip("\n")


def _data_of(package: bytes) -> bytes:
    """The member data.tar of a Debian package, which is an ar archive."""
    place = len(b"!<arch>\n")
    while place + 60 <= len(package):
        head = package[place : place + 60]
        size = int(head[48:58])
        if head.startswith(b"data.tar"):
            return package[place + 60 : place + 60 + size]
        place += 60 + size + size % 2
    raise ValueError("the package holds no data.tar")
