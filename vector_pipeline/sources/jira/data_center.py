"""How Jira Data Center is asked: one search by offset, of which only the first page of each question is taken.

Rows shift when issues go between two pages, `total` may promise too much, and the server caps and echoes the page size.
So a long list is read by key: each page is asked for from a key that the last one showed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from vector_pipeline.sources.atlassian.errors import AccessDenied, AnswerRefused, NotThere
from vector_pipeline.sources.jira.api import (
    DELETED,
    HIDDEN,
    MOST_PAGES,
    NEWEST,
    PATIENCE,
    JiraApi,
    Newest,
    Project,
    Read,
    project_of,
)
from vector_pipeline.sources.jira.values import Issue, issue_of, mapping, number, objects

ROWS_AT_ONCE = 1000
"""The page size asked for; the server may give less."""
_FORBIDDEN = 403
_ID_IN_MESSAGE = re.compile(r"'([0-9]{1,18})'")


@dataclass(frozen=True, slots=True)
class _Page:
    issues: list[Issue]
    total: int
    size: int

    @property
    def is_all(self) -> bool:
        """Whether two things agree that nothing follows: the page is short, and the total no longer than it."""
        return len(self.issues) < self.size and self.total <= len(self.issues)


class DataCenterApi(JiraApi):
    """The questions to a Data Center site."""

    rest = "/rest/api/2"
    ids_at_once = ROWS_AT_ONCE
    reads_absent_singly = True

    def newest(self, where: str) -> Newest:
        page = self._sure_page(f"{where} ORDER BY updated DESC, key DESC", ["updated", "project"], NEWEST)
        return Newest(page.issues, page.total)

    def ids(self, where: str) -> set[str]:
        return {issue.id for issue in self._by_key(where, ["updated"])}

    def rows(self, where: str, fields: Sequence[str]) -> dict[str, Issue]:
        return {issue.id: issue for issue in self._by_key(where, fields)}

    def count(self, where: str) -> int:
        return self._page(where, ["updated"], 1).total

    def read(self, ids: Sequence[str], fields: Sequence[str], *, changelog: bool = False) -> Read:
        expand = ["changelog"] if changelog else []
        waiting, found = list(ids), Read()
        while len(waiting) > 1:
            try:
                page = self._page(f"id in ({','.join(waiting)}) ORDER BY key ASC", fields, len(waiting), expand)
            except AnswerRefused as refused:
                # One id that is gone makes the whole question invalid; the refusal names it.
                named = set(_ID_IN_MESSAGE.findall(" ".join(refused.messages)))
                apart = [each for each in waiting if each in named] or waiting[: len(waiting) // 2]
                self._read_each(apart, fields, expand, found)
                waiting = [each for each in waiting if each not in set(apart)]
                continue
            new = {issue.id: issue for issue in page.issues if issue.id in waiting}
            found.found.update(new)
            waiting = [each for each in waiting if each not in new]
            if not new or len(page.issues) < page.size:
                break
        self._read_each(waiting, fields, expand, found)
        return found

    def searchable(self, where: str, ids: Sequence[str]) -> set[str]:
        found: set[str] = set()
        for start in range(0, len(ids), 100):
            some = ids[start : start + 100]
            try:
                found |= self.ids(f"{where} AND id in ({','.join(some)})")
            except AnswerRefused:
                # One of them went meanwhile. What can't be told now is taken as still there.
                found.update(some)
        return found

    def shown(self, ids: Sequence[str], fields: Sequence[str]) -> dict[str, Issue]:
        found: dict[str, Issue] = {}
        waiting = list(ids)
        while waiting:
            jql = f"id in ({','.join(waiting)}) ORDER BY key ASC"
            try:
                page = self._page(jql, fields, len(waiting), is_valid=False)
            except AnswerRefused:  # a server that validates nevertheless: each has to be asked for
                break
            new = {issue.id: issue for issue in page.issues if issue.id in waiting}
            found.update(new)
            waiting = [each for each in waiting if each not in new]
            if not new or len(page.issues) < page.size:
                break
        return found

    def changelogs(self, issues: Sequence[Issue]) -> dict[str, list[Mapping[str, Any]]]:
        found = {}
        for issue in issues:
            log = issue.changelog
            if len(objects(log.get("histories"))) < number(log.get("total")):
                asked = {"fields": "updated", "expand": "changelog"}
                log = mapping(mapping(self.site.get(f"{self.rest}/issue/{issue.id}", asked)).get("changelog"))
            found[issue.id] = objects(log.get("histories"))
        return found

    def projects(self) -> list[Project]:
        rows = self.site.get(f"{self.rest}/project")
        if not isinstance(rows, list):
            raise self.unusable("a list of projects that is none")
        return [project for project in map(project_of, rows) if project is not None]

    def attachment_path(self, attachment: str, name: str) -> str:
        return f"/secure/attachment/{quote(attachment)}/{quote(name, safe='')}"

    def _read_each(self, ids: Sequence[str], fields: Sequence[str], expand: Sequence[str], found: Read) -> None:
        """Asks for issues one by one: what no search finds may still answer, or tell why not."""
        asked = {"fields": ",".join(fields), **({"expand": ",".join(expand)} if expand else {})}
        for each in ids:
            try:
                issue = issue_of(self.site.get(f"{self.rest}/issue/{each}", asked))
            except NotThere:
                found.absent[each] = DELETED
            except AccessDenied as denied:
                if denied.status != _FORBIDDEN:
                    raise
                found.absent[each] = HIDDEN
            else:
                if issue is None or issue.id != each:
                    raise self.unusable("another issue than the one asked for")
                found.found[each] = issue

    def _by_key(self, where: str, fields: Sequence[str]) -> Iterator[Issue]:
        """All issues of a search within one project, by key. Raises SourceError when it does not come to its end.

        The next page is asked for from the last row but one, so that it must show a row that is known. A page that
        does not is no end: its mark went meanwhile, or the server left rows out; then an older mark is tried. Where a
        page holds a single row, nothing behind it is believed once the row itself has been shown again.
        """
        seen: set[str] = set()
        shown: list[str] = []
        older: list[str] = []
        mark, doubted, idle = "", "", 0
        for _ in range(MOST_PAGES):
            page = self._page_from(where, mark, fields)
            fresh = [issue for issue in page.issues if issue.id not in seen]
            seen.update(issue.id for issue in fresh)
            yield from fresh
            keys = [issue.key for issue in page.issues]
            if page.is_all and (keys or not mark):
                return
            if keys and not fresh and (len(keys) < page.size or keys[-1] == doubted):
                return
            idle = 0 if fresh else idle + 1
            if idle > PATIENCE:
                break
            if keys:
                # a page of rows that are all known leads on only from its very end
                last = keys[-2] if fresh and len(keys) > 1 else keys[-1]
                marks = dict.fromkeys([keys[len(keys) // 2], keys[0], *shown[:1]])
                shown, older, mark = keys, [each for each in marks if each != last], last
            else:
                doubted, mark = mark, older.pop(0) if older else ""
        raise self.broken_off("issues")

    def _page_from(self, where: str, mark: str, fields: Sequence[str]) -> _Page:
        if not mark:
            return self._sure_page(f"{where} ORDER BY key ASC", fields, ROWS_AT_ONCE)
        try:
            return self._page(f'{where} AND key > "{mark}" ORDER BY key ASC', fields, ROWS_AT_ONCE)
        except AnswerRefused:  # the issue of the mark went meanwhile
            return _Page([], 1, ROWS_AT_ONCE)

    def _sure_page(self, jql: str, fields: Sequence[str], size: int) -> _Page:
        """A page that is empty only if the service also says that there is nothing."""
        for _ in range(PATIENCE):
            page = self._page(jql, fields, size)
            if page.issues or not page.total:
                return page
        return page

    def _page(
        self, jql: str, fields: Sequence[str], size: int, expand: Sequence[str] = (), *, is_valid: bool = True
    ) -> _Page:
        """A page of a search; one that may name issues that are gone (not `is_valid`) finds the others."""
        body: dict[str, Any] = {"jql": jql, "startAt": 0, "maxResults": size, "fields": list(fields)}
        if expand:
            body["expand"] = list(expand)
        if not is_valid:
            body["validateQuery"] = False
        answer = self.site.post(f"{self.rest}/search", body)
        echoed = number(mapping(answer).get("maxResults"))
        return _Page(self.issues_of(answer), number(mapping(answer).get("total")), min(echoed, size) or size)
