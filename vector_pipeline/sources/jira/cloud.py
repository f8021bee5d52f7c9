"""How Jira Cloud is asked: searches by page token, issues from the database by bulk fetch.

The search by offset is gone, and its successor knows neither offset nor total.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from vector_pipeline.sources.jira.api import (
    DELETED_OR_HIDDEN,
    MOST_PAGES,
    NEWEST,
    PATIENCE,
    JiraApi,
    Newest,
    Project,
    Read,
    project_of,
)
from vector_pipeline.sources.jira.values import Issue, id_text, mapping, number, objects, text

ROWS_AT_ONCE = 100
RECONCILED = 50
"""Issues of which a search can be made to know the latest state."""
_SEARCH = "/rest/api/3/search/jql"
_LOGGED = ("status", "assignee")


class CloudApi(JiraApi):
    """The questions to a Cloud site."""

    rest = "/rest/api/3"
    ids_at_once = 5000  # of ids only
    reads_absent_singly = False

    def newest(self, where: str) -> Newest:
        jql = f"{where} ORDER BY updated DESC, key DESC"
        issues: list[Issue] = []
        for page in self._pages(jql, ["updated", "project"], NEWEST):
            issues = page
            if issues:
                break
        return Newest(issues, self.count(where) if issues else 0)

    def ids(self, where: str) -> set[str]:
        found: set[str] = set()
        for page in self._pages(f"{where} ORDER BY key ASC", ["id"], self.ids_at_once):
            found.update(issue.id for issue in page)
        return found

    def rows(self, where: str, fields: Sequence[str]) -> dict[str, Issue]:
        # Oldest change first: an issue that changes meanwhile moves to the end and is read once more.
        found: dict[str, Issue] = {}
        for page in self._pages(f"{where} ORDER BY updated ASC, key ASC", fields, ROWS_AT_ONCE):
            found.update((issue.id, issue) for issue in page)
        return found

    def count(self, where: str) -> int:
        return number(mapping(self.site.post(f"{self.rest}/search/approximate-count", {"jql": where})).get("count"))

    def read(self, ids: Sequence[str], fields: Sequence[str], *, changelog: bool = False) -> Read:
        body = {"issueIdsOrKeys": list(ids), "fields": list(fields)}
        answer = self.site.post(f"{self.rest}/issue/bulkfetch", body)
        found = {issue.id: issue for issue in self.issues_of(answer)}
        # Errors name what exists and could not be given this time; what is gone or hidden is left out without a word.
        errors = objects(mapping(answer).get("issueErrors"))
        unread = {id_text(error.get("id")) for error in errors}
        wanted = {each: found[each] for each in ids if each in found}
        return Read(wanted, {each: DELETED_OR_HIDDEN for each in ids if each not in found and each not in unread})

    def searchable(self, where: str, ids: Sequence[str]) -> set[str]:
        found: set[str] = set()
        for start in range(0, len(ids), RECONCILED):
            some = list(ids[start : start + RECONCILED])
            jql = f"{where} AND id in ({','.join(some)}) ORDER BY key ASC"
            for page in self._pages(jql, ["id"], self.ids_at_once, reconcile=[int(each) for each in some]):
                found.update(issue.id for issue in page)
        return found

    def shown(self, ids: Sequence[str], fields: Sequence[str]) -> dict[str, Issue]:
        return self.read(ids, fields).found

    def changelogs(self, issues: Sequence[Issue]) -> dict[str, list[Mapping[str, Any]]]:
        found: dict[str, list[Mapping[str, Any]]] = {issue.id: [] for issue in issues}
        body: dict[str, Any] = {"issueIdsOrKeys": list(found), "fieldIds": list(_LOGGED), "maxResults": 1000}
        seen: set[str] = set()
        for _ in range(MOST_PAGES):
            answer = mapping(self.site.post(f"{self.rest}/changelog/bulkfetch", body))
            for each in objects(answer.get("issueChangeLogs")):
                found.get(id_text(each.get("issueId")), []).extend(objects(each.get("changeHistories")))
            token = text(answer.get("nextPageToken"))
            if not token:
                return found
            if token in seen:
                break
            seen.add(token)
            body["nextPageToken"] = token
        raise self.broken_off("changes")

    def projects(self) -> list[Project]:
        found: dict[str, Project] = {}
        start = idle = 0
        for _ in range(MOST_PAGES):
            asked = {"startAt": start, "maxResults": 50, "status": "live", "action": "browse"}
            answer = mapping(self.site.get(f"{self.rest}/project/search", asked))
            rows = answer.get("values")
            if not isinstance(rows, list):
                raise self.unusable("a list of projects that is none")
            found.update((project.id, project) for project in map(project_of, rows) if project is not None)
            start += len(rows)
            # `isLast` is not believed: the total tells whether all have come.
            if start >= number(answer.get("total")):
                return list(found.values())
            idle = 0 if rows else idle + 1
            if idle > PATIENCE:
                break
        raise self.broken_off("projects")

    def attachment_path(self, attachment: str, name: str) -> str:
        return f"{self.rest}/attachment/content/{quote(attachment)}"

    def _pages(
        self, jql: str, fields: Sequence[str], size: int, *, reconcile: Sequence[int] = ()
    ) -> Iterator[list[Issue]]:
        """All pages of a search. Raises SourceError when it does not come to its end.

        The end is the page without a token, whatever `isLast` says; an empty page with a token is not the end, and a
        token may be given again. A POST reads only its body, which must hold known fields.
        """
        body: dict[str, Any] = {"jql": jql, "fields": list(fields), "maxResults": size}
        if reconcile:
            body["reconcileIssues"] = list(reconcile)
        seen: set[str] = set()
        idle = 0
        for _ in range(MOST_PAGES):
            answer = self.site.post(_SEARCH, body)
            issues = self.issues_of(answer)
            yield issues
            token = text(mapping(answer).get("nextPageToken"))
            if not token:
                return
            idle = idle + 1 if token in seen or not issues else 0
            if idle > PATIENCE:
                break
            seen.add(token)
            body["nextPageToken"] = token
        raise self.broken_off("issues")
