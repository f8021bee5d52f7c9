"""The JQL of the simulated Jira: dates, combinations, error texts, and an index that agrees with the issues."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vector_pipeline_tests.simulators.jira_client import SEARCH, Client, some
from vector_pipeline_tests.simulators.jira_server import JiraServer


@pytest.fixture(params=["cloud", "data_center"])
def either(request: pytest.FixtureRequest) -> Iterator[JiraServer]:
    with JiraServer(request.param) as server:
        yield server


def test_dates_are_read_in_the_zone_of_the_account_to_the_minute(either: JiraServer) -> None:
    either.accounts.ada.time_zone = "America/Los_Angeles"
    project = either.state.create_project("DOC")
    either.clock.set(datetime(2026, 7, 1, 12, 0, 30, 500000, tzinfo=UTC))  # 05:00:30.5 in Los Angeles
    either.state.create_issue(project, "Half a minute past")
    client = Client(either)
    assert client.keys('updated >= "2026-07-01 05:00"') == ["DOC-1"]
    assert client.keys('updated >= "2026/07/01 05:01"') == []
    assert client.keys('updated > "2026-07-01 05:00" AND updated < "2026-07-01 05:01"') == ["DOC-1"]
    assert client.keys('updated <= "2026-07-01 05:00"') == []
    assert client.keys('updated >= "2026-07-01 12:00"') == []  # what a cursor in UTC would lose
    assert client.keys("updated >= 2026-07-01") == ["DOC-1"]
    assert client.keys("updated >= 1782907230000") == ["DOC-1"]
    assert client.keys("updated >= 1782907231000") == []
    either.clock.advance(minutes=10)
    assert client.keys("updated >= -11m") == ["DOC-1"]
    assert client.keys('updated >= "-9m"') == []
    assert client.keys("updated <= now() AND updated >= startOfDay()") == ["DOC-1"]


def test_times_come_with_the_viewers_offset_on_cloud_and_the_servers_on_data_center(either: JiraServer) -> None:
    either.accounts.ada.time_zone = "America/Los_Angeles"
    either.clock.set(datetime(2026, 7, 1, 12, 0, 30, 112000, tzinfo=UTC))
    issue = either.state.create_issue(either.state.create_project("DOC"), "One")
    seen = Client(either).issue(issue.id).json()["fields"]["updated"]
    assert seen == ("2026-07-01T05:00:30.112-0700" if Client(either).cloud else "2026-07-01T12:00:30.112+0000")
    assert Client(either).get("/rest/api/2/myself").json()["timeZone"] == "America/Los_Angeles"


def test_queries_combine(either: JiraServer) -> None:
    state = either.state
    project, other = state.create_project("DOC", "Handbook"), state.create_project("OPS")
    state.create_issue(project, "a", type="Bug", labels=["public"])
    state.create_issue(project, "b", type="Task", status="Done", labels=["public", "old"])
    parent = state.create_issue(project, "c", type="Bug", priority=None)
    state.create_issue(other, "d", parent=parent)
    client = Client(either)
    assert client.keys("project in (DOC, OPS) ORDER BY key") == ["DOC-1", "DOC-2", "DOC-3", "OPS-1"]
    assert client.keys('project = "handbook" AND issuetype = bug ORDER BY key desc') == ["DOC-3", "DOC-1"]
    assert client.keys("labels = public AND status != Done") == ["DOC-1"]
    assert client.keys("(labels = old OR project = OPS) AND NOT key = OPS-1") == ["DOC-2"]
    assert client.keys("labels is EMPTY AND project = DOC") == ["DOC-3"]
    assert client.keys("priority is not EMPTY AND project not in (OPS) ORDER BY id") == ["DOC-1", "DOC-2"]
    assert client.keys("labels not in (old) ORDER BY key") == ["DOC-1"]  # not those without labels
    assert client.keys(f"parent = {parent.id}") == ["OPS-1"]
    assert client.keys("key > DOC-1 AND key in (DOC-1, DOC-2, OPS-1)") == ["DOC-2"]


@pytest.mark.parametrize(
    ("jql", "message"),
    [
        ("project = NOPE", "The value 'NOPE' does not exist for the field 'project'."),
        ("key in (DOC-1, DOC-99)", "An issue with key 'DOC-99' does not exist for field 'key'."),
        ("id = 123456789", "A value with ID '123456789' does not exist for the field 'id'."),
        ("colour = red", "Field 'colour' does not exist or you do not have permission to view it."),
        ("updated >= yesterday", "Date value 'yesterday' for field 'updated' is invalid."),
        ("updated >= '2026-07-01T00:00:00Z'", "Date value '2026-07-01T00:00:00Z' for field 'updated' is invalid."),
        ("project", "Error in the JQL Query: Expecting operator before the end of the query."),
        ("project = DOC project = DOC", "Error in the JQL Query: Expecting either 'OR' or 'AND' but got 'project'."),
        ("project in (DOC", "Error in the JQL Query: Expecting ')' before the end of the query."),
        ("project = DOC ORDER BY colour", "Not able to sort using field 'colour'."),
    ],
)
def test_a_bad_query_is_refused_with_the_services_words(either: JiraServer, jql: str, message: str) -> None:
    some(either, 1)
    path = SEARCH if Client(either).cloud else "/rest/api/2/search"
    answer = Client(either).get(path, jql=jql)
    assert answer.status_code == 400
    assert answer.json()["errorMessages"][0].startswith(message)


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 4000)), max_size=30), st.integers(0, 4000))
@settings(max_examples=25)
def test_the_index_agrees_with_the_issues_after_any_changes(changes: list[tuple[int, int]], since: int) -> None:
    server = JiraServer("cloud")
    try:
        state, start = server.state, server.clock.now()
        projects = [state.create_project("DOC"), state.create_project("OPS")]
        for action, step in changes:
            server.clock.advance(milliseconds=step)
            issues = [issue for issue in state.issues.values() if not issue.archived]
            if action <= 1 or not issues:
                state.create_issue(projects[action % 2], "new")
            elif action == 2:
                state.edit(issues[step % len(issues)], summary=str(step))
            elif action == 3:
                state.delete(issues[step % len(issues)])
            elif action == 4:
                state.move(issues[step % len(issues)], projects[step % 2])
            elif action == 5:
                state.archive(issues[step % len(issues)])
            else:
                state.comment(issues[step % len(issues)], "said")
        bound = (round(start.timestamp() * 1000) + 10 * since) // 1000 * 1000
        for jql, wanted in (("project = DOC", {"DOC"}), ("project in (DOC, OPS)", {"DOC", "OPS"})):
            text = f"{jql} AND updated >= {bound} ORDER BY updated"
            found = server.index.search(text, server.index.parse(text, server.accounts.ada), server.accounts.ada)
            fresh = [
                issue
                for issue in state.issues.values()
                if issue.project.key in wanted
                and not issue.archived
                and issue.updated.timestamp() * 1000 // 1000 * 1000 >= bound
            ]
            assert set(found.ids) == {issue.id for issue in fresh}
            times = [state.issues[issue_id].updated.replace(microsecond=0) for issue_id in found.ids]
            assert times == sorted(times)
    finally:
        server.stop()
