"""What a simulated Jira site holds, and everything that can happen to it.

Tests call the methods of `JiraState`; each change takes its time from the clock, sets `updated` unless it is `silent`
(as renames and some deletions are in the real service), writes the changelog and tells the search index, which may
lag. Values are kept neutral (accounts as objects, rich text as a string or as ADF); `jira_render` gives them the shape
of a flavour.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from vector_pipeline_tests.simulators.atlassian_conditions import Account, Clock
from vector_pipeline_tests.simulators.jira_fields import SYSTEM_FIELDS, FieldInfo, custom_field
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


class JiraState:
    """Projects and issues, found by id, key or former key. Methods may be called while the server runs."""

    def __init__(self, clock: Clock, author: Account) -> None:
        self.clock = clock
        self.author = author
        self.lock = threading.RLock()
        self.projects: dict[int, Project] = {}
        self.issues: dict[int, Issue] = {}
        self.attachments: dict[int, Attachment] = {}
        self.fields: dict[str, FieldInfo] = dict(SYSTEM_FIELDS)
        self.security_levels: dict[str, SecurityLevel] = {}
        self.server_time_zone = "UTC"
        self.on_change: Callable[[int], None] = lambda _issue_id: None
        """Told the id of every issue whose search entry may have changed; the search index hangs here."""
        self._keys: dict[str, int] = {}
        self._project_keys: dict[str, int] = {}
        self._names: dict[tuple[str, str], Named] = {}
        self._last_id = 10000

    def next_id(self) -> int:
        """A number never used before."""
        with self.lock:
            self._last_id += 1
            return self._last_id

    def reserve_ids(self, highest: int) -> None:
        """No number up to this one is given out again."""
        self._last_id = max(self._last_id, highest)

    # ---- looking up
    def project(self, id_or_key: str | int) -> Project | None:
        """A project by id, key (any case) or former key."""
        found = self._project_keys.get(str(id_or_key).upper())
        if found is None and str(id_or_key).isdigit():
            found = int(id_or_key)
        project = self.projects.get(found) if found is not None else None
        return None if project is None or project.deleted else project

    def issue(self, id_or_key: str | int) -> Issue | None:
        """An issue by id, key (any case) or a key it had before it was moved or its project renamed."""
        text = str(id_or_key).strip()
        if text.isdigit():
            return self.issues.get(int(text))
        if (found := self._keys.get(text.upper())) is not None:
            return self.issues.get(found)
        prefix, _, number = text.upper().rpartition("-")
        project_id = self._project_keys.get(prefix)
        if project_id is None or not number.isdigit():
            return None
        return self.issues.get(self._keys.get(f"{self.projects[project_id].key}-{int(number)}", -1))

    def the(self, id_or_key: str | int | Issue) -> Issue:
        """The issue, which must exist."""
        issue = id_or_key if isinstance(id_or_key, Issue) else self.issue(id_or_key)
        if issue is None:
            raise KeyError(f"no issue {id_or_key}")
        return issue

    def may_browse(self, project: Project, account: Account) -> bool:
        """Whether the account sees the project."""
        return not project.deleted and (project.browsers is None or account.id in project.browsers)

    def may_see(self, issue: Issue, account: Account) -> bool:
        """Whether the account sees the issue: its project, and its security level if it has one."""
        secured = issue.security is not None and account.id not in issue.security.members
        return not secured and self.may_browse(issue.project, account)

    def named(self, kind: str, name: str, **extra: Any) -> Named:
        """The status, type, … of this name; made when it is new."""
        key = (kind, name.lower())
        if kind == "issuetype":
            extra.setdefault("subtask", name.lower() == "sub-task")
        if key not in self._names:
            self._names[key] = Named(str(self.next_id()), name, extra)
        return self._names[key]

    # ---- projects
    def create_project(self, key: str, name: str = "", *, browsers: Iterable[str] | None = None) -> Project:
        """A new, empty project; visible to everyone unless `browsers` (account ids) are given."""
        with self.lock:
            allowed = None if browsers is None else set(browsers)
            project = Project(self.next_id(), key.upper(), name or f"Project {key}", allowed)
            self.projects[project.id] = project
            self._project_keys[project.key] = project.id
            return project

    def rename_project_key(self, project: Project, key: str) -> None:
        """All keys of its issues change; `updated` does not, ids do not, former keys resolve."""
        with self.lock:
            project.old_keys.append(project.key)
            project.key = key.upper()
            self._project_keys[project.key] = project.id
            for issue in self.issues_of(project):
                self._keys[issue.key] = issue.id
                self.on_change(issue.id)

    def rename_project(self, project: Project, name: str) -> None:
        """The name changes, the issues' `updated` does not."""
        project.name = name

    def archive_project(self, project: Project, *, archived: bool = True) -> None:
        """Its issues leave searches but answer by key (or come back)."""
        with self.lock:
            project.archived = archived
            for issue in self.issues_of(project):
                self.on_change(issue.id)

    def delete_project(self, project: Project) -> None:
        """The project goes to the trash: it and its issues are not found."""
        with self.lock:
            project.deleted = True
            for issue in self.issues_of(project):
                self.on_change(issue.id)

    def withdraw(self, project: Project, account: Account, others: Iterable[Account] = ()) -> None:
        """The account loses the permission to browse the project; nothing else happens."""
        allowed = project.browsers if project.browsers is not None else {other.id for other in others}
        project.browsers = allowed - {account.id}

    def grant(self, project: Project, account: Account) -> None:
        """The account may browse the project."""
        if project.browsers is not None:
            project.browsers.add(account.id)

    def issues_of(self, project: Project) -> list[Issue]:
        """Every issue of the project, archived ones too."""
        return [issue for issue in self.issues.values() if issue.project is project]

    # ---- issues
    def create_issue(
        self,
        project: Project,
        summary: str,
        *,
        description: RichText | None = None,
        type: str = "Task",
        status: str = "To Do",
        priority: str | None = "Medium",
        labels: Sequence[str] = (),
        components: Sequence[str] = (),
        fix_versions: Sequence[str] = (),
        assignee: Account | None = None,
        reporter: Account | None = None,
        parent: Issue | None = None,
        security: SecurityLevel | None = None,
        **fields: Any,
    ) -> Issue:
        """A new issue; further keywords are fields by id (`customfield_10100=…`)."""
        with self.lock:
            now = self.clock.stamp()
            project.last_number += 1
            values: dict[str, Any] = {
                "summary": summary,
                "description": description,
                "issuetype": self.named("issuetype", type),
                "status": self.named("status", status),
                "priority": self.named("priority", priority) if priority else None,
                "labels": list(labels),
                "components": [self.named("component", name) for name in components],
                "fixVersions": [self.named("version", name) for name in fix_versions],
                "assignee": assignee,
                "reporter": reporter or self.author,
                "creator": self.author,
                **fields,
            }
            issue = Issue(self.next_id(), project, project.last_number, now, now, values, security=security)
            self.add(issue)
            if parent is not None:
                self._set_parent(issue, parent)
            return issue

    def add(self, issue: Issue, *, indexed: bool = True) -> None:
        """Takes in an issue that was made elsewhere; its id and key must be free."""
        if issue.id in self.issues or self._keys.get(issue.key, issue.id) in self.issues:
            raise ValueError(f"issue {issue.key} ({issue.id}) is there already")
        self.issues[issue.id] = issue
        self._keys[issue.key] = issue.id
        for attachment in issue.attachments:
            self.attachments[attachment.id] = attachment
        issue.project.last_number = max(issue.project.last_number, issue.number)
        self.reserve_ids(issue.id)
        if indexed:
            self.on_change(issue.id)

    def edit(self, issue: Issue, *, silent: bool = False, by: Account | None = None, **fields: Any) -> None:
        """Sets fields by id. Status, type, priority and components, versions are given by name.

        A `silent` edit leaves `updated` and the changelog alone.
        """
        with self.lock:
            items = []
            for name, value in fields.items():
                before, after = issue.fields.get(name), self._value(name, value)
                issue.fields[name] = after
                items.append((name, _as_text(before), _as_text(after)))
            self._changed(issue, items, silent=silent, by=by)

    def touch(self, issue: Issue) -> None:
        """Sets `updated` and changes nothing, as a re-index or a vote may."""
        self._changed(issue, [])

    def move(self, issue: Issue, project: Project, *, silent: bool = False) -> None:
        """To another project: a new key, the same id; the former key resolves. Sub-tasks move along."""
        with self.lock:
            before = issue.key
            project.last_number += 1
            issue.project, issue.number = project, project.last_number
            self._keys[issue.key] = issue.id
            self._changed(issue, [("Key", before, issue.key)], silent=silent)
            for child in self._children(issue):
                if child.is_subtask:
                    self.move(child, project, silent=silent)

    def delete(self, issue: Issue) -> None:
        """For good, with its sub-tasks; no trace is left, except that links to it go."""
        with self.lock:
            for child in self._children(issue):
                if child.is_subtask:
                    self.delete(child)
                else:
                    child.parent = 0
                    self.on_change(child.id)
            for link in list(issue.links):
                self.unlink(link, silent=True)
            for attachment in issue.attachments:
                self.attachments.pop(attachment.id, None)
            if (parent := self.issues.get(issue.parent)) is not None:
                parent.children.remove(issue.id)
            self.issues.pop(issue.id)
            self.on_change(issue.id)

    def _children(self, issue: Issue) -> list[Issue]:
        return [self.issues[child] for child in issue.children]

    def archive(self, issue: Issue, *, archived: bool = True) -> None:
        """Out of searches, still answered by key (or back again)."""
        issue.archived = archived
        self.on_change(issue.id)

    def security_level(self, name: str, members: Iterable[Account] = ()) -> SecurityLevel:
        """The level of this name with these members; made when it is new."""
        if name not in self.security_levels:
            self.security_levels[name] = SecurityLevel(self.next_id(), name, {account.id for account in members})
        return self.security_levels[name]

    def restrict(self, issue: Issue, level: SecurityLevel | None, *, silent: bool = False) -> None:
        """Sets or (None) lifts the security level."""
        before, issue.security = issue.security, level
        self._changed(issue, [("security", _name_of(before), _name_of(level))], silent=silent)

    def set_parent(self, issue: Issue, parent: Issue | None, *, silent: bool = False) -> None:
        """Makes it a child of another issue, or (None) of none."""
        with self.lock:
            before = self.issues.get(issue.parent)
            if before is not None:
                before.children.remove(issue.id)
                issue.parent = 0
            if parent is not None:
                self._set_parent(issue, parent)
            self._changed(issue, [("parent", _key_of(before), _key_of(parent))], silent=silent)

    def _set_parent(self, issue: Issue, parent: Issue) -> None:
        issue.parent = parent.id
        parent.children.append(issue.id)
        self.on_change(issue.id)

    # ---- what hangs on issues
    def comment(
        self, issue: Issue, body: RichText, *, by: Account | None = None, group: str = "", silent: bool = False
    ) -> Comment:
        """Adds a comment; with `group` only its members see it."""
        with self.lock:
            now = self.clock.stamp()
            comment = Comment(self.next_id(), by or self.author, body, now, now, group)
            issue.comments.append(comment)
            self._changed(issue, [], silent=silent)
            return comment

    def edit_comment(self, issue: Issue, comment: Comment, body: RichText, *, silent: bool = False) -> None:
        with self.lock:
            comment.body, comment.updated = body, self.clock.stamp()
            self._changed(issue, [], silent=silent)

    def delete_comment(self, issue: Issue, comment: Comment, *, silent: bool = False) -> None:
        with self.lock:
            issue.comments.remove(comment)
            self._changed(issue, [("Comment", _as_text(comment.body), None)], silent=silent)

    def attach(
        self, issue: Issue, filename: str, content: bytes, mime: str = "text/plain", *, silent: bool = False
    ) -> Attachment:
        """Adds an attachment; its content never changes."""
        with self.lock:
            attachment = Attachment(self.next_id(), filename, mime, content, self.author, self.clock.stamp(), issue.id)
            issue.attachments.append(attachment)
            self.attachments[attachment.id] = attachment
            self._changed(issue, [("Attachment", None, filename)], silent=silent)
            return attachment

    def delete_attachment(self, issue: Issue, attachment: Attachment, *, silent: bool = False) -> None:
        with self.lock:
            issue.attachments.remove(attachment)
            self.attachments.pop(attachment.id)
            self._changed(issue, [("Attachment", attachment.filename, None)], silent=silent)

    def link(
        self,
        source: Issue,
        target: Issue,
        type: str = "Blocks",
        *,
        outward: str = "blocks",
        inward: str = "is blocked by",
        silent: bool = False,
    ) -> Link:
        """Links two issues; both see it, each from its side."""
        with self.lock:
            link = Link(self.next_id(), type, outward, inward, source.id, target.id)
            for issue, words, other in ((source, outward, target), (target, inward, source)):
                issue.links.append(link)
                self._changed(issue, [("Link", None, f"This issue {words} {other.key}")], silent=silent)
            return link

    def unlink(self, link: Link, *, silent: bool = False) -> None:
        with self.lock:
            for end, other in ((link.source, link.target), (link.target, link.source)):
                if (issue := self.issues.get(end)) is not None and link in issue.links:
                    issue.links.remove(link)
                    self._changed(issue, [("Link", _key_of(self.issues.get(other)), None)], silent=silent)

    def log_work(self, issue: Issue, seconds: int, comment: RichText = "", *, silent: bool = False) -> Worklog:
        """Adds a worklog that started now."""
        with self.lock:
            now = self.clock.stamp()
            worklog = Worklog(self.next_id(), self.author, comment, seconds, now, now)
            issue.worklogs.append(worklog)
            self._changed(issue, [("timespent", None, str(seconds))], silent=silent)
            return worklog

    # ---- fields
    def add_field(self, name: str, kind: str) -> str:
        """A custom field of a kind of `jira_fields`; gives its id. Names may repeat, as in the real service."""
        info = custom_field(self.next_id(), name, kind)
        self.fields[info.id] = info
        return info.id

    def _value(self, name: str, value: Any) -> Any:
        kind = {"components": "component", "fixVersions": "version", "versions": "version"}.get(name, name)
        if kind in ("status", "issuetype", "priority", "resolution") and isinstance(value, str):
            return self.named(kind, value)
        if kind in ("component", "version"):
            return [self.named(kind, each) if isinstance(each, str) else each for each in value]
        return value

    def _changed(
        self,
        issue: Issue,
        items: list[tuple[str, str | None, str | None]],
        *,
        silent: bool = False,
        by: Account | None = None,
    ) -> None:
        if not silent:
            issue.updated = self.clock.stamp()
            if items:
                issue.changes.append(Change(self.next_id(), by or self.author, issue.updated, items))
        self.on_change(issue.id)


def _as_text(value: Any) -> str | None:
    if value is None or value == "" or value == []:
        return None
    if isinstance(value, list | tuple):
        return " ".join(_as_text(each) or "" for each in value)
    return str(value.name) if isinstance(value, Named | Account) else str(value)


def _key_of(issue: Issue | None) -> str | None:
    return None if issue is None else issue.key


def _name_of(level: SecurityLevel | None) -> str | None:
    return None if level is None else level.name
