"""What hangs on an issue, as text: comments, work logs and the history of its status, oldest first.

Comments and work logs that only a group or role may see are left out, and so are the internal comments of service
projects: the issue's document is labelled with those who may see the issue.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from vector_pipeline.conversion.atlassian import References, adf_to_markdown, wiki_to_markdown
from vector_pipeline.conversion.decoding import normalize
from vector_pipeline.sources.jira.values import (
    Issue,
    day,
    digest,
    id_text,
    line,
    mapping,
    milliseconds,
    number,
    objects,
    user_name,
)

_LOGGED = ("status", "assignee")


@dataclass(frozen=True, slots=True)
class Hanging:
    """What hangs on an issue, whole: comments, work logs, changes. None for what the settings leave out."""

    comments: Sequence[Mapping[str, Any]] | None = None
    worklogs: Sequence[Mapping[str, Any]] | None = None
    changes: Sequence[Mapping[str, Any]] | None = None


@dataclass(slots=True)
class Writer:
    """Collects the sections of a document, in markdown. `degraded` once a part could only be kept as plain text."""

    is_cloud: bool
    references: References
    sections: list[str] = field(default_factory=list)
    degraded: bool = False

    def rich_text(self, value: Any) -> str:
        """A description or comment: ADF on Cloud (an object), wiki markup on Data Center."""
        if isinstance(value, Mapping):
            found = adf_to_markdown(value, self.references)
        elif not isinstance(value, str):
            return ""
        elif self.is_cloud:
            return normalize(value).strip()
        else:
            found = wiki_to_markdown(value, self.references)
        self.degraded = self.degraded or bool(found.degraded)
        return found.text.strip()

    def add(self, body: str, heading: str = "") -> None:
        """A section, unless it says nothing."""
        if body:
            self.sections.append(f"## {line(heading)}\n\n{body}" if heading else body)

    def add_comments(self, comments: Sequence[Mapping[str, Any]]) -> None:
        """Each comment as a section; old ones may come without a body or an author."""
        for comment in in_order(comments):
            heading = _headed("Comment", comment.get("author"), comment.get("created"))
            self.add(self.rich_text(comment.get("body")), heading)

    def add_worklogs(self, worklogs: Sequence[Mapping[str, Any]]) -> None:
        """Each work log that says something as a section."""
        for worklog in in_order(worklogs):
            heading = _headed("Work", worklog.get("author"), worklog.get("started") or worklog.get("created"))
            self.add(self.rich_text(worklog.get("comment")), heading)

    def add_changes(self, changes: Sequence[Mapping[str, Any]]) -> None:
        """One section with the changes of status and assignee."""
        lines = []
        for change in in_order(changes):
            for item in objects(change.get("items")):
                what = line(item.get("fieldId")) or line(item.get("field")).lower()
                if what in _LOGGED:
                    who, before, after = (
                        user_name(change.get("author")),
                        line(item.get("fromString")) or "none",
                        line(item.get("toString")) or "none",
                    )
                    by = f" by {who}" if who else ""
                    lines.append(f"- {day(change.get('created'))}: {what} from {before} to {after}{by}")
        self.add("\n".join(lines), "History")

    @property
    def text(self) -> str:
        """All sections."""
        return "\n\n".join(self.sections)


def in_order(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Those that everyone who sees the issue may see, oldest first, whatever the order of the answer."""
    public = [row for row in rows if not row.get("visibility") and row.get("jsdPublic") is not False]
    return sorted(public, key=lambda row: (milliseconds(row.get("created")), int(id_text(row.get("id")) or 0)))


def embedded(issue: Issue, name: str, rows: str) -> tuple[list[Mapping[str, Any]], int]:
    """The comments or work logs that an issue carries along, and how many it has; it may carry only some."""
    page = mapping(issue.fields.get(name))
    found = objects(page.get(rows))
    return found, max(number(page.get("total")), len(found))


def mark_of(name: str, rows: Sequence[Mapping[str, Any]] | None, total: int) -> str:
    """The part of a version that names comments or work logs; "?" where not all are known."""
    if rows is None:
        return f"{name}{total}.?"
    return f"{name}{total}.{digest([_told(row) for row in in_order(rows)])}"


def people(issue: Issue, hanging: Hanging) -> dict[str, str]:
    """Names by account id, user key and user name, of everyone whom the answers about this issue name."""
    found: dict[str, str] = {}
    for user in _users(issue, hanging):
        name = user_name(user)
        for key in ("accountId", "key", "name"):
            if name and isinstance(user.get(key), str):
                found[user[key]] = name
    return found


def _users(issue: Issue, hanging: Hanging) -> Iterator[Mapping[str, Any]]:
    for name in ("assignee", "reporter", "creator"):
        yield mapping(issue.fields.get(name))
    for rows in (hanging.comments, hanging.worklogs, hanging.changes):
        for row in rows or ():
            yield mapping(row.get("author"))
            yield mapping(row.get("updateAuthor"))


def _told(row: Mapping[str, Any]) -> list[Any]:
    """What a document says of a comment or work log."""
    return [
        row.get("id"),
        user_name(row.get("author")),
        row.get("created"),
        row.get("started"),
        row.get("body"),
        row.get("comment"),
    ]


def _headed(what: str, author: Any, created: Any) -> str:
    who, when = user_name(author), day(created)
    return f"{what} by {who}, {when}".rstrip(", ") if who else f"{what}, {when}".rstrip(", ")
