"""A release of a site in which every page changes its bytes and few their text: only those few are embedded."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest

from vector_pipeline_tests.simulators.docs_site import DocsSite
from vector_pipeline_tests.simulators.docs_site_pages import Layout
from vector_pipeline_tests.simulators.openai_server import OpenAIServer
from vector_pipeline_tests.sync.exactness import assert_exact, served_by
from vector_pipeline_tests.sync.followed_site import FollowedSite
from vector_pipeline_tests.sync.real_sites import DOCLING

PAGES = 40


@pytest.mark.parametrize(
    ("sitemap", "layout", "validators"),
    [("plain", "material", "both"), ("none", "sphinx", "last-modified"), ("index", "bare", "none")],
)
def test_a_release_embeds_only_what_changed_its_text(
    folder: Path, endpoint: OpenAIServer, sitemap: Any, layout: Layout, validators: Any
) -> None:
    with DocsSite(generated=PAGES, seed=9) as site:
        site.sitemap, site.validators = sitemap, validators
        site.theme = replace(site.theme, layout=layout)
        followed = FollowedSite(folder, site.url, served_by(endpoint))
        assert followed.sync()["added"] == PAGES
        snapshot, known = followed.project.snapshot(), Counter(endpoint.texts)
        versions = followed.held()
        for _ in range(2):
            site.release()
            site.log.clear()
            assert followed.sync() == {"unchanged": PAGES}
            assert site.log.count(status=304) <= 2, "the bytes of every page changed"
        assert followed.project.snapshot() == snapshot
        edited = Random(sitemap).sample(site.paths(), 7)
        for path in edited:
            site.edit(path)
        site.release()
        found = followed.sync()
        assert (found["changed"], found["unchanged"]) == (len(edited), PAGES - len(edited))
        new = endpoint.texts - known
        assert len(new) == new.total() == found["embedded"] == len(edited)
        assert all("Edit " in text for text in new)
        changed = {url for url, version in followed.held().items() if versions[url] != version}
        assert changed == set(map(site.address, edited))
        assert followed.probe() == followed.built()
        assert_exact(followed.project)


def test_another_theme_altogether_embeds_nothing(folder: Path, endpoint: OpenAIServer) -> None:
    with DocsSite(generated=24, seed=10) as site:
        followed = FollowedSite(folder, site.url, served_by(endpoint))
        followed.sync()
        embedded = endpoint.embedded_texts
        layouts: tuple[Layout, ...] = ("sphinx", "bare", "material")
        for layout in layouts:
            site.theme = replace(site.theme.released(), layout=layout, name="A new name")
            followed.sync()
            assert endpoint.embedded_texts == embedded, layout
        assert_exact(followed.project)


class Release:
    """Another build of the same documentation by a newer theme: all that surrounds the text differs."""

    def __init__(self, seed: int, edited: Mapping[str, str]) -> None:
        """`edited` maps paths to sentences that their first paragraph begins with from now on."""
        self._seed, self._edited = seed, edited
        self.changed: set[str] = set()

    def __call__(self, path: str, body: bytes) -> bytes:
        """The file as the new build has it."""
        if b"<html" not in body:
            return body
        dice = Random(f"{self._seed} {path}")
        text = body.decode()
        for pattern, change in self._changes(dice):
            text = re.sub(pattern, change, text)
        if sentence := self._edited.get(path):
            text = _edit(text, sentence)
        self.changed.add(path)
        return text.encode()

    def _changes(self, dice: Random) -> list[tuple[str, str | Callable[[re.Match[str]], str]]]:
        build, stamp = (
            f"{Random(self._seed).getrandbits(32):08x}",
            f"2026-06-{self._seed:02d} 11:{dice.randrange(60):02d}",
        )
        return [
            (r"\.[0-9a-f]{8}\.min\.(css|js)", rf".{build}.min.\1"),
            (r"mkdocs-[\d.]+, mkdocs-material-[\d.]+", f"mkdocs-1.7.{self._seed}, mkdocs-material-10.{self._seed}"),
            (r"<body ", f'<body class="theme-{build}" data-built="{stamp}" '),
            (r"<head>", f'<head><meta name="build" content="{build}-{dice.random()}"><!-- built {stamp} -->'),
            (r'<li class="md-nav__item">', lambda found: found[0] + dice.choice(["", "", _NEW_ENTRY])),
            (r'class="md-nav__link"', 'class="md-nav__link md-nav__link--new"'),
            (r'(<footer class="md-footer">)', rf"\1<p>Copyright. Last built {stamp}, release {self._seed}.0.</p>"),
            (r"(</main>)", rf'\1<script src="/docling/assets/{build}.js"></script>'),
            (r'(<div class="md-header__topic[^>]*>)', rf"\1<span>release {self._seed}.0</span>"),
        ]


_NEW_ENTRY = '<a class="md-nav__link" href="/docling/">A new entry</a></li><li class="md-nav__item">'


def _edit(text: str, sentence: str) -> str:
    """Puts a sentence before the first paragraph of the article."""
    before, article, content = text.partition('<article class="md-content__inner')
    return before + article + re.sub(r"</h1>", f"</h1><p>{sentence}</p>", content, count=1)


@pytest.mark.realdata
@pytest.mark.parametrize("seed", [1])
def test_a_release_of_a_real_site_embeds_only_what_changed_its_text(
    folder: Path, endpoint: OpenAIServer, seed: int
) -> None:
    files = DOCLING.unpack(folder / "unpacked")
    with DocsSite(folder=files, at=DOCLING.start, public_url=DOCLING.public_url) as site:
        followed = FollowedSite(folder, site.address(DOCLING.start), served_by(endpoint))
        first = followed.sync()
        versions, snapshot, known = followed.held(), followed.project.snapshot(), Counter(endpoint.texts)
        site.transform = build = Release(seed, {})
        assert followed.sync() == {"unchanged": first["added"]}
        assert {site.address(path) for path in build.changed} >= set(versions)
        assert followed.project.snapshot() == snapshot
        headed = [url for url in sorted(versions) if b"</h1>" in _file_of(site, files, url).read_bytes()]
        edited = {
            url: f"Sentence {number} that was nowhere before."
            for number, url in enumerate(Random(seed).sample(headed, 9))
        }
        site.transform = Release(seed + 1, {f"/{url.removeprefix(site.url)}": text for url, text in edited.items()})
        found = followed.sync()
        assert (found["changed"], found["unchanged"]) == (len(edited), first["added"] - len(edited))
        assert {url for url, version in followed.held().items() if versions[url] != version} == set(edited)
        new = endpoint.texts - known
        assert all(any(sentence in text for text in new) for sentence in edited.values())
        assert len(new) == new.total() == found["embedded"] <= 3 * len(edited)


def _file_of(site: DocsSite, files: Path, url: str) -> Path:
    name = url.removeprefix(site.address(DOCLING.start))
    return files / name / "index.html"
