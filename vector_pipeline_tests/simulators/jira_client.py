"""How tests ask a simulated Jira: a session with the shortest words for what they ask, and a quick way to issues."""

from __future__ import annotations

from typing import Any

import requests

from vector_pipeline_tests.simulators import atlassian_conditions as conditions
from vector_pipeline_tests.simulators.jira_model import Issue, Project
from vector_pipeline_tests.simulators.jira_server import JiraServer

SEARCH = "/rest/api/3/search/jql"


class Client:
    """A session on a server, with the shortest words for what the tests ask."""

    def __init__(self, server: JiraServer, auth: tuple[str, str] | None = None) -> None:
        self.server = server
        self.cloud = server.flavour.value == "cloud"
        own = (conditions.EMAIL, conditions.API_TOKEN) if self.cloud else (conditions.USER, conditions.PASSWORD)
        self.session = requests.Session()
        self.session.auth = auth or own

    def get(self, path: str, **query: Any) -> requests.Response:
        return self.session.get(self.server.url + path, params=query)

    def post(self, path: str, body: Any) -> requests.Response:
        return self.session.post(self.server.url + path, json=body)

    def issue(self, name: str | int, **query: Any) -> requests.Response:
        return self.get(f"/rest/api/{3 if self.cloud else 2}/issue/{name}", **query)

    def search(self, jql: str, **more: Any) -> list[dict[str, Any]]:
        """The first page that a query finds."""
        if self.cloud:
            found = self.post(SEARCH, {"jql": jql, "maxResults": 5000, "fields": ["key"], **more})
        else:
            found = self.get("/rest/api/2/search", jql=jql, maxResults=1000, **more)
        assert found.status_code == 200, found.text
        issues: list[dict[str, Any]] = found.json()["issues"]
        return issues

    def keys(self, jql: str) -> list[str]:
        return [issue["key"] for issue in self.search(jql)]

    def ids(self, jql: str, size: int = 50) -> list[int]:
        """All ids, page by page, as Cloud pages."""
        found: list[int] = []
        token: str | None = None
        while True:
            page = self.post(SEARCH, {"jql": jql, "maxResults": size, "nextPageToken": token}).json()
            found += [int(issue["id"]) for issue in page["issues"]]
            token = page.get("nextPageToken")
            if token is None:
                assert page["isLast"]
                return found


def some(server: JiraServer, count: int, key: str = "DOC") -> tuple[Project, list[Issue]]:
    """A project with issues made a minute apart."""
    project = server.state.project(key) or server.state.create_project(key)
    issues = []
    for number in range(count):
        server.clock.advance(minutes=1)
        issues.append(server.state.create_issue(project, f"Issue {number}", description=f"Text {number}"))
    return project, issues
