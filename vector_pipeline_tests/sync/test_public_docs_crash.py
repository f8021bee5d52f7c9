"""Visits killed (SIGKILL) at a request, or before their work is applied: the next run asks for the rest only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from vector_pipeline_tests.project import Project, counts
from vector_pipeline_tests.simulators.docs_site import DocsSite
from vector_pipeline_tests.simulators.openai_server import OpenAIServer
from vector_pipeline_tests.sync.exactness import assert_consistent, assert_exact, due, served_by
from vector_pipeline_tests.sync.killed_sync import KillPoint, sync_killed
from vector_pipeline_tests.sync.watched_sync import sync_killed_at_request

PAGES = 40
CONCURRENCY = 2
UNDER_WAY = 2 * CONCURRENCY
"""Pages asked for whose answers no kill lets be recorded."""
DYING = "dying"
"""What a sync calls itself that will be killed."""


class Story:
    """A project that follows a site of `PAGES` pages; whole visits are made in each sync, or with `calm` in none."""

    def __init__(self, folder: Path, site: DocsSite, endpoint: OpenAIServer) -> None:
        self.site = site
        self.project = Project(folder / "project", {**served_by(endpoint), "limits": {"fetch_batch": 5}})
        self.partition = self.configure()

    def configure(self, *, calm: bool = True) -> str:
        often = {} if calm else {"census_every": "0.001s", "revisit_soonest": "0.001s"}
        return self.project.add_public_docs(
            "guide", self.site.url, concurrency=CONCURRENCY, max_retries=0, sample=0, **often
        )

    def kill_at(self, number: int) -> Counter[str]:
        """Pages that were asked for until the sync died at a request.

        It goes by a name of its own: the site may come to its last requests after its death.
        """
        self.site.log.clear()
        settings = self.project.settings["sources"]["public_docs"]["guide"]
        settings["user_agent"] = DYING
        self.project.write()
        sync_killed_at_request(self.project, self.partition, self.site, number)
        del settings["user_agent"]
        self.project.write()
        return self.asked(DYING)

    def sync(self) -> Any:
        """The counts of the documents stage."""
        self.site.log.clear()
        return counts(self.project.sync(self.partition), "documents")

    def asked(self, by: str = "vector-pipeline/") -> Counter[str]:
        """How often each page was asked for since the last kill or sync began."""
        pages = set(self.site.paths())
        return Counter(one.path for one in self.site.log.all() if one.path in pages and one.user_agent.startswith(by))


@pytest.fixture
def site() -> Iterator[DocsSite]:
    with DocsSite(generated=PAGES) as site:
        yield site


@pytest.fixture
def story(folder: Path, site: DocsSite, endpoint: OpenAIServer) -> Story:
    return Story(folder, site, endpoint)


@pytest.mark.parametrize("sitemap", ["plain", "none"])
def test_a_killed_first_visit_is_continued_with_the_pages_not_recorded(
    story: Story, endpoint: OpenAIServer, sitemap: Any
) -> None:
    story.site.sitemap = sitemap
    before = story.kill_at(PAGES // 2)
    assert len(before) > PAGES // 4
    assert due(story.project, story.partition) is not None
    assert story.sync()["added"] == PAGES
    again = story.asked()
    assert set(before) | set(again) == set(story.site.paths())
    assert max(again.values()) == 1
    assert len(set(before) & set(again)) <= UNDER_WAY
    assert max(endpoint.texts.values()) == 1
    assert_exact(story.project)


@pytest.mark.parametrize("number", [1, 3, 12, PAGES])
def test_a_killed_revisit_of_a_changed_site_is_continued_and_ends_exact(
    story: Story, endpoint: OpenAIServer, number: int
) -> None:
    story.sync()
    story.site.release()
    paths = story.site.paths()
    for path in paths[3::10]:
        story.site.edit(path)
    story.site.remove(paths[8])
    story.site.move(paths[9], "/moved/")
    story.configure(calm=False)
    texts = endpoint.embedded_texts
    before = story.kill_at(number)
    assert endpoint.embedded_texts == texts
    found = story.sync()
    again = story.asked()
    assert (found["changed"], found["deleted"], found["moved"]) == (4, 2, 1)
    assert len(set(before) & set(again)) <= UNDER_WAY
    assert max(again.values()) == 1
    assert all(one.conditional for one in story.site.log.all() if one.path in again and one.path != "/moved/")
    assert endpoint.embedded_texts - texts <= 4 * 10, "only chunks of what was edited"
    if number == 12:
        assert_exact(story.project)
    assert_consistent(story.project)


def test_every_run_is_killed_and_the_visit_still_comes_to_its_end(story: Story) -> None:
    asked: Counter[str] = Counter()
    for _ in range(4):
        asked += story.kill_at(11)
    assert story.sync()["added"] == PAGES
    asked += story.asked()
    assert asked.total() <= PAGES + 4 * UNDER_WAY
    assert_exact(story.project)


@pytest.mark.parametrize(
    "point",
    [
        KillPoint("store", "apply_documents", 1, after=False),
        KillPoint("store", "apply_documents", 3),
        KillPoint("store", "record_scan", 1, after=False),
    ],
    ids=str,
)
def test_a_kill_between_the_visit_and_its_work_asks_for_no_page_again(
    story: Story, endpoint: OpenAIServer, point: KillPoint
) -> None:
    sync_killed(story.project, story.partition, point)
    assert due(story.project, story.partition) is not None
    story.sync()
    assert not story.asked()
    assert max(endpoint.texts.values()) == 1
    assert len(story.project.paths()) == PAGES
    assert_consistent(story.project)


def test_changes_found_by_a_revisit_are_applied_by_the_run_after_the_kill(story: Story) -> None:
    story.sync()
    paths = story.site.paths()
    for path in paths[::4]:
        story.site.edit(path)
    story.site.remove(paths[-1])
    story.configure(calm=False)
    sync_killed(story.project, story.partition, KillPoint("store", "delete_documents", 1, after=False))
    story.configure()
    assert due(story.project, story.partition) is not None
    found = story.sync()
    assert not story.asked()
    assert found["deleted"] == 1
    assert due(story.project, story.partition) is None
    assert_exact(story.project)


def test_a_page_edited_between_the_kill_and_the_restart_is_brought_in_as_it_is_now(story: Story) -> None:
    before = story.kill_at(PAGES // 2)
    edited = min(before)
    story.site.edit(edited, "A sentence of the last minute.")
    story.sync()
    story.configure(calm=False)
    story.sync()
    assert "last minute" in story.project.search("a sentence of the last minute", limit=1)[0]["text"]
    assert_exact(story.project)
