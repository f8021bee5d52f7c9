"""The simulated Jira's interface, asked over HTTP: what Cloud and Data Center answer, refuse and leave out."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import requests
from atlassian import Jira
from atlassian.jira import JiraCloud
from hypothesis import given, settings
from hypothesis import strategies as st

from vector_pipeline_tests.simulators import atlassian_conditions as conditions
from vector_pipeline_tests.simulators.jira_client import SEARCH, Client, some
from vector_pipeline_tests.simulators.jira_server import JiraServer


@pytest.fixture
def cloud() -> Iterator[JiraServer]:
    with JiraServer("cloud") as server:
        yield server


@pytest.fixture
def data_center() -> Iterator[JiraServer]:
    with JiraServer("data_center") as server:
        yield server


def test_the_old_search_is_gone(cloud: JiraServer) -> None:
    client = Client(cloud)
    for version in (2, 3):
        answer = client.get(f"/rest/api/{version}/search", jql="project = DOC")
        assert answer.status_code == 410
        assert "migrate to the /rest/api/3/search/jql" in answer.json()["errorMessages"][0]


def test_a_page_has_a_token_until_the_last_and_never_a_total(cloud: JiraServer) -> None:
    some(cloud, 3)
    client = Client(cloud)
    first = client.get(SEARCH, jql="project = DOC ORDER BY key", maxResults=2, startAt=2).json()
    assert first.keys() == {"issues", "nextPageToken", "isLast"}
    assert [issue.keys() for issue in first["issues"]] == [{"id"}, {"id"}]
    assert first["isLast"] is False
    token = first["nextPageToken"]
    last = client.get(SEARCH, jql="project = DOC ORDER BY key", maxResults=2, nextPageToken=token).json()
    assert (len(last["issues"]), last["isLast"], "nextPageToken" in last) == (1, True, False)
    for nothing in ("", None):
        again = client.post(SEARCH, {"jql": "project = DOC ORDER BY key", "maxResults": 2, "nextPageToken": nothing})
        assert again.json()["issues"] == first["issues"]


@pytest.mark.parametrize("size", [0, -1, 5001])
def test_a_page_size_out_of_range_is_refused(cloud: JiraServer, size: int) -> None:
    some(cloud, 1)
    client = Client(cloud)
    for answer in (
        client.get(SEARCH, jql="project = DOC", maxResults=size),
        client.post(SEARCH, {"jql": "project = DOC", "maxResults": size}),
    ):
        assert answer.status_code == 400
        assert "between 1 and 5,000" in answer.json()["errorMessages"][0]


@pytest.mark.parametrize("jql", ["", "  ", "order by updated desc"])
def test_an_unbounded_query_is_refused(cloud: JiraServer, jql: str) -> None:
    client = Client(cloud)
    answers = [client.get(SEARCH, jql=jql), client.post(SEARCH, {"jql": jql})]
    answers.append(client.post("/rest/api/3/search/approximate-count", {"jql": jql}))
    for answer in answers:
        assert answer.status_code == 400
        assert answer.json()["errorMessages"][0].startswith("Unbounded JQL queries are not allowed")


def test_a_post_without_a_body_is_refused_and_its_query_string_ignored(cloud: JiraServer) -> None:
    some(cloud, 1)
    client = Client(cloud)
    refused = client.session.post(cloud.url + SEARCH + "?jql=project=DOC")
    assert refused.status_code == 415
    assert refused.headers["Content-Type"] == "application/problem+json"
    assert refused.json()["detail"] == "Content-Type 'null' is not supported."
    assert client.session.post(cloud.url + SEARCH + "?jql=project=DOC", json={}).status_code == 400


@pytest.mark.parametrize(
    "body",
    [{"startAt": 0}, {"maxResults": "many"}, {"maxResults": True}, {"jql": ["a"]}, {"nextPageToken": "made up"}],
)
def test_a_body_the_service_does_not_know_is_refused(cloud: JiraServer, body: dict[str, Any]) -> None:
    some(cloud, 1)
    assert Client(cloud).post(SEARCH, {"jql": "project = DOC", **body}).status_code == 400


def test_a_token_belongs_to_its_query_and_dies_after_seven_days(cloud: JiraServer) -> None:
    some(cloud, 3)
    client = Client(cloud)
    asked = {"jql": "project = DOC", "maxResults": 1}
    token = client.post(SEARCH, asked).json()["nextPageToken"]
    assert client.post(SEARCH, {**asked, "nextPageToken": token}).status_code == 200
    assert client.post(SEARCH, {"jql": "project != DOC", "nextPageToken": token}).status_code == 400
    cloud.clock.advance(days=7)
    assert client.post(SEARCH, {**asked, "nextPageToken": token}).status_code == 400


def test_pages_with_fields_are_shorter_than_asked(cloud: JiraServer) -> None:
    cloud.seed(cloud.state.create_project("DOC"), 120)
    client = Client(cloud)
    assert len(client.search("project = DOC")) == 120
    page = client.post(SEARCH, {"jql": "project = DOC", "maxResults": 5000, "fields": ["summary"]}).json()
    assert (len(page["issues"]), page["isLast"]) == (100, False)


def test_paging_by_key_loses_nothing_when_issues_vanish_between_pages(cloud: JiraServer) -> None:
    _, issues = some(cloud, 9)
    client, jql = Client(cloud), "project = DOC ORDER BY key ASC"
    first = client.post(SEARCH, {"jql": jql, "maxResults": 3}).json()
    cloud.state.delete(issues[0])
    cloud.state.delete(issues[2])
    rest: list[int] = []
    token = first["nextPageToken"]
    while token:
        page = client.post(SEARCH, {"jql": jql, "maxResults": 3, "nextPageToken": token}).json()
        rest += [int(issue["id"]) for issue in page["issues"]]
        token = page.get("nextPageToken")
    assert rest == [issue.id for issue in issues[3:]]


def test_the_search_is_behind_and_reconciling_catches_up(cloud: JiraServer) -> None:
    _, (issue,) = some(cloud, 1)
    client = Client(cloud)
    cloud.faults.search_lag = timedelta(seconds=30)
    cloud.clock.advance(minutes=5)
    recent = f"updated >= {round(cloud.clock.now().timestamp() * 1000)}"
    cloud.state.edit(issue, summary="Edited")
    assert client.keys(recent) == []
    assert client.issue(issue.key).json()["fields"]["summary"] == "Edited"
    assert len(client.search(recent, reconcileIssues=[issue.id])) == 1
    cloud.state.delete(issue)
    assert client.post("/rest/api/3/search/approximate-count", {"jql": "project = DOC"}).json() == {"count": 1}
    cloud.clock.advance(seconds=30)
    assert client.post("/rest/api/3/search/approximate-count", {"jql": "project = DOC"}).json() == {"count": 0}


def test_paging_faults_do_what_was_seen_in_the_wild(cloud: JiraServer) -> None:
    some(cloud, 4)
    client, faults = Client(cloud), cloud.faults.paging
    asked: dict[str, Any] = {"jql": "project = DOC ORDER BY key", "maxResults": 2}
    faults.empty_page = 1
    empty = client.post(SEARCH, asked).json()
    assert (empty["issues"], empty["isLast"]) == ([], False)
    asked["maxResults"] = 1
    first = client.post(SEARCH, {**asked, "nextPageToken": empty["nextPageToken"]}).json()
    faults.repeated_token = 1
    second = client.post(SEARCH, {**asked, "nextPageToken": first["nextPageToken"]}).json()
    assert second["nextPageToken"] == first["nextPageToken"]
    faults.last_flag_lies = 1
    lied = client.post(SEARCH, asked).json()
    assert lied["isLast"] is True
    assert lied["nextPageToken"]
    faults.cap = 1
    assert len(client.search("project = DOC")) == 1


@given(sizes=st.integers(1, 30), order=st.sampled_from(["key", "id DESC", "updated", "updated DESC, key"]))
@settings(max_examples=15)
def test_pages_of_any_size_give_every_issue_once(sizes: int, order: str) -> None:
    with JiraServer("cloud") as server:
        project = server.state.create_project("DOC")
        made = server.seed(project, 25, span=timedelta(seconds=5))  # many share a second
        assert sorted(Client(server).ids(f"project = DOC ORDER BY {order}", sizes)) == [issue.id for issue in made]


def test_a_bulk_fetch_answers_by_ascending_id_and_names_only_what_it_could_not_return(cloud: JiraServer) -> None:
    _, issues = some(cloud, 3)
    cloud.state.move(issues[1], cloud.state.create_project("OPS"))
    client = Client(cloud)
    asked = {"issueIdsOrKeys": ["doc-3", "DOC-2", str(issues[1].id), "NO-1", "DOC-1"], "fields": ["summary"]}
    found = client.post("/rest/api/3/issue/bulkfetch", asked).json()
    assert [issue["key"] for issue in found["issues"]] == ["DOC-1", "OPS-1", "DOC-3"]
    assert found["issueErrors"] == [], "what is absent or hidden is not named"
    assert found["issues"][0]["fields"] == {"summary": "Issue 0"}
    cloud.limits.not_in_bulk = frozenset({issues[0].id})
    found = client.post("/rest/api/3/issue/bulkfetch", asked).json()
    assert [issue["key"] for issue in found["issues"]] == ["OPS-1", "DOC-3"]
    assert [error["id"] for error in found["issueErrors"]] == [str(issues[0].id)]
    for names in ([], [str(number) for number in range(101)]):
        assert client.post("/rest/api/3/issue/bulkfetch", {"issueIdsOrKeys": names}).status_code == 400


def test_embedded_lists_are_capped_and_the_full_ones_are_paged(cloud: JiraServer) -> None:
    _, (issue,) = some(cloud, 1)
    for number in range(130):
        cloud.state.comment(issue, f"Comment {number}")
        cloud.state.log_work(issue, 60)
    client = Client(cloud)
    searched = {"jql": "project = DOC", "fields": ["comment", "worklog"], "expand": "changelog"}
    (found,) = client.post(SEARCH, searched).json()["issues"]
    assert len(found["fields"]["comment"]["comments"]) == 20
    assert found["fields"]["comment"]["total"] == 130
    assert len(found["fields"]["worklog"]["worklogs"]) == 20
    assert (len(found["changelog"]["histories"]), found["changelog"]["total"]) == (40, 130)
    path = f"/rest/api/3/issue/{issue.key}"
    first = client.get(path + "/comment", maxResults=5000).json()
    rest = client.get(path + "/comment", startAt=100).json()
    assert (len(first["comments"]), first["maxResults"], len(rest["comments"])) == (100, 100, 30)
    assert len(client.get(path + "/worklog").json()["worklogs"]) == 130
    changes = client.get(path + "/changelog", startAt=100).json()
    assert (len(changes["values"]), changes["isLast"], changes["total"]) == (30, True, 130)
    asked: dict[str, Any] = {"issueIdsOrKeys": [issue.key], "fieldIds": ["timespent"], "maxResults": 100}
    bulk = client.post("/rest/api/3/changelog/bulkfetch", asked).json()
    assert len(bulk["issueChangeLogs"][0]["changeHistories"]) == 100
    more = client.post("/rest/api/3/changelog/bulkfetch", {**asked, "nextPageToken": bulk["nextPageToken"]}).json()
    assert len(more["issueChangeLogs"][0]["changeHistories"]) == 30
    assert "nextPageToken" not in more


def test_projects_are_listed_in_pages_with_their_count_and_newest_change(cloud: JiraServer) -> None:
    for key in ("A1", "B1", "C1"):
        some(cloud, 2, key)
    client = Client(cloud)
    page = client.get("/rest/api/3/project/search", maxResults=2, expand="insight").json()
    assert [project["key"] for project in page["values"]] == ["A1", "B1"]
    assert page["values"][0]["insight"]["totalIssueCount"] == 2
    assert page["isLast"] is False
    rest = client.session.get(page["nextPage"]).json()
    assert ([project["key"] for project in rest["values"]], rest["isLast"]) == (["C1"], True)
    project = cloud.state.project("A1")
    assert project is not None
    cloud.state.withdraw(project, cloud.accounts.ada)
    assert client.get("/rest/api/3/project/search").json()["total"] == 2
    asked = {"projectKey": "A1", "permissions": "BROWSE_PROJECTS"}
    told = client.get("/rest/api/3/mypermissions", **asked).json()["permissions"]
    assert told["BROWSE_PROJECTS"]["havePermission"] is False


def test_an_attachment_is_behind_a_redirect_that_takes_no_credentials(cloud: JiraServer) -> None:
    _, (issue,) = some(cloud, 1)
    attachment = cloud.state.attach(issue, "a.txt", b"0123456789")
    client = Client(cloud)
    path = f"/rest/api/3/attachment/content/{attachment.id}"
    answer = client.session.get(cloud.url + path, allow_redirects=False)
    assert answer.status_code == 303
    assert requests.get(answer.headers["Location"]).content == b"0123456789"
    leaked = requests.get(answer.headers["Location"], headers={"Authorization": "Basic c2VjcmV0"})
    assert leaked.status_code == 400
    assert requests.get(answer.headers["Location"] + "x").status_code == 403
    assert client.get(path).content == b"0123456789"  # the session strips what is not for the other host
    assert client.get(path, redirect="false").content == b"0123456789"
    ranged = client.session.get(cloud.url + path + "?redirect=false", headers={"Range": "bytes=7-"})
    assert (ranged.status_code, ranged.content) == (206, b"789")
    cloud.state.delete(issue)
    assert client.get(path).status_code == 404


def test_data_center_pages_by_offset_caps_the_size_and_echoes_it(data_center: JiraServer) -> None:
    data_center.seed(data_center.state.create_project("DOC"), 25)
    data_center.limits.data_center = 10
    client = Client(data_center)
    page = client.get("/rest/api/2/search", jql="project = DOC ORDER BY key", maxResults=500, fields="key").json()
    assert (page["startAt"], page["maxResults"], page["total"], len(page["issues"])) == (0, 10, 25, 10)
    assert {page[name] for name in ("warningMessages", "names", "schema")} == {None}
    assert "nextPageToken" not in page
    assert client.get("/rest/api/2/search", jql="", maxResults=0).json()["total"] == 25
    data_center.limits.window = 15
    counts = [len(client.get("/rest/api/2/search", jql="", startAt=at).json()["issues"]) for at in (0, 10, 20)]
    assert counts == [10, 5, 0]
    posted = client.post("/rest/api/2/search", {"jql": "project = DOC", "startAt": 5, "fields": ["summary"]}).json()
    assert posted["startAt"] == 5


def test_data_center_has_no_new_search_and_no_v3(data_center: JiraServer) -> None:
    client = Client(data_center)
    assert client.get("/rest/api/2/search/jql", jql="project = DOC").status_code == 404
    assert client.get("/rest/api/3/myself").status_code == 404
    assert client.get("/rest/api/2/serverInfo").json()["deploymentType"] == "Server"


def test_a_bad_query_warns_where_the_client_asks_for_warnings(data_center: JiraServer) -> None:
    client = Client(data_center)
    assert client.get("/rest/api/2/search", jql="project = NOPE", validateQuery="strict").status_code == 400
    warned = client.get("/rest/api/2/search", jql="project = NOPE", validateQuery="warn").json()
    assert warned["issues"] == []
    assert warned["warningMessages"] == ["The value 'NOPE' does not exist for the field 'project'."]


def test_issues_that_do_not_exist_are_passed_over_where_nothing_is_validated(data_center: JiraServer) -> None:
    _, issues = some(data_center, 2)
    client = Client(data_center)
    asked = {"jql": f"id in ({issues[0].id}, 99999, {issues[1].id}) ORDER BY key ASC"}
    assert client.post("/rest/api/2/search", asked).status_code == 400
    found = client.post("/rest/api/2/search", {**asked, "validateQuery": False}).json()
    assert [issue["key"] for issue in found["issues"]] == ["DOC-1", "DOC-2"]


def test_the_library_reads_cloud(cloud: JiraServer) -> None:
    cloud.seed(cloud.state.create_project("DOC"), 30)
    jira: Any = JiraCloud(cloud.url, username=conditions.EMAIL, password=conditions.API_TOKEN)
    with jira:
        assert len(jira.enhanced_jql_get_list_of_tickets("project = DOC ORDER BY key", fields="summary")) == 30
        assert jira.search_projects()["values"][0]["key"] == "DOC"
        bulk = jira.bulk_fetch_issues(data={"issueIdsOrKeys": ["DOC-1", "DOC-10"], "fields": ["comment"]})
        assert [issue["fields"]["comment"]["total"] for issue in bulk["issues"]] == [0, 1]
        assert {field["id"] for field in jira.get_fields()} >= {"summary", "description"}
        with pytest.raises(requests.HTTPError, match="does not exist for the field 'project'"):
            jira.enhanced_jql("project = NOPE")
    gateway: Any = Jira(cloud.gateway_url, token=conditions.BEARER, cloud=True)
    assert gateway.myself()["displayName"] == "Ada"
    assert gateway.approximate_issue_count("project = DOC")["count"] == 30


def test_the_library_reads_data_center(data_center: JiraServer) -> None:
    data_center.seed(data_center.state.create_project("DOC"), 130)
    issue = data_center.state.the("DOC-10")
    attachment = data_center.state.attach(issue, "a b.txt", b"hello")
    jira: Any = Jira(data_center.url, token=conditions.PERSONAL_ACCESS_TOKEN)
    assert len(jira.jql_get_list_of_tickets("project = DOC ORDER BY key")) == 130
    assert jira.issue("DOC-10")["fields"]["description"].startswith("The ")
    assert jira.issue_get_comments("DOC-10")["total"] == 1
    assert [project["key"] for project in jira.projects()] == ["DOC"]
    assert jira.get_all_fields()
    assert jira.get_attachment(attachment.id)["filename"] == "a b.txt"


def test_a_census_of_very_many_issues_makes_their_list_once() -> None:
    with JiraServer("cloud") as server:
        made = server.seed(server.state.create_project("BIG"), 20_000)
        client = Client(server)
        assert client.ids("project = BIG ORDER BY key", 1000) == [issue.id for issue in made]
        first, *others = (asked.seconds for asked in server.log.find(SEARCH))
        assert len(others) == 19
        assert min(others) < first / 3
        server.clock.advance(minutes=1)
        server.state.edit(made[7], summary="Edited")
        assert client.keys("project = BIG AND updated >= -1m ORDER BY updated") == ["BIG-20000", "BIG-8"]
