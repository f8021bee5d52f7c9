"""Jira Cloud's REST interface: search by page tokens, bulk fetches, paged lists, attachments behind a redirect.

What the real service refuses is refused here, with its texts where they are known: an unbounded query, the removed
search, a page size out of range, a made-up token, an unknown body field, a POST without a JSON body.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from typing import Any

from vector_pipeline_tests.simulators.atlassian_conditions import Refused
from vector_pipeline_tests.simulators.atlassian_http import Request, Response
from vector_pipeline_tests.simulators.jira_api import JiraApi
from vector_pipeline_tests.simulators.jira_model import Change, Issue
from vector_pipeline_tests.simulators.jira_render import Renderer, wanted_fields
from vector_pipeline_tests.simulators.jira_search import Found, SortKey

BULK_ISSUES = 100
BULK_CHANGELOGS = 1000
BULK_FIELDS = 10
RECONCILED = 50
TOKEN_DAYS = 7
UNBOUNDED = "Unbounded JQL queries are not allowed here. Please add a search restriction to your query."
UNRETURNED = "The issue could not be returned with this request. Try again with fewer issues."
_REMOVED = (
    "The requested API has been removed. Please migrate to the /rest/api/3/search/jql API. A full migration "
    "guideline is available at https://developer.atlassian.com/changelog/#CHANGE-2046"
)
_BAD_PAYLOAD = "Invalid request payload. Refer to the REST API documentation and try again."
_SEARCH_BODY = {
    "jql": str,
    "nextPageToken": str,
    "maxResults": int,
    "fields": list,
    "expand": str,
    "properties": list,
    "fieldsByKeys": bool,
    "failFast": bool,
    "reconcileIssues": list,
}
_ID_ONLY = frozenset({"id", "key", "issuekey", "-*all", "-*navigable"})


class CloudApi(JiraApi):
    """All routes of the Cloud flavour, for v2, v3 and latest."""

    def add_routes(self) -> None:
        """Fills the server's router."""
        add = self.server.router.add
        for prefix in ("/rest/api/3", "/rest/api/2", "/rest/api/latest"):
            for method in ("GET", "POST"):
                add(method, f"{prefix}/search", self.removed_search)
                add(method, f"{prefix}/search/jql", self.search)
            add("POST", f"{prefix}/search/approximate-count", self.approximate_count)
            add("POST", f"{prefix}/issue/bulkfetch", self.bulk_fetch)
            add("POST", f"{prefix}/changelog/bulkfetch", self.bulk_changelogs)
            add("GET", f"{prefix}/issue/{{issue}}/changelog", self.changelog)
            add("GET", f"{prefix}/project/search", self.search_projects)
            add("GET", f"{prefix}/project", self.all_projects)
            add("GET", f"{prefix}/attachment/content/{{attachment}}", self.attachment_content)
            self.add_common(prefix)
        add("GET", "/media/file/{attachment}/binary", self.media, public=True)

    # ---- search
    def removed_search(self, _request: Request) -> Any:
        raise self.error(410, _REMOVED)

    def search(self, request: Request) -> dict[str, Any]:
        asked = self._asked(request)
        jql = (asked.get("jql") or "").strip()
        token = asked.get("nextPageToken") or ""
        position = self._position(token, jql) if token else None
        size = asked.get("maxResults", 50)
        if not 1 <= size <= self.limits.ids:
            raise self.error(400, f"The max results parameter has to be between 1 and {self.limits.ids:,}.")
        reconcile = asked.get("reconcileIssues") or []
        if len(reconcile) > RECONCILED:
            raise self.error(400, f"The number of issues to reconcile has to be at most {RECONCILED}.")
        self.index.catch_up(int(each) for each in reconcile)
        query = self.index.parse(jql, request.who)
        if query.where is None:
            raise self.error(400, UNBOUNDED)
        found = self.index.search(jql, query, request.who)
        fields = asked.get("fields") or ["id"]
        only_ids = _ID_ONLY.issuperset(fields)
        size = self.server.faults.page_size(size if only_ids else min(size, self.limits.issues))
        start = found.after(position)
        if self.server.faults.take("empty_page"):
            again = token or self._token(jql, ())
            return {"issues": [], "nextPageToken": again, "isLast": False}
        issues = self._issues(request, found.ids[start : start + size], fields, asked.get("expand") or "")
        return {"issues": issues, **self._tail(jql, found, start + size, token)}

    def _tail(self, jql: str, found: Found, end: int, token: str) -> dict[str, Any]:
        faults, last = self.server.faults, end >= len(found.ids)
        tail: dict[str, Any] = {"isLast": last != faults.take("last_flag_lies")}
        if not last:
            repeated = bool(token) and faults.take("repeated_token")
            tail["nextPageToken"] = token if repeated else self._token(jql, found.keys[end - 1])
        return tail

    def _issues(self, request: Request, ids: list[int], fields: list[str], expand: str) -> list[dict[str, Any]]:
        issues = self.state.issues
        if set(fields) == {"id"} and not expand:
            return [{"id": str(issue_id)} for issue_id in ids if issue_id in issues]
        renderer = self.renderer(request, search=True)
        wanted = None if _ID_ONLY.issuperset(fields) else wanted_fields(fields, "id")
        expands = expand.split(",")
        return [renderer.issue(issues[each], wanted, expands) for each in ids if each in issues]

    def _asked(self, request: Request) -> dict[str, Any]:
        if request.method == "POST":
            return self._body(request, _SEARCH_BODY)
        if len(request.query.get("nextPageToken", [])) > 1:
            raise self._bad_token()
        asked: dict[str, Any] = {name: request.text(name) for name in ("jql", "nextPageToken", "expand")}
        asked["fields"] = request.many("fields")
        asked["reconcileIssues"] = request.many("reconcileIssues")
        asked["maxResults"] = request.number("maxResults", 50)
        return asked

    def _body(self, request: Request, allowed: dict[str, type]) -> dict[str, Any]:
        """The body when it is an object of known fields with values of their types. Raises Refused: 415, 400."""
        body = request.json()
        if not isinstance(body, dict) or not body.keys() <= allowed.keys():
            raise self.error(400, _BAD_PAYLOAD)
        given = {name: value for name, value in body.items() if value is not None}
        for name, value in given.items():
            kind = allowed[name]
            if kind is int and isinstance(value, str) and value.isdigit():
                given[name] = int(value)
            elif not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
                raise self.error(400, _BAD_PAYLOAD)
        return given

    # ---- page tokens: sort key of the last row, bound to the query, with an expiry
    def _token(self, jql: str, last: SortKey) -> str:
        payload = json.dumps([_digest(jql), round(self.server.clock.now().timestamp()), last]).encode()
        return base64.urlsafe_b64encode(hashlib.sha256(payload).digest()[:6] + payload).decode()

    def _position(self, token: str, jql: str) -> SortKey:
        try:
            raw = base64.urlsafe_b64decode(token.encode())
        except (binascii.Error, ValueError):
            raise self._bad_token() from None
        mark, payload = raw[:6], raw[6:]
        if hashlib.sha256(payload).digest()[:6] != mark:
            raise self._bad_token()
        digest, issued, last = json.loads(payload)
        age = self.server.clock.now().timestamp() - issued
        if digest != _digest(jql) or age >= TOKEN_DAYS * 86400:
            raise self._bad_token()
        return _as_key(last)

    def _bad_token(self) -> Refused:
        return self.error(400, "The provided nextPageToken is invalid or has expired.")

    def approximate_count(self, request: Request) -> dict[str, Any]:
        jql = str(self._body(request, {"jql": str}).get("jql", "")).strip()
        query = self.index.parse(jql, request.who)
        if query.where is None:
            raise self.error(400, UNBOUNDED)
        return {"count": len(self.index.search(jql, query, request.who).ids)}

    # ---- issues
    def bulk_fetch(self, request: Request) -> dict[str, Any]:
        shape = {"issueIdsOrKeys": list, "fields": list, "expand": list, "fieldsByKeys": bool, "properties": list}
        body = self._body(request, shape)
        names = [str(name) for name in body.get("issueIdsOrKeys", [])]
        if not 1 <= len(names) <= BULK_ISSUES:
            raise self.error(400, f"The number of issue IDs or keys has to be between 1 and {BULK_ISSUES}.")
        wanted = wanted_fields(body.get("fields", []), "*navigable")
        renderer = self.renderer(request)
        shown: list[dict[str, Any]] = []
        errors: list[dict[str, str]] = []
        for issue in self._named_issues(request, names):
            if issue.id in self.limits.not_in_bulk:
                errors.append({"id": str(issue.id), "errorMessage": UNRETURNED})
            else:
                shown.append(renderer.issue(issue, wanted, body.get("expand", [])))
        return {"issues": shown, "issueErrors": errors}

    def _named_issues(self, request: Request, names: list[str]) -> list[Issue]:
        """Visible issues by ascending id, each once; what is absent or hidden is left out without a word."""
        named = [self.state.issue(name) for name in names]
        found = {each.id: each for each in named if each is not None and self.state.may_see(each, request.who)}
        return [found[issue_id] for issue_id in sorted(found)]

    # ---- changelogs
    def changelog(self, request: Request) -> dict[str, Any]:
        issue = self.visible_issue(request, request.parts["issue"])
        renderer, cap = self.renderer(request), self.limits.changes
        start, limit, rows = self.page(request, issue.changes, size=cap, cap=cap)
        link = f"{renderer.rest}/issue/{issue.id}/changelog"
        return self._bean(link, start, limit, len(issue.changes), [renderer.change(each) for each in rows])

    def _bean(self, link: str, start: int, limit: int, total: int, values: list[Any]) -> dict[str, Any]:
        end = start + len(values)
        last = end >= total
        found = {
            "self": f"{link}?maxResults={limit}&startAt={start}",
            "maxResults": limit,
            "startAt": start,
            "total": total,
            "isLast": last != self.server.faults.take("last_flag_lies"),
            "values": values,
        }
        return found if last else found | {"nextPage": f"{link}?maxResults={limit}&startAt={end}"}

    def bulk_changelogs(self, request: Request) -> dict[str, Any]:
        shape = {"issueIdsOrKeys": list, "fieldIds": list, "maxResults": int, "nextPageToken": str}
        body = self._body(request, shape)
        names, fields = body.get("issueIdsOrKeys", []), set(body.get("fieldIds", []))
        if not 1 <= len(names) <= BULK_CHANGELOGS:
            raise self.error(400, f"The number of issue IDs or keys has to be between 1 and {BULK_CHANGELOGS}.")
        if len(fields) > BULK_FIELDS:
            raise self.error(400, f"The number of field IDs has to be at most {BULK_FIELDS}.")
        size = body.get("maxResults", 1000)
        if not 1 <= size <= 10000:
            raise self.error(400, "The max results parameter has to be between 1 and 10,000.")
        issues = self._named_issues(request, [str(name) for name in names])
        rows = [
            ((change.created.timestamp(), issue.id, change.id), issue, change)
            for issue in issues
            for change in issue.changes
            if not fields or any(name in fields for name, _, _ in change.items)
        ]
        rows.sort(key=lambda row: row[0])
        mark, token = json.dumps([sorted(map(str, names)), sorted(fields)]), body.get("nextPageToken") or ""
        if token:
            position = self._position(token, mark)
            rows = [row for row in rows if row[0] > position]
        page = rows[: self.server.faults.page_size(size)]
        found: dict[str, Any] = {"issueChangeLogs": self._by_issue(self.renderer(request), page)}
        if len(page) < len(rows):
            found["nextPageToken"] = self._token(mark, page[-1][0])
        return found

    def _by_issue(self, renderer: Renderer, rows: list[tuple[SortKey, Issue, Change]]) -> list[dict[str, Any]]:
        found: dict[int, list[dict[str, Any]]] = {}
        for _, issue, change in rows:
            found.setdefault(issue.id, []).append(renderer.change(change))
        return [{"issueId": str(issue_id), "changeHistories": changes} for issue_id, changes in found.items()]

    # ---- projects
    def search_projects(self, request: Request) -> dict[str, Any]:
        status = request.many("status") or ["live"]
        keys, ids = [key.upper() for key in request.many("keys")], request.many("id")
        text = request.text("query").lower()
        found = [
            project
            for project in self.visible_projects(request)
            if ("archived" if project.archived else "live") in status
            and (not keys or project.key in keys)
            and (not ids or str(project.id) in ids)
            and (text in project.key.lower() or text in project.name.lower())
        ]
        renderer = self.renderer(request)
        start, limit, rows = self.page(request, found, size=50, cap=100)
        values = [renderer.project(each) for each in rows]
        if "insight" in request.many("expand"):
            for project, value in zip(rows, values, strict=True):
                issues = self.state.issues_of(project)
                value["insight"] = {"totalIssueCount": len(issues)}
                if issues:
                    newest = max(issue.updated for issue in issues)
                    value["insight"]["lastIssueUpdateTime"] = renderer.time(newest)
        return self._bean(f"{renderer.rest}/project/search", start, limit, len(found), values)

    def all_projects(self, request: Request) -> list[dict[str, Any]]:
        renderer = self.renderer(request)
        return [renderer.project(each) for each in self.visible_projects(request) if not each.archived]

    # ---- attachments
    def attachment_content(self, request: Request) -> Response:
        """A redirect to the media host, with a link that needs no authentication; with `redirect=false` the bytes."""
        attachment = self.visible_attachment(request)
        if request.text("redirect", "true").lower() == "false":
            return self.content(request, attachment)
        link = f"{self.server.other_origin}/media/file/{attachment.id}/binary?token={_digest(str(attachment.id))}"
        return Response(None, 303, {"Location": link})

    def media(self, request: Request) -> Response:
        """The foreign media host: it wants the link's token and nothing else."""
        number = request.parts["attachment"]
        attachment = self.state.attachments.get(int(number)) if number.isdigit() else None
        if "Authorization" in request.headers:
            raise Refused(400, {"error": {"code": "BadRequest", "title": "Only one way to authenticate is allowed"}})
        if attachment is None or request.text("token") != _digest(number):
            raise Refused(403, {"error": {"code": "Forbidden", "title": "The token does not allow this"}})
        return self.content(request, attachment)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _as_key(value: Any) -> SortKey:
    """A sort key as it was before JSON made lists of its tuples."""
    return tuple(_as_key(each) if isinstance(each, list) else each for each in value)
