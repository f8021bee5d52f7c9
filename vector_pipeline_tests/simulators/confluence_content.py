"""The records of the Confluence test service: spaces, content and its versions, labels and restrictions.

They are plain data; `confluence_state` is what changes them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from vector_pipeline_tests.simulators.confluence_body import Body

ContentType = Literal["page", "blogpost", "comment", "attachment", "folder"]
ContentStatus = Literal["current", "archived", "trashed", "draft"]
SpaceType = Literal["global", "personal", "collaboration", "knowledge_base"]


@dataclass(slots=True)
class Restriction:
    """Who may do something: account ids and names of groups; empty is everybody."""

    users: set[str] = field(default_factory=set)
    groups: set[str] = field(default_factory=set)

    def __bool__(self) -> bool:
        return bool(self.users or self.groups)

    def admits(self, account_id: str, groups: frozenset[str]) -> bool:
        """Whether a person is named, by itself or through a group."""
        return not self or account_id in self.users or not self.groups.isdisjoint(groups)


@dataclass(slots=True)
class Space:
    """A space. `readers` empty is everybody; `hidden_from` takes the permission from single accounts."""

    id: int
    key: str
    name: str
    type: SpaceType
    created_at: datetime
    author_id: str
    status: Literal["current", "archived"] = "current"
    homepage_id: int | None = None
    readers: Restriction = field(default_factory=Restriction)
    hidden_from: set[str] = field(default_factory=set)


@dataclass(slots=True)
class Label:
    """A label; `prefix` is "global" for those that everybody sees."""

    id: int
    name: str
    prefix: str = "global"


@dataclass(slots=True)
class Version:
    """One version of a content; `data` are the bytes of an attachment."""

    number: int
    when: datetime
    author_id: str
    title: str
    body: Body = field(default_factory=Body)
    message: str = ""
    minor: bool = False
    data: bytes = b""
    media_type: str = ""


@dataclass(slots=True)
class Content:
    """A page, blog post, comment or attachment.

    `parent_id` is the parent page of a page, the comment a comment answers, else None; `container_id` is what a
    comment or an attachment hangs on. `modified_at` is what the service tells as the time of the last change.
    """

    id: int
    type: ContentType
    space_id: int
    status: ContentStatus
    created_at: datetime
    author_id: str
    versions: list[Version]
    modified_at: datetime
    parent_id: int | None = None
    container_id: int | None = None
    position: int = 0
    labels: list[Label] = field(default_factory=list)
    readers: Restriction = field(default_factory=Restriction)
    editors: Restriction = field(default_factory=Restriction)
    draft: Version | None = None
    location: Literal["footer", "inline"] = "footer"
    resolution: Literal["open", "resolved", "reopened", "dangling"] = "open"
    selection: str = ""
    storage_fails: bool = False
    """Reading it in storage format fails although a view of it can be had (fact 26)."""

    @property
    def current(self) -> Version:
        """The newest version."""
        return self.versions[-1]

    @property
    def title(self) -> str:
        """The title, or the file's name."""
        return self.versions[-1].title

    @property
    def public_id(self) -> str:
        """The id as the API writes it."""
        return f"att{self.id}" if self.type == "attachment" else str(self.id)
