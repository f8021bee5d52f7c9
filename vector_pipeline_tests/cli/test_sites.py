"""Sites on the command line: found, synced, searched and taken leave of by a person at a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from vector_pipeline_tests.cli.command import Command
from vector_pipeline_tests.project import Project
from vector_pipeline_tests.simulators.atlassian_conditions import API_TOKEN, server_error
from vector_pipeline_tests.simulators.confluence_server import ConfluenceServer
from vector_pipeline_tests.simulators.jira_server import JiraServer


@pytest.fixture
def wiki() -> Iterator[ConfluenceServer]:
    """A Confluence Cloud site: ENG with two pages, one for the group dev alone, and OPS with one."""
    with ConfluenceServer("cloud") as server:
        server.state.add_space("ENG", "Engineering")
        server.state.add_space("OPS", "Operations")
        server.state.add_page("ENG", "Rota", "<p>The pager rota changes on Monday.</p>")
        secret = server.state.add_page("ENG", "Keys", "<p>The pager key lies in the safe.</p>")
        server.accounts.ada.groups.add("dev")
        server.state.restrict(secret, groups=["dev"])
        server.state.add_page("OPS", "Deploy", "<p>A canary takes traffic first.</p>")
        yield server


@pytest.fixture
def project(tmp_path: Path, wiki: ConfluenceServer) -> Project:
    """A project with all spaces of the site."""
    made = Project(tmp_path)
    made.add_confluence("wiki", wiki, "*")
    return made


def test_all_spaces_are_found_synced_shown_and_searched(project: Project, wiki: ConfluenceServer) -> None:
    command = Command(project)
    first = command.inside("sync")
    assert first.code == 0, first.err
    assert "confluence/wiki.ENG" in first.out
    assert "confluence/wiki.OPS" in first.out
    assert "the collection matches the state" in first.out
    status = command.inside("status", "--json").json()
    assert {row["source"]: row["documents"] for row in status["sources"]} == {
        "confluence/wiki.ENG": 3,
        "confluence/wiki.OPS": 2,
    }, "with the home page of each space"
    (hit, *_) = command.inside("search", "canary traffic", "--json").json()["hits"]
    assert hit["title"] == "Deploy"
    assert hit["uri"].startswith(f"{wiki.url}/spaces/OPS/pages/")
    assert "nothing to do" in command.inside("sync").out


def test_a_search_as_a_group_shows_only_what_its_members_may_read(project: Project) -> None:
    command = Command(project)
    assert command.inside("sync").code == 0

    def titles(*readers: str) -> set[str]:
        hits = command.inside("search", "pager", "--limit", "20", "--json", *readers).json()["hits"]
        return {hit["title"] for hit in hits}

    assert {"Rota", "Keys"} <= titles()
    assert "Keys" in titles("--as-group", "dev", "--as-group", "all-users")
    assert "Keys" not in titles("--as-group", "dev"), "whoever may not see the space does not see its pages either"
    assert "Keys" not in titles("--as-group", "sales", "--as-group", "space:ENG")
    assert "Rota" in titles("--as-group", "space:ENG")


def test_a_whole_site_is_named_by_its_source(project: Project, wiki: ConfluenceServer) -> None:
    command = Command(project)
    assert command.inside("sync").code == 0
    report = command.inside("sync", "--source", "confluence/wiki", "--json").json()
    assert [row["source"] for row in report["sources"]] == ["confluence/wiki.ENG", "confluence/wiki.OPS"]
    hits = command.inside("search", "pager", "--source", "confluence/wiki", "--json").json()["hits"]
    assert {hit["source"] for hit in hits} == {"confluence/wiki.ENG", "confluence/wiki.OPS"}


def test_a_space_that_vanished_keeps_its_documents_until_a_person_allows_it(
    project: Project, wiki: ConfluenceServer
) -> None:
    command = Command(project)
    assert command.inside("sync").code == 0
    wiki.state.delete_space("OPS")
    held = command.inside("sync")
    assert held.code == 1
    assert "2 of 2 documents are gone at the source; none was deleted" in held.err
    assert "--source confluence/wiki.OPS --allow-deletions" in held.err
    assert project.search("canary traffic", source=["confluence/wiki.OPS"])
    assert command.inside("sync", "--source", "confluence/wiki.OPS", "--allow-deletions").code == 0
    assert not project.search("canary traffic", source=["confluence/wiki.OPS"])
    assert command.inside("sync").code == 0
    names = [row["source"] for row in command.inside("status", "--json").json()["sources"]]
    assert names == ["confluence/wiki.ENG"], "nothing of it is left, its partition neither"


def test_a_site_that_does_not_answer_hides_no_other(project: Project, wiki: ConfluenceServer) -> None:
    command = Command(project)
    with JiraServer("data_center") as tracker:
        tracker.state.create_issue(tracker.state.create_project("OPS"), "The pager is silent")
        project.add_jira("work", tracker, "OP*")
        project.add_confluence("wiki", wiki, "*", max_wait="1s", timeout="60s")
        wiki.faults.always(server_error(503))
        answer = command.inside("sync", "--json")
        assert answer.code == 1
        outcomes = {row["source"]: row["status"] for row in answer.json()["sources"]}
        assert outcomes == {"confluence/wiki": "failed", "jira/work.OPS": "success"}
        status = command.inside("status", "--json")
        assert status.code == 1
        assert "confluence/wiki" in status.json()["not_discovered"]
        wiki.faults.clear()
        assert command.inside("sync").code == 0
        assert command.inside("status").code == 0


def test_a_wrong_token_is_told_without_showing_it(project: Project, wiki: ConfluenceServer) -> None:
    wiki.accounts.revoke(API_TOKEN)
    answer = Command(project)("sync")
    assert answer.code == 1
    assert "confluence/wiki" in answer.err
    assert "token" in answer.err
    assert API_TOKEN not in answer.err + answer.out


def test_a_space_key_that_the_site_does_not_have_is_named(project: Project, wiki: ConfluenceServer) -> None:
    project.add_confluence("wiki", wiki, "ENG", "WRONG")
    answer = Command(project).inside("sync", "--json")
    outcomes = {row["source"]: row for row in answer.json()["sources"]}
    assert outcomes["confluence/wiki.ENG"]["status"] == "success"
    assert outcomes["confluence/wiki.WRONG"]["status"] == "failed"
    assert "WRONG" in outcomes["confluence/wiki.WRONG"]["error"]


def test_a_pattern_that_matches_nothing_is_said(project: Project, wiki: ConfluenceServer) -> None:
    project.add_confluence("wiki", wiki, "ZZZ*")
    answer = Command(project).inside("sync")
    assert answer.code == 0
    assert "nothing this account sees there matches spaces: ZZZ*" in answer.out
    assert "ZZZ*" in Command(project).inside("status").err


@pytest.mark.parametrize("option", ["--as-user", "--as-group"])
def test_a_reader_without_a_name_is_refused_rather_than_shown_everything(project: Project, option: str) -> None:
    answer = Command(project).inside("search", "pager", option, "")
    assert answer.code == 2
    assert "empty" in answer.err


def test_a_key_in_another_case_is_not_a_second_partition(project: Project, wiki: ConfluenceServer) -> None:
    project.add_confluence("wiki", wiki, "eng", "O*", "E*")
    assert Command(project).inside("sync").code == 0
    with project.open() as pipeline:
        assert pipeline.partitions() == ["confluence/wiki.eng", "confluence/wiki.OPS"]
