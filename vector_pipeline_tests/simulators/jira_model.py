"""The things of a simulated Jira site: projects, issues and what hangs on them, in neutral form.

Accounts are objects, rich text is a string or ADF, times are in UTC; `jira_render` gives them the shape of a flavour.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from vector_pipeline_tests.simulators.atlassian_conditions import Account

RichText = str | dict[str, Any]


@dataclass(slots=True)
class Project:
    """`browsers` are the ids of the accounts that may see it; None is everyone. `old_keys` still resolve."""

    id: int
    key: str
    name: str
    browsers: set[str] | None = None
    archived: bool = False
    deleted: bool = False
    old_keys: list[str] = field(default_factory=list)
    last_number: int = 0
    category: str = ""


@dataclass(slots=True)
class SecurityLevel:
    """Who may see the issues that carry it: account ids."""

    id: int
    name: str
    members: set[str]


@dataclass(slots=True)
class Comment:
    id: int
    author: Account | None
    body: RichText | None
    created: datetime
    updated: datetime
    group: str = ""  # only members of this group see it
    internal: bool = False  # of a service project: not for its customers


@dataclass(slots=True)
class Attachment:
    id: int
    filename: str
    mime: str
    content: bytes
    author: Account | None
    created: datetime
    issue_id: int


@dataclass(slots=True)
class Worklog:
    id: int
    author: Account | None
    comment: RichText
    seconds: int
    started: datetime
    updated: datetime


@dataclass(slots=True)
class Link:
    """`source` blocks `target`: the inward issue is the source. Ids that are not on the site are left out."""

    id: int
    type: str
    outward: str
    inward: str
    source: int
    target: int


@dataclass(slots=True)
class Change:
    """One entry of the changelog; items are (field id, from, to) with texts."""

    id: int
    author: Account | None
    created: datetime
    items: list[tuple[str, str | None, str | None]]


@dataclass(slots=True)
class Issue:
    """`fields` by field id in neutral form; what has a life of its own (comments, links, …) is apart."""

    id: int
    project: Project
    number: int
    created: datetime
    updated: datetime
    fields: dict[str, Any]
    parent: int = 0
    security: SecurityLevel | None = None
    archived: bool = False
    comments: list[Comment] = field(default_factory=list)
    attachments: list[Attachment] = field(default_factory=list)
    worklogs: list[Worklog] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    children: list[int] = field(default_factory=list)  # sub-tasks, and what lies under an epic

    @property
    def key(self) -> str:
        return f"{self.project.key}-{self.number}"

    @property
    def is_subtask(self) -> bool:
        kind = self.fields.get("issuetype")
        return isinstance(kind, Named) and bool(kind.extra.get("subtask"))


@dataclass(frozen=True, slots=True)
class Named:
    """A status, type, priority, component, version or resolution."""

    id: str
    name: str
    extra: Mapping[str, Any] = field(default_factory=dict)
