"""What is asked of Jira, in the words of this package; `cloud` and `data_center` know how each is asked.

Every listing is complete or raises. Rows come as `Issue`; a row that is no issue means that the answer can't be
trusted, and the listing fails.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from vector_pipeline.sources.atlassian.errors import NotThere, SiteUnreachable
from vector_pipeline.sources.atlassian.site import Site
from vector_pipeline.sources.base import SourceUnreachable
from vector_pipeline.sources.jira.values import Issue, id_text, issue_of, line, mapping, number, objects, text

NEWEST = 100
"""Issues that a probe looks at: the most that one page with fields holds."""
AT_ONCE = 100
"""Issues read with one request, the limit of Cloud's bulk fetch."""
MOST_PAGES = 100_000
PATIENCE = 5
"""Pages without anything new before a listing is given up."""

DELETED = "deleted"
HIDDEN = "no longer visible"
DELETED_OR_HIDDEN = "deleted or no longer visible"
ARCHIVED = "archived"
MOVED = "moved to another project"
LEFT_OUT = "left out by the settings"


@dataclass(frozen=True, slots=True)
class Project:
    """A project of the site."""

    id: str
    key: str
    name: str
    archived: bool = False


@dataclass(frozen=True, slots=True)
class Newest:
    """The issues of a project that changed last, and how many issues it has."""

    issues: Sequence[Issue]
    count: int


@dataclass(frozen=True, slots=True)
class Read:
    """Issues as the database has them, and why others are absent. Of one that is in neither the answer tells nothing:
    it may be there.
    """

    found: dict[str, Issue] = field(default_factory=dict)
    absent: dict[str, str] = field(default_factory=dict)


class JiraApi(ABC):
    """The questions to one site. `label` leads every message."""

    rest: str
    ids_at_once: int
    """How many ids one page of a search holds at most."""
    reads_absent_singly: bool
    """Whether `read` asks by itself for each issue that no search finds."""

    def __init__(self, site: Site, label: str) -> None:
        self.site, self.label = site, label

    @abstractmethod
    def newest(self, where: str) -> Newest:
        """The issues that changed last, by one or two requests without bodies. Raises AnswerRefused."""

    @abstractmethod
    def ids(self, where: str) -> set[str]:
        """The ids of all issues that the search finds."""

    @abstractmethod
    def rows(self, where: str, fields: Sequence[str]) -> dict[str, Issue]:
        """All issues that the search finds, by id, with those fields."""

    @abstractmethod
    def count(self, where: str) -> int:
        """How many issues the search finds, as far as the service tells; Cloud tells it roughly."""

    @abstractmethod
    def read(self, ids: Sequence[str], fields: Sequence[str], *, changelog: bool = False) -> Read:
        """At most AT_ONCE issues by id, from the database rather than from the search index."""

    @abstractmethod
    def searchable(self, where: str, ids: Sequence[str]) -> set[str]:
        """Those of the ids, all of issues that exist, that the search finds now."""

    @abstractmethod
    def shown(self, ids: Sequence[str], fields: Sequence[str]) -> dict[str, Issue]:
        """Those of at most AT_ONCE ids that are to be seen without asking for each, in whatever project."""

    @abstractmethod
    def changelogs(self, issues: Sequence[Issue]) -> dict[str, list[Mapping[str, Any]]]:
        """The whole changelog of status and assignee of each issue, oldest first, by id."""

    @abstractmethod
    def projects(self) -> list[Project]:
        """All projects that the account sees; archived ones may be among them."""

    @abstractmethod
    def attachment_path(self, attachment: str, name: str) -> str:
        """Where the bytes of an attachment are."""

    def project(self, id_or_key: str) -> Project | None:
        """The project, also by a key it had before; None if there is none or it is hidden, which look alike."""
        try:
            answer = self.site.get(f"{self.rest}/project/{quote(id_or_key, safe='')}")
        except NotThere:
            return None
        project = project_of(answer)
        if project is None:
            raise self.unusable("a project without id and key")
        return project

    def fields(self) -> list[Mapping[str, Any]]:
        """What fields there are."""
        return objects(self.site.get(f"{self.rest}/field"))

    def comments(self, issue: str) -> list[Mapping[str, Any]]:
        """All comments of an issue, beyond those that it carries along."""
        return self._whole_list(f"/issue/{issue}/comment", "comments")

    def worklogs(self, issue: str) -> list[Mapping[str, Any]]:
        """All work logs of an issue, of which it carries only twenty along."""
        return self._whole_list(f"/issue/{issue}/worklog", "worklogs")

    def real_address(self) -> str:
        """The address that people use, "" where the site does not tell."""
        found = line(mapping(self.site.get(f"{self.rest}/serverInfo")).get("baseUrl")).rstrip("/")
        return found if found.startswith(("https://", "http://")) else ""

    def issues_of(self, answer: Any) -> list[Issue]:
        """The issues of a page. Raises SourceUnreachable for a page that is none."""
        rows = mapping(answer).get("issues")
        if not isinstance(rows, list):
            raise self.unusable("a search without a list of issues")
        issues = [issue_of(row) for row in rows]
        found = [issue for issue in issues if issue is not None]
        if len(found) < len(rows):
            raise self.unusable("an issue without an id")
        return found

    def unusable(self, what: str) -> SourceUnreachable:
        """The error for an answer that does not hold what it should."""
        return SourceUnreachable(
            f"{self.label}: Jira answered with {what}", hint="nothing was changed; the next run asks again"
        )

    def broken_off(self, what: str) -> SiteUnreachable:
        """The error for a list that ends before it is complete."""
        return SiteUnreachable(
            f"{self.label}: the list of {what} broke off before its end",
            hint="nothing was changed; the next run asks again",
            smaller_may_work=True,
        )

    def _whole_list(self, path: str, name: str) -> list[Mapping[str, Any]]:
        """All rows of an offset-paged list; a row that moves up because another goes is caught by the next sync.

        The total may count rows that this account may not see: empty pages that go on end the list too.
        """
        found: dict[str, Mapping[str, Any]] = {}
        start = idle = 0
        for _ in range(MOST_PAGES):
            answer = mapping(self.site.get(f"{self.rest}{path}", {"startAt": start, "maxResults": 1000}))
            rows, before = answer.get(name), len(found)
            if not isinstance(rows, list):
                raise self.unusable(f"no {name}")
            for place, row in enumerate(objects(rows), start):
                found[id_text(row.get("id")) or f"#{place}"] = row
            start += len(rows)
            if start >= number(answer.get("total")):
                return list(found.values())
            idle = idle + 1 if len(found) == before else 0
            if idle > PATIENCE and not rows:
                return list(found.values())
            if idle > PATIENCE:
                break
        raise self.broken_off(name)


def project_of(value: Any) -> Project | None:
    """The project that a part of an answer describes."""
    found = mapping(value)
    project_id, key = id_text(found.get("id")), text(found.get("key"))
    if not project_id or not key:
        return None
    return Project(project_id, key, line(found.get("name")), archived=found.get("archived") is True)
