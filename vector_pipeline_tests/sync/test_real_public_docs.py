"""Real documentation sites through all stages: every page once, all of its words, its code as it is, and no chrome."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Set
from pathlib import Path

import pytest

from vector_pipeline.conversion.html import decode_page
from vector_pipeline.documents import Document, Item
from vector_pipeline_tests.simulators.docs_site import DocsSite
from vector_pipeline_tests.sync.exactness import assert_consistent
from vector_pipeline_tests.sync.followed_site import FollowedSite
from vector_pipeline_tests.sync.real_sites import (
    DOCLING,
    GIT,
    SQLITE,
    RealSite,
    code_of_markdown,
    reachable,
    words,
    words_of_markdown,
)

MEASURED = 150
"""Pages of a site that are compared word by word."""


def listed(files: Path) -> set[str]:
    """The paths that the sitemap of the files lists, without those that only send their readers on."""
    urls = re.findall(r"<loc>([^<]+)</loc>", (files / "sitemap.xml").read_text())
    names = [url.removeprefix(DOCLING.public_url) for url in urls]
    leaps = [name for name in names if 'http-equiv="refresh"' in (files / name / "index.html").read_text()]
    assert (len(names), leaps) == (131, ["usage/"])
    return {f"{DOCLING.start}{name}" for name in names if name not in leaps}


def sync_real(site: DocsSite, followed: FollowedSite, expected: Set[str]) -> None:
    """Every page expected becomes a document once, and a second sync asks on conditions only and changes nothing."""
    found = followed.sync()
    held = {url.removeprefix(site.url.removesuffix("/")) for url in followed.held()}
    assert held == expected
    assert found["added"] == len(expected)
    assert followed.quarantine() == {}
    assert all(number == 1 for path, number in site.log.by_path().items() if path in expected)
    assert_consistent(followed.project)
    site.log.clear()
    assert {name for name in followed.sync() if not name.startswith("skipped")} == {"unchanged"}
    asked = [one for one in site.log.all() if one.path in expected]
    assert {one.path for one in asked} == expected
    assert all(one.conditional and one.status == 304 for one in asked)


def measure(real: RealSite, site: DocsSite, followed: FollowedSite, folder: Path) -> tuple[float, float]:
    """The shares of words kept and of words added; asserts that the code blocks are what they were."""
    held = followed.held()
    urls = sorted(held)[:: max(1, len(held) // MEASURED)]
    wanted = kept = given = added = 0
    with followed.project.open() as pipeline, pipeline.source(followed.partition) as source:
        for document in source.fetch([Item(url.encode(), held[url], url) for url in urls]):
            assert isinstance(document, Document), document
            name = document.uri.removeprefix(site.address(real.start))
            file = folder / (f"{name}index.html" if not name or name.endswith("/") else name)
            html = decode_page(file.read_bytes(), "")
            page_words, page_code = real.words_and_code(html)
            said, title = words_of_markdown(document.text), words(document.title)
            pictures = words(" ".join(re.findall(r'alt="([^"]*)"', html)))
            wanted += page_words.total()
            kept += (page_words & (said + title)).total()
            given += said.total()
            added += (said - page_words - title - pictures).total()
            assert Counter(page_code) - Counter(code_of_markdown(document.text)) == Counter(), document.uri
    return kept / wanted, added / given


@pytest.mark.realdata
@pytest.mark.parametrize("real", [SQLITE, GIT], ids=["sqlite", "git"])
def test_a_real_site_without_a_sitemap_is_found_by_its_links(folder: Path, real: RealSite) -> None:
    files = real.unpack(folder / "unpacked")
    with DocsSite(folder=files, at=real.start) as site:
        followed = FollowedSite(folder, site.address(real.start))
        expected = reachable(files, real.start)
        sync_real(site, followed, expected)
        kept, added = measure(real, site, followed, files)
        assert kept >= 0.99
        assert added <= 0.01


@pytest.mark.realdata
def test_a_real_site_with_a_sitemap_is_found_by_it(folder: Path) -> None:
    files = DOCLING.unpack(folder / "unpacked")
    with DocsSite(folder=files, at=DOCLING.start, public_url=DOCLING.public_url) as site:
        followed = FollowedSite(folder, site.address(DOCLING.start))
        expected = listed(files)
        sync_real(site, followed, expected)
        kept, added = measure(DOCLING, site, followed, files)
        assert kept >= 0.99
        assert added <= 0.01
