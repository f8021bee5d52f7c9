"""Sites under Dagster: their spaces and projects come and go as partitions, through the same factory as all others."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from vector_pipeline.orchestration.sensors import SourceNotObserved
from vector_pipeline_tests.orchestration.dagster_project import DagsterProject, evaluations
from vector_pipeline_tests.simulators.atlassian_conditions import server_error
from vector_pipeline_tests.simulators.confluence_server import ConfluenceServer
from vector_pipeline_tests.simulators.jira_server import JiraServer

FRESH = {"documents": "FRESH", "chunks": "FRESH", "embeddings": "FRESH", "points": "FRESH"}


@pytest.fixture
def wiki() -> Iterator[ConfluenceServer]:
    """A Confluence Cloud site with the space ENG and two pages."""
    with ConfluenceServer("cloud") as server:
        server.state.add_space("ENG", "Engineering")
        server.state.add_page("ENG", "Rota", "<p>The rota changes on Monday.</p>")
        server.state.add_page("ENG", "Backup", "<p>Backups are encrypted.</p>")
        yield server


@pytest.fixture
def tracker() -> Iterator[JiraServer]:
    """A Jira Data Center site with the project OPS and one issue."""
    with JiraServer("data_center") as server:
        server.state.create_issue(server.state.create_project("OPS", "Operations"), "The pager is silent")
        yield server


def test_spaces_become_partitions_and_their_changes_runs(
    dagster_project: DagsterProject, wiki: ConfluenceServer
) -> None:
    dagster_project.project.add_confluence("wiki", wiki, "*")
    assert dagster_project.settle("confluence") == ["wiki.ENG"]
    assert dagster_project.keys("confluence") == {"wiki.ENG"}
    assert dagster_project.staleness("wiki.ENG", "confluence") == FRESH
    wiki.state.add_space("OPS", "Operations")
    wiki.state.add_page("OPS", "Deploy", "<p>A canary goes first.</p>")
    deadline = time.monotonic() + 60
    while not (ran := dagster_project.settle("confluence")):
        assert time.monotonic() < deadline
    assert ran == ["wiki.OPS"]
    assert dagster_project.keys("confluence") == {"wiki.ENG", "wiki.OPS"}


def test_a_run_links_to_the_site_and_to_what_changed(dagster_project: DagsterProject, tracker: JiraServer) -> None:
    dagster_project.project.add_jira("work", tracker, "OPS")
    assert dagster_project.settle("jira") == ["work.OPS"]
    metadata = dagster_project.metadata("work.OPS", "documents", "jira")
    assert metadata["added"] == 1
    assert metadata["url"].startswith(tracker.url)
    assert f"(<{tracker.url}/browse/OPS-1>)" in metadata["latest_changes"]
    assert "pager" not in str(metadata), "no text of documents"


def test_the_checks_hold_for_sites_as_for_all(dagster_project: DagsterProject, tracker: JiraServer) -> None:
    dagster_project.project.add_jira("work", tracker, "OPS")
    dagster_project.tick("jira")
    result = dagster_project.run("jira", "work.OPS")
    assert result.success
    assert all(evaluation.passed for evaluation in evaluations(result).values())
    assert dagster_project.check().success


def test_a_space_that_the_settings_exclude_is_purged(dagster_project: DagsterProject, wiki: ConfluenceServer) -> None:
    wiki.state.add_space("TMP", "Scratch")
    wiki.state.add_page("TMP", "Draft", "<p>Nothing of this stays.</p>")
    project = dagster_project.project
    project.add_confluence("wiki", wiki, "*")
    assert sorted(dagster_project.settle("confluence")) == ["wiki.ENG", "wiki.TMP"]
    project.add_confluence("wiki", wiki, "*", exclude_spaces=["TMP"])
    assert dagster_project.settle("confluence") == ["wiki.TMP"]
    dagster_project.tick("confluence")
    assert dagster_project.keys("confluence") == {"wiki.ENG"}
    assert {hit["source_name"] for hit in project.search("nothing of this stays", limit=20)} == {"wiki.ENG"}


def test_a_site_that_does_not_answer_is_an_error_someone_sees_and_not_asked_at_every_tick(
    dagster_project: DagsterProject, wiki: ConfluenceServer
) -> None:
    wiki.faults.always(server_error(503))
    dagster_project.project.add_confluence("wiki", wiki, "*", discover_every="1h", max_wait="1s", timeout="60s")
    dagster_project.tick("confluence")
    asked = wiki.log.count()
    for _ in range(3):
        with pytest.raises(SourceNotObserved, match="confluence/wiki"):
            dagster_project.tick("confluence")
    assert wiki.log.count() == asked
    wiki.faults.clear()
    dagster_project.project.add_confluence("wiki", wiki, "*", discover_every="1s")
    deadline = time.monotonic() + 60
    while "wiki.ENG" not in dagster_project.keys("confluence"):
        assert time.monotonic() < deadline
        dagster_project.settle_in_spite_of_errors("confluence")
    assert dagster_project.staleness("wiki.ENG", "confluence") == FRESH
