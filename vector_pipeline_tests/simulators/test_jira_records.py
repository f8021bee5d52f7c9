"""The simulated Jira against what is published: answers match the official descriptions, real issues are served.

The descriptions and the records are not part of the repository; they are read where VECTOR_PIPELINE_TEST_DATA points.
"""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from vector_pipeline_tests.simulators.atlassian_http import Request, Response
from vector_pipeline_tests.simulators.jira_client import SEARCH, Client
from vector_pipeline_tests.simulators.jira_records import load_cloud_issues, load_server_issues
from vector_pipeline_tests.simulators.jira_server import JiraServer

pytestmark = pytest.mark.realdata


@pytest.fixture(scope="module")
def data() -> Path:
    folder = os.environ.get("VECTOR_PIPELINE_TEST_DATA")
    if not folder:
        pytest.skip("VECTOR_PIPELINE_TEST_DATA is not set")
    return Path(folder) / "jira"


class Description:
    """An official API description: what a route answers with, as a JSON schema."""

    def __init__(self, path: Path, prefix: str) -> None:
        with gzip.open(path) as packed:
            self.document: dict[str, Any] = json.load(packed)
        self.prefix = prefix
        # Data Center's description calls every field's value an object, also where it is a string or a list
        self.document["components"]["schemas"]["IssueBean"]["properties"]["fields"].pop("additionalProperties")
        self.validator = Draft202012Validator
        self.routes = {_anonymous(path): item for path, item in self.document["paths"].items()}
        self.checked: dict[str, int] = {}

    def check(self, request: Request, template: str, response: Response) -> None:
        """Fails when the route is unknown or the answer does not match its schema."""
        path = template.removeprefix(self.prefix)
        operation = self.routes[_anonymous(path)][request.method.lower()]
        described = operation["responses"].get(str(response.status))
        assert described is not None, f"{request.method} {template} never answers {response.status}"
        content = described.get("content", {}).get("application/json", {})
        if "schema" not in content or response.status >= 400:
            return
        schema = {"components": self.document["components"], **content["schema"]}
        # the service writes null where the descriptions know of no null, so nulls are left out
        body = _without_nulls(json.loads(response.encoded()))
        one_of_a_list = isinstance(body, list) and content["schema"].get("type") != "array"
        errors = [
            f"{request.method} {template}: {'/'.join(map(str, error.path))}: {error.message[:200]}"
            for part in (body if one_of_a_list else [body])
            for error in self.validator(schema).iter_errors(part)
        ]
        assert not errors, "; ".join(errors[:5])
        self.checked[f"{request.method} {path}"] = self.checked.get(f"{request.method} {path}", 0) + 1


def _anonymous(path: str) -> str:
    return "/".join("{}" if part.startswith("{") else part for part in path.split("/"))


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_nulls(each) for name, each in value.items() if each is not None}
    if isinstance(value, list):
        return [_without_nulls(each) for each in value]
    return value


@pytest.fixture(params=["cloud", "data_center"])
def loaded(request: pytest.FixtureRequest, data: Path) -> Iterator[JiraServer]:
    """A site with every record there is."""
    with JiraServer(request.param) as server:
        for path in sorted((data / "tidev").glob("issues_*.jsonl.gz")):
            load_server_issues(server, path)
        load_cloud_issues(server, data / "fluid_cloud_issues.jsonl.gz")
        yield server


def test_every_recorded_issue_is_served_as_it_was(loaded: JiraServer, data: Path) -> None:
    client = Client(loaded)
    assert len(loaded.state.issues) == 2183 + 3916
    path = data / "tidev" / "issues_DAEMON.jsonl.gz"
    with gzip.open(path, "rt") as lines:
        recorded = {record["key"]: record for record in map(json.loads, lines)}
    served = {issue["key"]: issue for issue in client.search("project = DAEMON", fields=["*all"])}
    assert len(served) == (100 if client.cloud else 317)
    for key, issue in served.items():
        fields, raw = issue["fields"], recorded[key]["fields"]
        assert issue["id"] == recorded[key]["id"]
        for name in ("summary", "created", "updated", "labels"):
            assert fields[name] == raw[name]
        assert fields["status"]["name"] == raw["status"]["name"]
        assert fields["comment"]["total"] == len(raw["comment"]["comments"])
        assert len(fields["issuelinks"]) >= len(raw["issuelinks"])
        assert ("parent" in fields) == bool(raw.get("parent"))
        if not client.cloud:
            assert fields["description"] == raw["description"]


def test_every_page_of_everything_matches_the_official_description(loaded: JiraServer, data: Path) -> None:
    client = Client(loaded)
    if client.cloud:
        description = Description(data / "openapi" / "jira-cloud-v3.swagger-v3.v3.json.gz", "")
    else:
        description = Description(data / "openapi" / "jira-dc.openapi.json.gz", "/rest")
    problems: list[str] = []

    def observe(request: Request, template: str, response: Response) -> None:
        try:
            description.check(request, template, response)
        except (AssertionError, KeyError) as error:
            problems.append(str(error))

    loaded.observers.append(observe)
    issue = loaded.state.the("ALOY-258")
    loaded.state.edit(issue, status="Done")
    loaded.state.log_work(issue, 60, "short")
    loaded.state.attach(issue, "a.txt", b"text")
    loaded.state.restrict(issue, loaded.state.security_level("Board", [loaded.accounts.ada]))
    if client.cloud:
        _ask_cloud(client)
    else:
        _ask_data_center(client)
    assert problems == []
    assert len(description.checked) >= (13 if client.cloud else 8), description.checked


def _ask_cloud(client: Client) -> None:
    keys: list[str] = []
    body: dict[str, Any] = {"jql": "project in (ALOY, DAEMON)", "fields": ["*all"], "expand": "changelog,names"}
    body["maxResults"] = 100
    for _ in range(4):
        page = client.post(SEARCH, body).json()
        keys += [issue["key"] for issue in page["issues"]]
        body["nextPageToken"] = page["nextPageToken"]
    client.get(SEARCH, jql="project = MOD", fields="summary")
    client.post("/rest/api/3/search/approximate-count", {"jql": "project = MOD"})
    bulk = {"issueIdsOrKeys": [*keys[:99], "NO-1"], "fields": ["*all"], "expand": ["changelog"]}
    client.post("/rest/api/3/issue/bulkfetch", bulk)
    client.post("/rest/api/3/changelog/bulkfetch", {"issueIdsOrKeys": ["ALOY-258"]})
    for path in ("", "/comment", "/changelog", "/worklog"):
        client.get(f"/rest/api/3/issue/ALOY-258{path}")
    client.get("/rest/api/3/project/search", expand="insight")
    client.get("/rest/api/3/project/ALOY")
    for path in ("project", "field", "myself", "serverInfo", "mypermissions", "project/ALOY/securitylevel"):
        client.get(f"/rest/api/3/{path}")
    attachment = next(iter(client.server.state.attachments))
    client.get(f"/rest/api/3/attachment/{attachment}")
    # and refusals: the descriptions know these statuses
    client.get(SEARCH, jql="")
    client.issue("NO-1")
    client.get("/rest/api/3/project/NO")


def _ask_data_center(client: Client) -> None:
    for start in range(0, 400, 100):
        client.get("/rest/api/2/search", jql="project in (ALOY, DAEMON)", startAt=start, maxResults=100, fields="*all")
    client.get("/rest/api/2/search", jql="project = MOD", expand="changelog,names", maxResults=10)
    for path in ("", "/comment", "/worklog"):
        client.get(f"/rest/api/2/issue/ALOY-258{path}")
    for path in ("project", "project/ALOY", "field", "myself", "serverInfo", "mypermissions"):
        client.get(f"/rest/api/2/{path}")
    attachment = next(iter(client.server.state.attachments))
    client.get(f"/rest/api/2/attachment/{attachment}")
    client.issue("NO-1")
