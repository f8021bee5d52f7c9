"""A larger site: what visits of it cost in requests, how fast they are, and what memory they take."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from vector_pipeline_tests.simulators.docs_site_server import Counts, DocsSiteProcess
from vector_pipeline_tests.sync.measured_docs import Cost, Follower, following, settings_of

FEW, MANY = 300, 1200
DELAY = 0.002
EDITS = 20
BESIDE = 12
"""Requests of a sync that are for no page of their own: robots.txt, sitemaps, a sample, one for no page at all."""


class Scene:
    """A site of some size with its follower, each in a process of its own."""

    def __init__(self, pages: int, site: DocsSiteProcess, follower: Follower) -> None:
        self.pages, self.site, self.follower = pages, site, follower
        self.first = self.does("sync")

    def does(self, order: str) -> tuple[Cost, Counts]:
        """What an order cost, and what the site was asked for."""
        self.site.clear()
        cost = self.follower(order)
        return cost, self.site.counts()


@pytest.fixture(scope="module")
def scenes() -> Iterator[tuple[Scene, Scene]]:
    with (
        tempfile.TemporaryDirectory() as folder,
        DocsSiteProcess(FEW) as few,
        DocsSiteProcess(MANY) as many,
        following(Path(folder, "few"), settings_of(few.url, DELAY)) as following_few,
        following(Path(folder, "many"), settings_of(many.url, DELAY)) as following_many,
    ):
        yield Scene(FEW, few, following_few), Scene(MANY, many, following_many)


def test_a_first_visit_asks_for_each_page_once(scenes: tuple[Scene, Scene]) -> None:
    for scene in scenes:
        cost, asked = scene.first
        assert cost.fetched == scene.pages
        assert scene.pages < asked.requests <= scene.pages + BESIDE
        assert asked.most_of_one_path <= 3, "robots.txt, sitemap and sample are asked for by the probe as well"
        assert asked.most_at_once <= 4


def test_an_unchanged_visit_asks_only_conditionally_and_fetches_nothing(scenes: tuple[Scene, Scene]) -> None:
    for scene in scenes:
        cost, asked = scene.does("revisit")
        assert cost.fetched == 0
        assert scene.pages < asked.requests <= scene.pages + 2 * BESIDE
        assert asked.requests - asked.conditional <= 3, "robots.txt alone is asked for plainly"
        assert asked.by_status.get(200, 0) <= 3
        assert asked.seconds >= (asked.requests - 5) * DELAY * 0.9, "never faster than the delay allows"


def test_a_probe_costs_the_same_however_large_the_site_is(scenes: tuple[Scene, Scene]) -> None:
    asked = [scene.does("probe")[1] for scene in scenes]
    assert asked[0].requests == asked[1].requests <= BESIDE


def test_twenty_edits_that_the_sitemap_announces_cost_twenty_requests(scenes: tuple[Scene, Scene]) -> None:
    scene = scenes[1]
    scene.site.edit(EDITS)
    cost, asked = scene.does("sync")
    assert cost.fetched == EDITS
    assert asked.requests <= EDITS + 2 * BESIDE


def test_a_release_that_changes_every_byte_fetches_nothing(scenes: tuple[Scene, Scene]) -> None:
    scene = scenes[0]
    scene.site.release()
    cost, asked = scene.does("revisit")
    assert cost.fetched == 0
    assert asked.by_status[200] >= scene.pages
    again, unchanged = scene.does("revisit")
    assert again.fetched == 0
    assert unchanged.by_status.get(200, 0) <= 3, "the new validators are kept"


def test_memory_hardly_grows_with_the_pages(scenes: tuple[Scene, Scene]) -> None:
    few, many = (scene.does("probe")[0].memory for scene in scenes)
    assert many - few < 10, "a page costs its row, not its body"
