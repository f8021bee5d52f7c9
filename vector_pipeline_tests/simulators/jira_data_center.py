"""Jira Data Center's REST interface: search by offset with a total, strings for rich text, whole lists.

The page size is capped and echoed, `total` may promise more than can be fetched, a hidden issue is told from an
absent one, and a bad query is a warning where the client asks for that.
"""

from __future__ import annotations

from typing import Any

from vector_pipeline_tests.simulators.atlassian_conditions import Refused
from vector_pipeline_tests.simulators.atlassian_http import Request, Response
from vector_pipeline_tests.simulators.jira_api import JiraApi
from vector_pipeline_tests.simulators.jira_render import wanted_fields
from vector_pipeline_tests.simulators.jira_search import Found

_SEARCH_BODY = frozenset({"jql", "startAt", "maxResults", "fields", "expand", "validateQuery", "properties"})


class DataCenterApi(JiraApi):
    """All routes of the Data Center flavour, for v2 and latest; there is no v3."""

    def add_routes(self) -> None:
        """Fills the server's router."""
        add = self.server.router.add
        for prefix in ("/rest/api/2", "/rest/api/latest"):
            add("GET", f"{prefix}/search", self.search)
            add("POST", f"{prefix}/search", self.search)
            add("GET", f"{prefix}/project", self.all_projects)
            self.add_common(prefix)
        add("GET", "/secure/attachment/{attachment}/{filename}", self.attachment_content)

    def search(self, request: Request) -> dict[str, Any]:
        asked = self._asked(request)
        start, size = asked["startAt"], asked["maxResults"]
        if start < 0:
            raise self.error(400, "The 'startAt' parameter must be a non-negative number.")
        size = self.limits.data_center if size < 0 else min(size, self.limits.data_center)
        size = self.server.faults.page_size(size)
        found, warnings = self._find(request, asked["jql"].strip(), asked["validateQuery"])
        ids = found.ids[start : start + size]
        if self.limits.window:
            ids = ids[: max(0, self.limits.window - start)]
        if ids and self.server.faults.take("empty_page"):
            ids = []
        renderer = self.renderer(request, search=True)
        wanted = wanted_fields(asked["fields"], "*navigable")
        issues = self.state.issues
        window = {"maxResultWindow": self.limits.window} if self.limits.window else {}
        return {
            **window,
            "expand": "schema,names",
            "startAt": start,
            "maxResults": size,
            "total": len(found.ids),
            "issues": [renderer.issue(issues[each], wanted, asked["expand"]) for each in ids if each in issues],
            "warningMessages": warnings,
            "names": {name: info.name for name, info in self.state.fields.items()}
            if "names" in asked["expand"]
            else None,
            "schema": None,
        }

    def _find(self, request: Request, jql: str, validate: str) -> tuple[Found, list[str] | None]:
        """What the query finds; a bad one finds nothing and warns, unless it is to be refused (400).

        A list of issues of which some do not exist finds the others, where nothing is validated.
        """
        try:
            query = self.index.parse(jql, request.who, lenient=validate in ("false", "none"))
        except Refused as refused:
            if validate in ("true", "strict"):
                raise
            return Found([], []), refused.body["errorMessages"] if validate == "warn" else None
        return self.index.search(jql, query, request.who), None

    def _asked(self, request: Request) -> dict[str, Any]:
        if request.method == "GET":
            return {
                "jql": request.text("jql"),
                "startAt": request.number("startAt", 0),
                "maxResults": request.number("maxResults", 50),
                "fields": request.many("fields"),
                "expand": request.many("expand"),
                "validateQuery": request.text("validateQuery", "true").lower(),
            }
        body = request.json()
        unknown = sorted(body.keys() - _SEARCH_BODY) if isinstance(body, dict) else ["body"]
        if unknown:
            raise self.error(400, f'Unrecognized field "{unknown[0]}"')
        return {
            "jql": body.get("jql") or "",
            "startAt": int(body.get("startAt") or 0),
            "maxResults": int(body.get("maxResults", 50)),
            "fields": body.get("fields") or [],
            "expand": body.get("expand") or [],
            "validateQuery": str(body.get("validateQuery", "true")).lower(),
        }

    def all_projects(self, request: Request) -> list[dict[str, Any]]:
        archived = request.text("includeArchived", "false").lower() == "true"
        renderer = self.renderer(request)
        return [renderer.project(each) for each in self.visible_projects(request) if archived or not each.archived]

    def attachment_content(self, request: Request) -> Response:
        return self.content(request, self.visible_attachment(request))
