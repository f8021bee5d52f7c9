"""What a document says of an issue: text, metadata and access labels, whatever the answer lacks."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vector_pipeline.documents import canonical_json, storable
from vector_pipeline.settings_atlassian import JiraSettings
from vector_pipeline.sources.base import SourceError, SourceMisconfigured
from vector_pipeline.sources.jira.api import Project
from vector_pipeline.sources.jira.content import issue_document
from vector_pipeline.sources.jira.context import Context
from vector_pipeline.sources.jira.fields import FieldTable, payload_value
from vector_pipeline.sources.jira.projects import open_api
from vector_pipeline.sources.jira.sections import Hanging
from vector_pipeline.sources.jira.values import Issue, issue_of, user_name
from vector_pipeline_tests.converting import any_converter
from vector_pipeline_tests.simulators import atlassian_conditions as conditions
from vector_pipeline_tests.simulators.atlassian_conditions import Account
from vector_pipeline_tests.simulators.jira_client import some
from vector_pipeline_tests.simulators.jira_server import JiraServer
from vector_pipeline_tests.sources.jira.follower import Follower


def test_an_issue_tells_what_it_is_about_and_where_it_stands(server: JiraServer) -> None:
    state = server.state
    project = state.create_project("DOC", "Documents")
    grace = server.accounts.add(Account("grace-id", "Grace", "grace@example.org", "grace"))
    epic = state.create_issue(project, "The epic", type="Epic")
    parent = state.create_issue(project, "The story", type="Story")
    issue = state.create_issue(
        project,
        "Search  finds\nnothing",
        description="It should find *boats*.",
        type="Sub-task",
        status="In Progress",
        priority="High",
        labels=["search", "bug"],
        components=["Index"],
        fix_versions=["2.0"],
        assignee=grace,
        parent=parent,
        environment="Linux",
        duedate="2026-04-01",
        versions=[state.named("version", "1.0")],
    )
    other = state.create_issue(project, "Other")
    state.link(issue, other)
    state.link(other, issue, "Relates", outward="relates to", inward="is related to")
    server.clock.advance(days=1)
    state.comment(issue, "Seen it too.", by=grace)
    follower = Follower(server, settings={"tags": ["work"]})
    follower.sync()
    document = follower.document(issue.id)
    assert document.title == "DOC-3 Search finds nothing"
    assert document.context == "Search finds nothing"
    assert document.text.startswith("It should find ")
    assert document.text.endswith("## Environment\n\nLinux\n\n## Comment by Grace, 2026-03-03\n\nSeen it too.")
    assert "DOC-" not in document.text
    assert document.kind == "markdown"
    assert document.uri == f"{server.url}/browse/DOC-3"
    told = dict(document.metadata)
    assert told == {
        "content_type": "issue",
        "path": "DOC-3",
        "key": "DOC-3",
        "project": "DOC",
        "project_name": "Documents",
        "issue_type": "Sub-task",
        "status": "In Progress",
        "status_category": "In Progress",
        "priority": "High",
        "components": ["Index"],
        "fix_versions": ["2.0"],
        "affects_versions": ["1.0"],
        "assignee": "Grace",
        "reporter": "Ada",
        "creator": "Ada",
        "author": "Ada",
        "created_at": "2026-03-02T09:30:00.000+00:00",
        "due": "2026-04-01",
        "parent": "DOC-2",
        "links": ["blocks DOC-4", "is related to DOC-4"],
        "tags": ["bug", "search", "work"],
        "access": ["project:DOC"],
        "web_url": f"{server.url}/browse/DOC-3",
    }
    assert follower.document(parent.id).metadata["subtasks"] == ["DOC-3"]
    assert epic.key == "DOC-1"


def test_an_issue_without_a_text_is_found_by_its_summary(server: JiraServer) -> None:
    project = server.state.create_project("DOC")
    issue = server.state.create_issue(project, "Only a summary")
    follower = Follower(server)
    follower.sync()
    assert (follower.document(issue.id).text, follower.document(issue.id).context) == ("Only a summary", "")


def test_missing_people_and_comments_without_a_body_are_no_failure(server: JiraServer) -> None:
    project = server.state.create_project("DOC")
    issue = server.state.create_issue(project, "Old", priority=None)
    issue.fields.update(reporter=None, creator=None, assignee=None)
    comment = server.state.comment(issue, "x")
    comment.body, comment.author = None, None
    server.state.comment(issue, "Said later.").author = None
    follower = Follower(server)
    assert not follower.sync().failed
    document = follower.document(issue.id)
    assert document.text == "## Comment, 2026-03-02\n\nSaid later."
    assert not {"author", "assignee", "reporter", "priority"} & document.metadata.keys()


def test_a_comment_for_a_group_is_left_out(server: JiraServer) -> None:
    _, (issue,) = some(server, 1)
    server.state.comment(issue, "For all.")
    server.state.comment(issue, "For staff only.", group="staff")
    follower = Follower(server)
    follower.sync()
    assert "For all." in follower.document(issue.id).text
    assert "For staff only." not in follower.document(issue.id).text


def test_an_internal_comment_of_a_service_project_is_left_out(cloud: JiraServer) -> None:
    _, (issue,) = some(cloud, 1)
    cloud.state.comment(issue, "For customers too.")
    cloud.state.comment(issue, "Among ourselves.").internal = True
    follower = Follower(cloud)
    follower.sync()
    assert "For customers too." in follower.document(issue.id).text
    assert "Among ourselves." not in follower.document(issue.id).text


def test_comments_that_are_counted_and_not_shown_keep_no_issue_out(server: JiraServer) -> None:
    server.limits.counts_hidden = True
    _, (issue,) = some(server, 1)
    server.state.comment(issue, "For all.")
    server.state.comment(issue, "For those of a group that is not ours.", group="board")
    follower = Follower(server)
    assert not follower.sync().failed
    assert "For all." in follower.document(issue.id).text
    follower.cursor = {**follower.cursor, "verified_at": 0}
    assert follower.sync(census=True).fetched == []


def test_an_e_mail_address_is_nobodys_name_and_no_value() -> None:
    assert user_name({"name": "ann@example.com"}) == ""
    assert user_name({"displayName": "ann@example.com", "name": "ann"}) == "ann"
    assert user_name({"displayName": "Ann @ home"}) == "Ann @ home"
    assert payload_value({"accountId": "1", "emailAddress": "ann@example.com"}) == {"accountId": "1"}
    assert payload_value({"name": "ann@example.com", "key": "JIRAUSER10"}) == "JIRAUSER10"
    assert payload_value(["ann@example.com", {"value": "mailto:bob@example.com"}, "blue"]) == ["blue"]
    assert payload_value("ask ann@example.com about it") == "ask ann@example.com about it"


def test_two_fields_of_one_name_in_the_payload_are_refused(server: JiraServer) -> None:
    for name in ("Team", "Squad"):
        server.state.add_field(name, "option")
    some(server, 1)
    with pytest.raises(SourceMisconfigured, match='two of `fields` are to be named "team"'):
        Follower(server, settings={"fields": {"Team": "team", "Squad": "team"}}).sync()


def test_custom_fields_are_taken_by_id_or_name(server: JiraServer) -> None:
    state = server.state
    kinds: dict[str, tuple[str, Any, Any]] = {
        "Team": ("option", "Blue", "Blue"),
        "Regions": ("options", ["North", "South"], ["North", "South"]),
        "Place": ("cascade", ("Europe", "Oslo"), "Europe > Oslo"),
        "Points": ("number", 3.5, 3.5),
        "Reviewer": ("user", server.accounts.ada, "Ada"),
        "Reviewers": ("users", [server.accounts.ada], ["Ada"]),
        "Planned": ("date", "2026-05-01", "2026-05-01"),
        "Released": ("datetime", server.clock.now(), "2026-03-02T09:30:00.000+00:00"),
        "Codes": ("labels", ["a", "b"], ["a", "b"]),
        "Page": ("url", "https://example.org/a", "https://example.org/a"),
        "Odd": ("raw", {"name": "Something", "self": "x"}, "Something"),
    }
    ids = {name: state.add_field(name, kind) for name, (kind, _, _) in kinds.items()}
    story = state.add_field("Acceptance criteria", "rich")
    twin = state.add_field("Team", "text")
    sprint = state.add_field("Sprint", "sprints")
    project = state.create_project("DOC")
    values = {ids[name]: value for name, (_, value, _) in kinds.items()}
    values |= {story: "It is *fast*.", sprint: [{"id": 1, "name": "Sprint 1, the first"}, {"id": 2, "name": "Two"}]}
    issue = state.create_issue(project, "A summary", description="Text.", **values)
    second = state.create_issue(project, "Another")
    state.edit(second, **{twin: "Red"})
    wanted = {name: name.lower() for name in kinds if name != "Points"}
    wanted |= {ids["Points"]: "kind", "acceptance CRITERIA": "criteria"}
    follower = Follower(server, settings={"fields": wanted})
    follower.sync()
    document = follower.document(issue.id)
    expected = {name.lower(): told for name, (_, _, told) in kinds.items() if name != "Points"}
    found = dict(document.metadata["fields"])
    assert "fast" in found.pop("criteria")
    assert found == expected | {"kind": 3.5}
    assert document.kind == "markdown", "a field can't take the place of what is ours"
    assert "## acceptance CRITERIA\n\nIt is" in document.text
    assert document.metadata["sprint"] == ["Sprint 1, the first", "Two"]
    assert follower.document(second.id).metadata["fields"] == {"team": "Red"}, "a name may stand for several fields"


def test_a_field_that_the_site_lacks_is_named(server: JiraServer) -> None:
    some(server, 1)
    with pytest.raises(SourceMisconfigured, match='the site has no field "Colour"'):
        Follower(server, settings={"fields": {"Colour": "colour"}}).sync()


def test_an_epic_is_named_on_both_product_lines(server: JiraServer) -> None:
    state = server.state
    project = state.create_project("DOC")
    field = state.add_field("Epic Link", "epic")
    epic = state.create_issue(project, "The epic", type="Epic")
    cloud = server.flavour.value == "cloud"
    issue = state.create_issue(project, "Part of it", parent=epic if cloud else None)
    if not cloud:
        state.edit(issue, **{field: epic.key})
    follower = Follower(server)
    follower.sync()
    assert follower.document(issue.id).metadata["epic"] == "DOC-1"


def test_adf_and_wiki_markup_become_markdown(server: JiraServer) -> None:
    project = server.state.create_project("DOC")
    adf = {
        "type": "doc",
        "version": 1,
        "content": [
            {"type": "heading", "attrs": {"level": 2}, "content": [{"type": "text", "text": "Steps"}]},
            {"type": "codeBlock", "attrs": {"language": "python"}, "content": [{"type": "text", "text": "x = 1"}]},
            {"type": "paragraph", "content": [{"type": "mention", "attrs": {"id": "a", "text": "@Ada"}}]},
        ],
    }
    wiki = "h2. Steps\n\n{code:python}\nx = 1\n{code}\n\n[~ada]"
    issue = server.state.create_issue(project, "Markup", description=adf if server.flavour.value == "cloud" else wiki)
    follower = Follower(server)
    follower.sync()
    text = follower.document(issue.id).text
    assert "## Steps" in text
    assert "```python\nx = 1\n```" in text
    assert "Ada" in text


def test_a_document_nested_400_deep_loses_no_words(cloud: JiraServer) -> None:
    project = cloud.state.create_project("DOC")
    node: dict[str, Any] = {"type": "paragraph", "content": [{"type": "text", "text": "the deepest words"}]}
    for _ in range(200):
        node = {"type": "bulletList", "content": [{"type": "listItem", "content": [node]}]}
    issue = cloud.state.create_issue(project, "Deep", description={"type": "doc", "version": 1, "content": [node]})
    other = cloud.state.create_issue(project, "Other", description="Shallow.")
    follower = Follower(cloud)
    done = follower.sync()
    assert str(other.id) in done.fetched
    assert "the deepest words" in follower.document(issue.id).text
    assert follower.sync(full=True).changed == []


def test_what_comes_out_does_not_depend_on_when_it_is_read(server: JiraServer) -> None:
    _, (issue, *_rest) = some(server, 2)
    server.state.comment(issue, "A remark.")
    one, two = Follower(server), Follower(server)
    one.sync()
    server.clock.advance(days=400)
    two.sync()
    assert one.held == two.held


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
FIELDS = (
    "summary description environment project issuetype status priority resolution labels components versions "
    "fixVersions assignee reporter creator created updated duedate parent subtasks issuelinks security comment worklog"
).split()
ROW_FIELDS = ("id", "author", "body", "comment", "created", "items", "visibility", "jsdPublic")
SHAPES = (
    None,
    [],
    {},
    {"issues": None},
    {"issues": [None]},
    {"issues": [{"key": "DOC-1"}]},
    {"issues": [{"id": {}}]},
    "x",
)


@settings(max_examples=150)
@given(
    fields=st.dictionaries(st.sampled_from(FIELDS), json_values) | json_values,
    rows=st.lists(
        st.dictionaries(st.sampled_from(["id", "author", "body", "created", "items"]), json_values), max_size=3
    ),
    url=st.sampled_from(["https://work.atlassian.net", "https://jira.example.org"]),
)
def test_no_answer_whatever_it_holds_is_more_than_a_document(fields: Any, rows: list[Any], url: str) -> None:
    given_ = JiraSettings.model_validate({"url": url, "projects": ["DOC"], "changelog": True, "worklogs": True})
    context = Context(open_api(given_, "jira/work.DOC"), given_, Project("1", "DOC", "Documents"), any_converter())
    context.fields = FieldTable()
    issue = issue_of({"id": "10", "key": "DOC-1", "fields": fields})
    assert isinstance(issue, Issue)
    document = issue_document(issue, Hanging(rows, rows, rows), context)
    canonical_json(storable(document).metadata)
    assert document.native_id == b"10"
    context.api.site.close()


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        {},
        {"issues": None},
        {"issues": [None]},
        {"issues": [{"key": "DOC-1"}]},
        {"issues": [{"id": {}}]},
        "x",
        5,
    ],
)
def test_an_answer_of_another_shape_fails_the_listing_and_removes_nothing(server: JiraServer, body: Any) -> None:
    _, issues = some(server, 3)
    follower = Follower(server)
    follower.sync()
    server.faults.always(conditions.changed(lambda _right: body), path="/search")
    with pytest.raises(SourceError):
        follower.sync(census=True)
    server.faults.clear()
    server.faults.always(conditions.changed(lambda _right: body), path="/project/")
    with pytest.raises(SourceError):
        follower.sync(census=True)
    server.faults.clear()
    assert len(follower.held) == len(issues)
    assert not follower.sync().removed


@pytest.mark.parametrize("broken", [None, "text", 7, [], {"comments": None}, {"comments": [None, 5], "total": "x"}])
def test_broken_fields_of_one_issue_are_no_failure_of_the_others(server: JiraServer, broken: Any) -> None:
    _, issues = some(server, 3)

    def break_one(body: dict[str, Any]) -> dict[str, Any]:
        for row in body.get("issues", []):
            if row["id"] == str(issues[1].id) and "fields" in row:
                row["fields"] = dict.fromkeys(row["fields"], broken) | {"updated": row["fields"].get("updated")}
        return body

    server.faults.always(conditions.changed(break_one), path="/issue/bulkfetch")
    server.faults.always(conditions.changed(break_one), path="/rest/api/2/search")
    follower = Follower(server)
    done = follower.sync()
    assert {str(issues[0].id), str(issues[2].id)} <= set(done.fetched)
    assert str(issues[1].id) in done.fetched or str(issues[1].id) in done.failed
    assert all(isinstance(each, str) for each in done.failed.values())
