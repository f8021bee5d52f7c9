"""Takes recorded Jira issues from JSON lines into a simulated site, whatever its flavour.

Two formats are known: issues as Jira Server's REST interface writes them, and Cloud issues from a static export whose
texts are markdown already. Links to issues that were not recorded are kept as they are; attachments, whose bytes were
not recorded, get a line of text.
"""

from __future__ import annotations

import gzip
import json
import mimetypes
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from vector_pipeline_tests.simulators.atlassian_conditions import Account
from vector_pipeline_tests.simulators.jira_model import Attachment, Comment, Issue, Link, Named, Project
from vector_pipeline_tests.simulators.jira_render import parse_time
from vector_pipeline_tests.simulators.jira_server import JiraServer
from vector_pipeline_tests.simulators.jira_state import JiraState

_NAMED = ("issuetype", "status", "priority", "resolution")
_NAMED_LISTS = ("components", "versions", "fixVersions")
_USERS = ("assignee", "reporter", "creator")
_APART = ("project", "created", "updated", "comment", "attachment", "issuelinks", "subtasks", "parent", "worklog")


def load_server_issues(server: JiraServer, path: Path) -> list[Issue]:
    """The issues of a file of Jira Server records, with their ids, keys, times, comments and links."""
    return _Records(server).load(path, _Records.server_issue)


def load_cloud_issues(server: JiraServer, path: Path) -> list[Issue]:
    """The issues of a file of exported Cloud records; ids are made up, in the order of the file."""
    return _Records(server).load(path, _Records.cloud_issue)


class _Records:
    def __init__(self, server: JiraServer) -> None:
        self.server = server
        self.state: JiraState = server.state
        self.named: dict[tuple[str, str], Named] = {}
        self.links: dict[tuple[str, str, str], tuple[Issue, dict[str, Any]]] = {}
        self.parents: list[tuple[Issue, dict[str, Any]]] = []

    def load(self, path: Path, make: Any) -> list[Issue]:
        """Makes all issues, then joins them."""
        made = [make(self, record) for record in _lines(path)]
        for issue in made:
            self.state.add(issue, indexed=False)
        for issue, raw in self.parents:
            parent = self.state.issue(raw["key"])
            if parent is None:
                issue.fields["parent"] = raw
            else:
                issue.parent = parent.id
                parent.children.append(issue.id)
        for issue, raw in self.links.values():
            self._link(issue, raw)
        self.server.index.rebuild()
        return made

    # ---- Jira Server's own format
    def server_issue(self, record: dict[str, Any]) -> Issue:
        raw = record["fields"]
        fields = {name: value for name, value in raw.items() if name not in _APART}
        for name in _NAMED:
            fields[name] = self._named(name, raw.get(name))
        for name in _NAMED_LISTS:
            fields[name] = [self._named(name, each) for each in raw.get(name) or []]
        for name in _USERS:
            fields[name] = self._account(raw.get(name))
        if raw.get("resolutiondate"):
            fields["resolutiondate"] = parse_time(raw["resolutiondate"])
        issue = self._issue(int(record["id"]), record["key"], raw["project"], raw["created"], raw["updated"], fields)
        for each in raw.get("comment", {}).get("comments", []):
            issue.comments.append(self._comment(each, each.get("created"), each.get("updated")))
        for each in raw.get("attachment") or []:
            issue.attachments.append(self._attachment(issue, int(each["id"]), each["filename"], each))
        if raw.get("parent"):
            self.parents.append((issue, raw["parent"]))
        for each in raw.get("issuelinks") or []:
            self.links.setdefault(("id", each["id"], ""), (issue, each))
        return issue

    def _comment(self, raw: dict[str, Any], created: Any, updated: Any) -> Comment:
        number = int(raw["id"]) if "id" in raw else self.state.next_id()
        author = raw.get("author")
        account = self._account(author if isinstance(author, dict) else _person(author))
        body = raw.get("body")
        return Comment(number, account, body, parse_time(created), parse_time(updated))

    def _attachment(self, issue: Issue, number: int, filename: str, raw: dict[str, Any]) -> Attachment:
        mime = raw.get("mimeType") or mimetypes.guess_type(filename)[0] or "application/octet-stream"
        created = parse_time(raw["created"]) if "created" in raw else issue.created
        content = f"What {filename} held was not recorded.\n".encode()
        return Attachment(number, filename, mime, content, self._account(raw.get("author")), created, issue.id)

    # ---- the export's format
    def cloud_issue(self, record: dict[str, Any]) -> Issue:
        fields: dict[str, Any] = {
            "summary": record["summary"],
            "description": record.get("body_md") or None,
            "environment": record.get("environment") or None,
            "labels": [],
        }
        for name, key in (("issuetype", "type"), ("status", "status"), ("priority", "priority")):
            fields[name] = self._named(name, _named_only(record.get(key)))
        fields["resolution"] = self._named("resolution", _named_only(record.get("resolution")))
        for name in _NAMED_LISTS:
            fields[name] = [self._named(name, _named_only(each)) for each in record.get(name) or []]
        for name in ("assignee", "reporter"):
            fields[name] = self._account(_person(record.get(name)))
        project = {"key": record["project"]["key"], "name": record["project"]["title"]}
        number = self.state.next_id()
        issue = self._issue(number, record["key"], project, record["date"], record["updated"], fields)
        for each in record.get("comments") or []:
            issue.comments.append(self._comment(each, each["date"], each["date"]))
        for each in record.get("attachments") or []:
            issue.attachments.append(self._attachment(issue, self.state.next_id(), each["filename"], {}))
        for each in record.get("issueLinks") or []:
            ends = sorted((record["key"], each["key"]))
            self.links.setdefault((each["type"], ends[0], ends[1]), (issue, each))
        return issue

    # ---- both
    def _issue(
        self, number: int, key: str, project: dict[str, Any], created: str, updated: str, fields: dict[str, Any]
    ) -> Issue:
        place = int(key.rpartition("-")[2])
        moments: tuple[datetime, datetime] = (parse_time(created), parse_time(updated))
        return Issue(number, self._project(project), place, *moments, fields)

    def _project(self, raw: dict[str, Any]) -> Project:
        return self.state.project(raw["key"]) or self.state.create_project(raw["key"], raw["name"])

    def _named(self, kind: str, raw: dict[str, Any] | None) -> Named | None:
        if raw is None:
            return None
        key = (kind, str(raw.get("id") or raw["name"]))
        if key not in self.named:
            extra = {name: value for name, value in raw.items() if name not in ("id", "name", "self")}
            self.named[key] = Named(str(raw.get("id") or self.state.next_id()), raw["name"], extra)
        return self.named[key]

    def _account(self, raw: dict[str, Any] | None) -> Account | None:
        if raw is None:
            return None
        key, accounts = str(raw["key"]), self.server.accounts
        if key not in accounts.all:
            zone = raw.get("timeZone") or "UTC"
            accounts.add(Account(key, raw["displayName"], "", raw["name"], zone, active=raw.get("active", True)))
        return accounts.all[key]

    def _link(self, issue: Issue, raw: dict[str, Any]) -> None:
        stub = raw.get("outwardIssue") or raw.get("inwardIssue") or raw
        other = self.state.issue(stub["key"])
        if other is None:
            if stub is not raw:
                issue.fields.setdefault("issuelinks", []).append(raw)
            return
        type_ = raw["type"] if isinstance(raw["type"], dict) else {"name": raw["type"]}
        source, target = (other, issue) if "inwardIssue" in raw else (issue, other)
        words = str(type_["name"]).lower()
        link = Link(
            id=int(raw["id"]) if "id" in raw else self.state.next_id(),
            type=type_["name"],
            outward=type_.get("outward", words),
            inward=type_.get("inward", words),
            source=source.id,
            target=target.id,
        )
        source.links.append(link)
        target.links.append(link)


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


def _named_only(name: str | None) -> dict[str, Any] | None:
    return {"name": name} if name else None


def _person(name: str | None) -> dict[str, Any] | None:
    if not name:
        return None
    return {"key": f"person:{name}", "name": name.lower().replace(" ", "."), "displayName": name}
