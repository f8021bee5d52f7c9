"""The JSON of issues and what hangs on them, in the shape of a flavour and an API version, for one viewer.

Cloud v3 shows rich text as ADF and times in the viewer's zone; Data Center (and Cloud v2) shows rich text as a string
and, on Data Center, times in the server's zone. Values the viewer may not see are left out, as the service does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from vector_pipeline_tests.simulators.atlassian_conditions import Account
from vector_pipeline_tests.simulators.jira_model import (
    Attachment,
    Change,
    Comment,
    Issue,
    Link,
    Named,
    Project,
    RichText,
    SecurityLevel,
    Worklog,
)
from vector_pipeline_tests.simulators.jira_state import JiraState

NOT_NAVIGABLE = frozenset({"comment", "attachment", "worklog", "timetracking"})


def adf_of(text: str) -> dict[str, Any]:
    """A text as ADF: a paragraph per blank-line-separated piece, hard breaks within."""
    content = []
    for piece in text.replace("\r\n", "\n").split("\n\n"):
        inline: list[dict[str, Any]] = []
        for line in piece.split("\n"):
            if inline:
                inline.append({"type": "hardBreak"})
            if line:
                inline.append({"type": "text", "text": line})
        if inline:
            content.append({"type": "paragraph", "content": inline})
    return {"type": "doc", "version": 1, "content": content}


def text_of(adf: dict[str, Any]) -> str:
    """The words of an ADF document, blocks on lines of their own."""
    pieces: list[str] = []
    stack: list[Any] = [adf]
    while stack:
        node = stack.pop()
        if isinstance(node, str):
            pieces.append(node)
            continue
        if node.get("type") == "text":
            pieces.append(str(node.get("text", "")))
        elif node.get("type") == "hardBreak":
            pieces.append("\n")
        children = node.get("content") or []
        if node.get("type") in ("paragraph", "heading", "codeBlock"):
            stack.append("\n\n")
        stack.extend(reversed(children))
    return "".join(pieces).strip()


@dataclass(slots=True)
class Renderer:
    """Makes JSON of the state's things. `adf` says whether rich text is ADF; `base` is the site's URL."""

    state: JiraState
    viewer: Account
    base: str
    version: str
    cloud: bool
    embedded_comments: int = 0
    embedded_worklogs: int = 20
    embedded_changes: int = 0
    counts_hidden: bool = False
    """How many of each an issue carries along; 0 is all."""

    @property
    def adf(self) -> bool:
        return self.cloud and self.version == "3"

    @property
    def rest(self) -> str:
        return f"{self.base}/rest/api/{self.version}"

    def time(self, moment: datetime) -> str:
        """A time as Jira writes it: milliseconds and an offset without a colon."""
        zone = self.viewer.zone if self.cloud else ZoneInfo(self.state.server_time_zone)
        local = moment.astimezone(zone)
        return f"{local:%Y-%m-%dT%H:%M:%S}.{local.microsecond // 1000:03d}{local:%z}"

    def rich(self, text: RichText | None) -> Any:
        """Rich text as ADF or as a string."""
        if text is None:
            return None
        if self.adf:
            return adf_of(text) if isinstance(text, str) else text
        return text if isinstance(text, str) else text_of(text)

    def user(self, account: Account | None) -> dict[str, Any] | None:
        """A user as others see it."""
        if account is None:
            return None
        if not self.cloud:
            return {
                "self": f"{self.rest}/user?username={account.user}",
                "name": account.user,
                "key": account.user,
                "emailAddress": account.email,
                "displayName": account.name,
                "active": account.active,
                "timeZone": account.time_zone,
            }
        found = {
            "self": f"{self.rest}/user?accountId={account.id}",
            "accountId": account.id,
            "displayName": account.name,
            "active": account.active,
            "timeZone": account.time_zone,
            "accountType": "atlassian",
        }
        return found | ({"emailAddress": account.email} if account.email else {})

    def named(self, kind: str, value: Named) -> dict[str, Any]:
        """A status, type, priority, … with its link."""
        found: dict[str, Any] = {"self": f"{self.rest}/{kind}/{value.id}", "id": value.id, "name": value.name}
        if kind == "status":
            category = _CATEGORIES.get(value.name.lower(), _CATEGORIES["in progress"])
            number, key, color, name = category
            link = f"{self.rest}/statuscategory/{number}"
            found["statusCategory"] = {"self": link, "id": number, "key": key, "colorName": color, "name": name}
        return found | dict(value.extra)

    def project(self, project: Project, *, detail: bool = False) -> dict[str, Any]:
        """A project, as in issues and lists; `detail` as when asked by itself."""
        found: dict[str, Any] = {
            "self": f"{self.rest}/project/{project.id}",
            "id": str(project.id),
            "key": project.key,
            "name": project.name,
            "projectTypeKey": "software",
        }
        if self.cloud:
            found |= {"simplified": False}
        if project.archived:
            found["archived"] = True
        if project.category:
            found["projectCategory"] = {"id": "10400", "name": project.category, "description": ""}
        if detail:
            found |= {"description": "", "lead": self.user(self.state.author), "assigneeType": "UNASSIGNED"}
            found |= {"components": [], "versions": [], "issueTypes": [], "roles": {}}
            if self.cloud:
                found |= {"style": "classic", "isPrivate": project.browsers is not None, "properties": {}}
        return found

    def issue(
        self, issue: Issue, fields: Callable[[str], bool] | None = None, expand: Iterable[str] = ()
    ) -> dict[str, Any]:
        """An issue with the fields that `fields` wants; None leaves the fields out altogether."""
        found: dict[str, Any] = {
            "expand": "operations,versionedRepresentations,editmeta,changelog,renderedFields",
            "id": str(issue.id),
            "self": f"{self.rest}/issue/{issue.id}",
            "key": issue.key,
        }
        if "changelog" in expand:
            found["changelog"] = self._embedded_changelog(issue)
        if fields is not None:
            found["fields"] = self._fields(issue, fields)
        if "names" in expand and fields is not None:
            found["names"] = {
                name: self.state.fields[name].name for name in found["fields"] if name in self.state.fields
            }
        return found

    def _fields(self, issue: Issue, wanted: Callable[[str], bool]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, info in self.state.fields.items():
            if name == "issuekey" or not wanted(name):
                continue
            special = _SPECIAL.get(name)
            if special is not None:
                special(self, issue, found)
            else:
                found[name] = self._value(info.kind, name, issue.fields.get(name))
        found.update(
            (name, value) for name, value in issue.fields.items() if name not in self.state.fields and wanted(name)
        )
        return found

    def _value(self, kind: str, name: str, value: Any) -> Any:
        if value is None:
            return [] if kind in ("labels", "components", "versions") and not name.startswith("customfield_") else None
        if kind == "rich":
            return self.rich(value)
        if kind in _NAMED_KINDS:
            link = _NAMED_KINDS[kind]
            return [self.named(link, each) for each in value] if isinstance(value, list) else self.named(link, value)
        if kind == "user":
            return self.user(value)
        if kind == "users":
            return [self.user(each) for each in value]
        if kind == "datetime":
            return self.time(value)
        if kind == "option" and isinstance(value, str):
            return self._option(value)
        if kind == "options":
            return [self._option(each) for each in value]
        if kind == "cascade":
            parent, child = value
            return self._option(parent) | ({"child": self._option(child)} if child else {})
        if kind == "sprints":
            return [self._sprint(each) for each in value]
        return value

    def _option(self, text: str) -> dict[str, Any]:
        number = sum(text.encode()) + 10000
        return {"self": f"{self.rest}/customFieldOption/{number}", "value": text, "id": str(number)}

    def _sprint(self, sprint: dict[str, Any]) -> Any:
        if self.cloud:
            return {"id": 1, "name": "", "state": "active", "boardId": 1, "goal": "", **sprint}
        state = str(sprint.get("state", "active")).upper()
        return (
            f"com.atlassian.greenhopper.service.sprint.Sprint@1a2b3c[id={sprint.get('id', 1)},rapidViewId=1,"
            f"state={state},name={sprint.get('name', '')},startDate=<null>,endDate=<null>,completeDate=<null>,"
            f"activatedDate=<null>,sequence={sprint.get('id', 1)},goal={sprint.get('goal', '')}]"
        )

    def stub(self, issue: Issue) -> dict[str, Any]:
        """An issue as it appears in another one: key, summary, status, priority and type."""
        fields: dict[str, Any] = {"summary": issue.fields.get("summary")}
        for name in ("status", "priority", "issuetype"):
            if (value := issue.fields.get(name)) is not None:
                fields[name] = self.named(name, value)
        return {
            "id": str(issue.id),
            "key": issue.key,
            "self": f"{self.rest}/issue/{issue.id}",
            "fields": fields,
        }

    def link(self, issue: Issue, link: Link) -> dict[str, Any] | None:
        """A link seen from one of its ends; None when the viewer may not see the other."""
        outward = link.source == issue.id
        other = self.state.issues.get(link.target if outward else link.source)
        if other is None or not self.state.may_see(other, self.viewer):
            return None
        type_ = {"id": "10000", "name": link.type, "inward": link.inward, "outward": link.outward}
        return {
            "id": str(link.id),
            "self": f"{self.rest}/issueLink/{link.id}",
            "type": type_ | {"self": f"{self.rest}/issueLinkType/10000"},
            "outwardIssue" if outward else "inwardIssue": self.stub(other),
        }

    def comments_of(self, issue: Issue) -> list[Comment]:
        """The comments the viewer may see, oldest first."""
        return [each for each in issue.comments if not each.group or each.group in self.viewer.groups]

    def comment(self, issue: Issue, comment: Comment) -> dict[str, Any]:
        found: dict[str, Any] = {
            "self": f"{self.rest}/issue/{issue.id}/comment/{comment.id}",
            "id": str(comment.id),
            "created": self.time(comment.created),
            "updated": self.time(comment.updated),
        }
        if comment.body is not None:  # old comments without a text come without the key
            found["body"] = self.rich(comment.body)
        if comment.author is not None:
            found |= {"author": self.user(comment.author), "updateAuthor": self.user(comment.author)}
        if comment.group:
            found["visibility"] = {"type": "group", "value": comment.group}
        return found | ({"jsdPublic": not comment.internal} if self.cloud else {})

    def attachment(self, attachment: Attachment) -> dict[str, Any]:
        content = (
            f"{self.rest}/attachment/content/{attachment.id}"
            if self.cloud
            else f"{self.base}/secure/attachment/{attachment.id}/{quote(attachment.filename)}"
        )
        return {
            "self": f"{self.rest}/attachment/{attachment.id}",
            "id": str(attachment.id),
            "filename": attachment.filename,
            "author": self.user(attachment.author),
            "created": self.time(attachment.created),
            "size": len(attachment.content),
            "mimeType": attachment.mime,
            "content": content,
        }

    def worklog(self, issue: Issue, worklog: Worklog) -> dict[str, Any]:
        return {
            "self": f"{self.rest}/issue/{issue.id}/worklog/{worklog.id}",
            "author": self.user(worklog.author),
            "updateAuthor": self.user(worklog.author),
            "comment": self.rich(worklog.comment),
            "created": self.time(worklog.updated),
            "updated": self.time(worklog.updated),
            "started": self.time(worklog.started),
            "timeSpent": f"{worklog.seconds // 60}m",
            "timeSpentSeconds": worklog.seconds,
            "id": str(worklog.id),
            "issueId": str(issue.id),
        }

    def change(self, change: Change) -> dict[str, Any]:
        items = []
        for name, before, after in change.items:
            info = self.state.fields.get(name)
            item: dict[str, Any] = {"field": info.name if info and info.custom else name}
            if self.cloud:
                item["fieldId"] = name
            custom = info is not None and info.custom
            item |= {"fieldtype": "custom" if custom else "jira", "from": None, "fromString": before}
            items.append(item | {"to": None, "toString": after})
        found = {"id": str(change.id), "created": self.time(change.created), "items": items}
        return found | ({"author": self.user(change.author)} if change.author else {})

    def _embedded_changelog(self, issue: Issue) -> dict[str, Any]:
        changes = issue.changes
        if self.cloud:
            changes = changes[::-1]  # newest first, as the cap keeps the newest
        shown = changes[: self.embedded_changes] if self.embedded_changes else changes
        histories = [self.change(each) for each in shown]
        return {"startAt": 0, "maxResults": len(histories), "total": len(changes), "histories": histories}

    # ---- fields that are not kept as values
    def _show_comments(self, issue: Issue, found: dict[str, Any]) -> None:
        comments = self.comments_of(issue)
        shown = comments[-self.embedded_comments :] if self.embedded_comments else comments
        found["comment"] = {
            "comments": [self.comment(issue, each) for each in shown],
            "self": f"{self.rest}/issue/{issue.id}/comment",
            "maxResults": len(shown),
            "total": len(issue.comments) if self.counts_hidden else len(comments),
            "startAt": 0,
        }

    def _show_worklogs(self, issue: Issue, found: dict[str, Any]) -> None:
        shown = issue.worklogs[: self.embedded_worklogs] if self.embedded_worklogs else issue.worklogs
        found["worklog"] = {
            "startAt": 0,
            "maxResults": self.embedded_worklogs,
            "total": len(issue.worklogs),
            "worklogs": [self.worklog(issue, each) for each in shown],
        }

    def _show_attachments(self, issue: Issue, found: dict[str, Any]) -> None:
        found["attachment"] = [self.attachment(each) for each in issue.attachments]

    def _show_links(self, issue: Issue, found: dict[str, Any]) -> None:
        links = (self.link(issue, each) for each in issue.links)
        found["issuelinks"] = [link for link in links if link is not None] + issue.fields.get("issuelinks", [])

    def _show_subtasks(self, issue: Issue, found: dict[str, Any]) -> None:
        children = [self.state.issues[each] for each in issue.children]
        found["subtasks"] = [
            self.stub(each) for each in children if each.is_subtask and self.state.may_see(each, self.viewer)
        ]

    def _show_parent(self, issue: Issue, found: dict[str, Any]) -> None:
        parent = self.state.issues.get(issue.parent)
        # without a parent the field is absent, and Data Center knows it of sub-tasks only
        if parent is not None and (self.cloud or issue.is_subtask):
            found["parent"] = self.stub(parent)
        elif "parent" in issue.fields:
            found["parent"] = issue.fields["parent"]

    def _show_project(self, issue: Issue, found: dict[str, Any]) -> None:
        found["project"] = self.project(issue.project)

    def _show_security(self, issue: Issue, found: dict[str, Any]) -> None:
        if issue.security is not None:
            found["security"] = self.security_level(issue.security)

    def security_level(self, level: SecurityLevel) -> dict[str, Any]:
        link = f"{self.rest}/securitylevel/{level.id}"
        return {"self": link, "id": str(level.id), "name": level.name, "description": ""}

    def _show_created(self, issue: Issue, found: dict[str, Any]) -> None:
        found["created"] = self.time(issue.created)

    def _show_updated(self, issue: Issue, found: dict[str, Any]) -> None:
        found["updated"] = self.time(issue.updated)


_SPECIAL: dict[str, Callable[[Renderer, Issue, dict[str, Any]], None]] = {
    "comment": Renderer._show_comments,
    "worklog": Renderer._show_worklogs,
    "attachment": Renderer._show_attachments,
    "issuelinks": Renderer._show_links,
    "subtasks": Renderer._show_subtasks,
    "parent": Renderer._show_parent,
    "project": Renderer._show_project,
    "security": Renderer._show_security,
    "created": Renderer._show_created,
    "updated": Renderer._show_updated,
}
_NAMED_KINDS = {
    "issuetype": "issuetype",
    "status": "status",
    "priority": "priority",
    "resolution": "resolution",
    "components": "component",
    "versions": "version",
}
_CATEGORIES = {
    "to do": (2, "new", "blue-gray", "To Do"),
    "open": (2, "new", "blue-gray", "To Do"),
    "in progress": (4, "indeterminate", "yellow", "In Progress"),
    "done": (3, "done", "green", "Done"),
    "closed": (3, "done", "green", "Done"),
    "resolved": (3, "done", "green", "Done"),
}


def wanted_fields(asked: Iterable[str], default: str) -> Callable[[str], bool]:
    """Which fields a list like ["*navigable", "-description", "comment"] asks for; `default` when it is empty."""
    names = [name for name in asked if name] or [default]
    if all(name.startswith("-") for name in names):
        names = [default, *names]
    everything = "*all" in names
    navigable = "*navigable" in names
    never = {name[1:] for name in names if name.startswith("-")}
    named = {name for name in names if not name.startswith(("-", "*"))}

    def wanted(name: str) -> bool:
        if name in never:
            return False
        return everything or name in named or (navigable and name not in NOT_NAVIGABLE)

    return wanted


def parse_time(text: str) -> datetime:
    """A time as Jira writes it, in UTC."""
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%f%z").astimezone(UTC)
