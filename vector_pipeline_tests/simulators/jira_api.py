"""What the REST interfaces of both Jira flavours share: finding what is asked for, refusing it, paging, projects.

The two flavours differ enough in search to have modules of their own (`jira_cloud`, `jira_data_center`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from vector_pipeline_tests.simulators.atlassian_conditions import Refused
from vector_pipeline_tests.simulators.atlassian_http import AtlassianServer, Request, Response
from vector_pipeline_tests.simulators.jira_model import Attachment, Issue, Project
from vector_pipeline_tests.simulators.jira_render import Renderer, wanted_fields
from vector_pipeline_tests.simulators.jira_search import SearchIndex
from vector_pipeline_tests.simulators.jira_state import JiraState

T = TypeVar("T")
INVISIBLE = "Issue does not exist or you do not have permission to see it."


@dataclass
class Limits:
    """How much one answer carries, and where versions of the service differ.

    The defaults are the recorded ones; tests make them smaller to page early.
    """

    ids: int = 5000  # Cloud search of nothing but ids and keys
    issues: int = 100  # Cloud search with fields
    search_comments: int = 20  # comments inside an issue found by the Cloud search: the newest
    search_changes: int = 40  # changelog likewise
    issue_comments: int = 100  # comments inside an issue asked by itself or in bulk, on Cloud
    issue_changes: int = 100
    comments: int = 100  # a page of Cloud's comment list
    changes: int = 100
    counts_hidden: bool = False  # whether a list's total counts comments that the viewer may not see
    data_center: int = 1000  # a page of Data Center's search, echoed as maxResults
    hidden_status: int = 403  # Data Center for a hidden issue; its description says 404, its sites 403
    not_in_bulk: frozenset[int] = frozenset()  # ids of issues that Cloud's bulk fetch names among its errors
    window: int = 0  # Data Center finds nothing from this offset on, whatever `total` says; 0 is no such limit


class JiraApi:
    """The routes that both flavours have. A subclass adds its own."""

    def __init__(self, server: AtlassianServer, state: JiraState, index: SearchIndex, limits: Limits) -> None:
        self.server, self.state, self.index, self.limits = server, state, index, limits
        self.cloud = server.flavour.value == "cloud"

    def error(self, status: int, *messages: str, **errors: str) -> Refused:
        """A refusal in Jira's envelope."""
        return Refused(status, {"errorMessages": list(messages), "errors": errors})

    def renderer(self, request: Request, *, search: bool = False) -> Renderer:
        """Makes the JSON that this request gets."""
        found = re.match(r"/rest/api/(\w+)/", request.path)
        version = found.group(1) if found else "2"
        renderer = Renderer(
            state=self.state,
            viewer=request.who,
            base=self.server.url,
            version="2" if version == "latest" else version,
            cloud=self.cloud,
        )
        renderer.counts_hidden = self.limits.counts_hidden
        if self.cloud:
            limits = self.limits
            renderer.embedded_comments = limits.search_comments if search else limits.issue_comments
            renderer.embedded_changes = limits.search_changes if search else limits.issue_changes
        return renderer

    def visible_issue(self, request: Request, id_or_key: str) -> Issue:
        """The issue asked for. Raises Refused: Cloud never tells absent from hidden, Data Center does (403)."""
        issue = self.state.issue(id_or_key)
        if issue is None or issue.project.deleted:
            raise self.error(404, INVISIBLE if self.cloud else "Issue Does Not Exist")
        if not self.state.may_see(issue, request.who):
            if self.cloud:
                raise self.error(404, INVISIBLE)
            status, message = self.limits.hidden_status, "You do not have the permission to see the specified issue."
            raise self.error(status, message)
        return issue

    def visible_project(self, request: Request, id_or_key: str) -> Project:
        """The project asked for. Raises Refused (404) when there is none or it is hidden."""
        project = self.state.project(id_or_key)
        if project is None or not self.state.may_browse(project, request.who):
            raise self.error(404, f"No project could be found with key '{id_or_key}'.")
        return project

    def visible_projects(self, request: Request) -> list[Project]:
        """What the account may browse, by key, archived ones too."""
        found = [each for each in self.state.projects.values() if self.state.may_browse(each, request.who)]
        return sorted(found, key=lambda project: project.key)

    def page(self, request: Request, items: Sequence[T], *, size: int, cap: int) -> tuple[int, int, Sequence[T]]:
        """Start, size and rows of an offset-paged list, with the paging faults applied."""
        start = max(0, request.number("startAt", 0))
        asked = request.number("maxResults", size)
        limit = self.server.faults.page_size(min(asked if asked >= 0 else cap, cap))
        rows = items[start : start + limit]
        if len(items) > start and self.server.faults.take("empty_page"):
            rows = items[:0]
        return start, limit, rows

    # ---- routes that both have
    def add_common(self, prefix: str) -> None:
        """Adds the common routes below a prefix like /rest/api/3."""
        add = self.server.router.add
        add("GET", f"{prefix}/serverInfo", self.server_info, public=True)
        add("GET", f"{prefix}/myself", self.myself)
        add("GET", f"{prefix}/mypermissions", self.my_permissions)
        add("GET", f"{prefix}/field", self.fields)
        add("GET", f"{prefix}/project/{{project}}", self.one_project)
        add("GET", f"{prefix}/project/{{project}}/securitylevel", self.security_levels)
        add("GET", f"{prefix}/issue/{{issue}}", self.one_issue)
        add("GET", f"{prefix}/issue/{{issue}}/comment", self.comments)
        add("GET", f"{prefix}/issue/{{issue}}/worklog", self.worklogs)
        add("GET", f"{prefix}/attachment/{{attachment}}", self.attachment_facts)

    def server_info(self, _request: Request) -> dict[str, Any]:
        now = self.server.clock.now()
        number = [1001, 0, 0] if self.cloud else [11, 3, 8]
        found = {
            "baseUrl": self.server.url,
            "version": "1001.0.0-SNAPSHOT" if self.cloud else "11.3.8",
            "versionNumbers": number,
            "deploymentType": "Cloud" if self.cloud else "Server",
            "buildNumber": 100290,
            "buildDate": "2026-02-20T00:00:00.000+0000",
            "serverTime": f"{now:%Y-%m-%dT%H:%M:%S}.{now.microsecond // 1000:03d}+0000",
            "scmInfo": "0123456789abcdef0123456789abcdef01234567",
            "serverTitle": "Jira",
        }
        return found | ({"serverTimeZone": self.state.server_time_zone} if self.cloud else {})

    def myself(self, request: Request) -> dict[str, Any]:
        found = self.renderer(request).user(request.who) or {}
        found["groups"] = {"size": len(request.who.groups), "items": []}
        return found | {"applicationRoles": {"size": 1, "items": []}, "locale": "en_US"}

    def my_permissions(self, request: Request) -> dict[str, Any]:
        key = request.text("projectKey") or request.text("projectId")
        allowed = True
        if key:
            project = self.state.project(key)
            if project is None:
                raise self.error(404, f"No project could be found with key '{key}'.")
            allowed = self.state.may_browse(project, request.who)
        found = {"id": "10", "key": "BROWSE_PROJECTS", "name": "Browse Projects", "type": "PROJECT"}
        return {"permissions": {"BROWSE_PROJECTS": found | {"description": "", "havePermission": allowed}}}

    def fields(self, _request: Request) -> list[dict[str, Any]]:
        return [info.as_json(cloud=self.cloud) for info in self.state.fields.values()]

    def one_project(self, request: Request) -> dict[str, Any]:
        project = self.visible_project(request, request.parts["project"])
        return self.renderer(request).project(project, detail=True)

    def security_levels(self, request: Request) -> dict[str, Any]:
        self.visible_project(request, request.parts["project"])
        renderer = self.renderer(request)
        return {"levels": [renderer.security_level(level) for level in self.state.security_levels.values()]}

    def one_issue(self, request: Request) -> dict[str, Any]:
        issue = self.visible_issue(request, request.parts["issue"])
        return self.renderer(request).issue(
            issue, wanted_fields(request.many("fields"), "*all"), request.many("expand")
        )

    def comments(self, request: Request) -> dict[str, Any]:
        issue = self.visible_issue(request, request.parts["issue"])
        renderer = self.renderer(request)
        order = request.text("orderBy", "created")
        if order.lstrip("+-") != "created":
            raise self.error(400, f"Invalid value '{order}' of 'orderBy'.")
        found = renderer.comments_of(issue)
        found = found[::-1] if order.startswith("-") else found
        cap = self.limits.comments if self.cloud else 1048576
        start, limit, rows = self.page(request, found, size=cap, cap=cap)
        comments = [renderer.comment(issue, each) for each in rows]
        total = len(issue.comments) if self.limits.counts_hidden else len(found)
        return {"startAt": start, "maxResults": limit, "total": total, "comments": comments}

    def worklogs(self, request: Request) -> dict[str, Any]:
        issue = self.visible_issue(request, request.parts["issue"])
        renderer = self.renderer(request)
        start, limit, rows = self.page(request, issue.worklogs, size=5000, cap=5000)
        worklogs = [renderer.worklog(issue, each) for each in rows]
        return {"startAt": start, "maxResults": limit, "total": len(issue.worklogs), "worklogs": worklogs}

    # ---- attachments
    def visible_attachment(self, request: Request) -> Attachment:
        """The attachment asked for. Raises Refused (404) also when its issue is hidden."""
        number = request.parts["attachment"]
        attachment = self.state.attachments.get(int(number)) if number.isdigit() else None
        issue = self.state.issues.get(attachment.issue_id) if attachment is not None else None
        if attachment is None or issue is None or not self.state.may_see(issue, request.who):
            raise self.error(404, f"The attachment with id '{number}' does not exist")
        return attachment

    def attachment_facts(self, request: Request) -> dict[str, Any]:
        attachment = self.visible_attachment(request)
        found = self.renderer(request).attachment(attachment)
        return found | ({"id": attachment.id} if self.cloud else {})

    def content(self, request: Request, attachment: Attachment) -> Response:
        """The bytes, or the piece a Range header asks for. Raises Refused (416) for a range beyond the end."""
        data, headers = attachment.content, {"Content-Disposition": "attachment", "Accept-Ranges": "bytes"}
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", request.headers.get("Range", ""))
        if wanted is None:
            return Response(data, headers=headers, content_type=attachment.mime)
        first, last = int(wanted.group(1)), int(wanted.group(2) or len(data) - 1)
        if first >= len(data):
            raise Refused(416, b"", headers={"Content-Range": f"bytes */{len(data)}"})
        piece = data[first : last + 1]
        headers["Content-Range"] = f"bytes {first}-{first + len(piece) - 1}/{len(data)}"
        return Response(piece, 206, headers, attachment.mime)
