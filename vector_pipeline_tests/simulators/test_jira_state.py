"""What can happen to issues of the simulated Jira, and how it shows in both flavours."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from vector_pipeline_tests.simulators.atlassian_conditions import Account, Credential
from vector_pipeline_tests.simulators.jira_client import Client, some
from vector_pipeline_tests.simulators.jira_server import JiraServer


@pytest.fixture(params=["cloud", "data_center"])
def either(request: pytest.FixtureRequest) -> Iterator[JiraServer]:
    with JiraServer(request.param) as server:
        yield server


def test_a_moved_issue_has_a_new_key_the_same_id_and_answers_by_the_old_key(either: JiraServer) -> None:
    _, (issue, child) = some(either, 2)
    either.state.edit(child, issuetype="Sub-task")
    either.state.set_parent(child, issue)
    assert Client(either).issue("DOC-1").json()["fields"]["subtasks"][0]["key"] == "DOC-2"
    assert Client(either).issue("DOC-2").json()["fields"]["parent"]["key"] == "DOC-1"
    other = either.state.create_project("OPS")
    either.clock.advance(minutes=1)
    either.state.move(issue, other)
    client = Client(either)
    assert client.keys("project = OPS ORDER BY key") == ["OPS-1", "OPS-2"]
    assert client.keys("project = DOC") == []
    for name in ("DOC-1", "doc-1", "OPS-1", issue.id):
        assert client.issue(name).json()["id"] == str(issue.id)
    assert client.keys("key = DOC-1") == ["OPS-1"]
    assert either.state.create_issue(either.state.project("DOC") or other, "next").key == "DOC-3"


def test_a_renamed_project_key_changes_all_keys_and_no_time(either: JiraServer) -> None:
    project, issues = some(either, 2)
    before = issues[0].updated
    either.clock.advance(days=1)
    either.state.rename_project_key(project, "MAN")
    client = Client(either)
    assert client.keys("project = DOC ORDER BY key") == ["MAN-1", "MAN-2"]
    assert client.issue("DOC-2").json()["key"] == "MAN-2"
    assert issues[0].updated == before
    assert client.keys("updated >= -1h") == []
    assert client.get("/rest/api/2/project/DOC").json()["key"] == "MAN"


def test_cloud_does_not_tell_deleted_from_hidden_and_data_center_does(either: JiraServer) -> None:
    project, (gone, hidden) = some(either, 2)
    either.state.delete(gone)
    either.state.withdraw(project, either.accounts.ada)
    client = Client(either)
    answers = [client.issue(gone.id), client.issue(hidden.id)]
    if client.cloud:
        assert [answer.status_code for answer in answers] == [404, 404]
        assert answers[0].json() == answers[1].json()
    else:
        assert [answer.status_code for answer in answers] == [404, 403]
        assert answers[0].json()["errorMessages"] == ["Issue Does Not Exist"]
    assert client.get("/rest/api/2/project/DOC").status_code == 404
    assert client.get("/rest/api/2/project").json() == []
    either.state.grant(project, either.accounts.ada)
    assert client.keys("project = DOC") == ["DOC-2"]


def test_a_security_level_hides_an_issue_from_those_outside(either: JiraServer) -> None:
    bob = either.accounts.add(Account("bob-id", "Bob", "bob@example.org", "bob"))
    either.accounts.grant(bob, Credential.API_TOKEN, "token of bob")
    either.accounts.grant(bob, Credential.PASSWORD, "password of bob")
    _, (issue, _) = some(either, 2)
    either.state.restrict(issue, either.state.security_level("Board", [either.accounts.ada]))
    ada = Client(either)
    login = ("bob@example.org", "token of bob") if ada.cloud else ("bob", "password of bob")
    outsider = Client(either, login)
    assert ada.issue(issue.key).json()["fields"]["security"]["name"] == "Board"
    assert ada.keys("project = DOC ORDER BY key") == ["DOC-1", "DOC-2"]
    assert outsider.keys("project = DOC ORDER BY key") == ["DOC-2"]
    assert outsider.issue(issue.key).status_code == (404 if ada.cloud else 403)
    either.state.comment(issue, "for staff", group="staff")
    either.state.restrict(issue, None)
    assert outsider.issue(issue.key).json()["fields"]["comment"]["total"] == 0
    assert ada.issue(issue.key).json()["fields"]["comment"]["total"] == 1


def test_archived_issues_and_projects_leave_searches_and_stay_readable(either: JiraServer) -> None:
    project, (issue, _) = some(either, 2)
    either.state.archive(issue)
    client = Client(either)
    assert client.keys("project = DOC") == ["DOC-2"]
    assert client.issue(issue.key).status_code == 200
    either.state.archive_project(project)
    assert client.keys("project = DOC") == []
    assert client.issue("DOC-2").status_code == 200
    either.state.archive_project(project, archived=False)
    either.state.archive(issue, archived=False)
    assert client.keys("project = DOC ORDER BY key") == ["DOC-1", "DOC-2"]


def test_comments_links_attachments_and_worklogs_come_and_go(either: JiraServer) -> None:
    _, (one, two) = some(either, 2)
    state, client = either.state, Client(either)
    link = state.link(one, two)
    comment = state.comment(one, "first words")
    state.edit_comment(one, comment, "other words")
    attachment = state.attach(one, "grüße & more.txt", b"hello")
    state.log_work(one, 3600, "an hour")
    state.edit(one, status="Done", labels=["a", "b"], assignee=either.accounts.ada)
    fields = client.issue(one.key).json()["fields"]
    body = fields["comment"]["comments"][0]["body"]
    assert (body["content"][0]["content"][0]["text"] if client.cloud else body) == "other words"
    assert fields["issuelinks"][0]["outwardIssue"]["key"] == two.key
    assert client.issue(two.key).json()["fields"]["issuelinks"][0]["inwardIssue"]["key"] == one.key
    assert fields["worklog"]["total"] == 1
    assert fields["status"]["statusCategory"]["key"] == "done"
    assert fields["attachment"][0]["size"] == 5
    assert client.session.get(fields["attachment"][0]["content"]).content == b"hello"
    changes = client.issue(one.key, expand="changelog").json()["changelog"]["histories"]
    said = {item["field"]: item["toString"] for change in changes for item in change["items"]}
    assert said["status"] == "Done"
    assert said["labels"] == "a b"
    state.unlink(link)
    state.delete_comment(one, comment)
    state.delete_attachment(one, attachment)
    fields = client.issue(one.key).json()["fields"]
    assert (fields["comment"]["total"], fields["attachment"], fields["issuelinks"]) == (0, [], [])


def test_a_silent_change_leaves_the_time(either: JiraServer) -> None:
    _, (issue,) = some(either, 1)
    before = issue.updated
    either.clock.advance(minutes=5)
    either.state.edit(issue, silent=True, summary="Changed in the database")
    assert (issue.updated, issue.changes) == (before, [])
    either.state.touch(issue)
    assert issue.updated == either.clock.now()


def test_custom_fields_have_the_shape_of_their_kind(either: JiraServer) -> None:
    state = either.state
    names = {kind: state.add_field(kind.title(), kind) for kind in ("rich", "option", "options", "users", "sprints")}
    ada = either.accounts.ada
    values: dict[str, Any] = {
        names["rich"]: "Why.",
        names["option"]: "High",
        names["options"]: ["a", "b"],
        names["users"]: [ada],
        names["sprints"]: [{"id": 7, "name": "Sprint 7", "state": "closed"}],
    }
    issue = state.create_issue(state.create_project("DOC"), "One", **values)
    client = Client(either)
    fields = client.issue(issue.key).json()["fields"]
    assert fields[names["option"]]["value"] == "High"
    assert [each["value"] for each in fields[names["options"]]] == ["a", "b"]
    assert fields[names["users"]][0]["displayName"] == "Ada"
    if client.cloud:
        assert fields[names["rich"]]["type"] == "doc"
        assert fields[names["sprints"]][0]["name"] == "Sprint 7"
        assert client.get(f"/rest/api/2/issue/{issue.key}").json()["fields"][names["rich"]] == "Why."
    else:
        assert fields[names["rich"]] == "Why."
        assert "name=Sprint 7," in fields[names["sprints"]][0]
    listed = {field["name"]: field for field in client.get("/rest/api/2/field").json()}
    assert listed["Options"]["schema"]["items"] == "option"
    assert listed["Options"]["custom"] is True
