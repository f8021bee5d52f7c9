"""What is asked of Confluence's search: the newest changes of a space with their number, and content by id.

One endpoint serves Cloud and Data Center, and it is the only one that lists changes of all types at once. No date is
ever written into a query: those have minute precision, no zone, and are compared with a time the answers do not show;
changes are read newest first instead. What the index lacks is asked for one by one, from the database.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from vector_pipeline.sources.atlassian.errors import AccessDenied, AnswerRefused, NotThere, SiteUnreachable, TooLarge
from vector_pipeline.sources.atlassian.site import Site
from vector_pipeline.sources.base import SourceError
from vector_pipeline.sources.confluence.answers import Json, moment_at, number_at, rows_at, text_at, value_at
from vector_pipeline.sources.confluence.paging import Parameters, pages_by_link, pages_by_offset
from vector_pipeline.sources.confluence.rows import Row, row_of_v1

SEARCH = "/rest/api/search"
NEWEST = 50
"""Changes that a probe looks at: one that is indexed late is noticed though later ones came first."""
IDS_AT_ONCE = 100

VERSION = ("version", "space")
DETAILS = (
    "version",
    "space",
    "ancestors",
    "container",
    "history",
    "metadata.labels",
    "restrictions.read.restrictions.user",
    "restrictions.read.restrictions.group",
)
"""What a row needs: eight, which is as many as may be expanded at once (fact twenty-seven).

Never `ancestors.restrictions`: one ancestor that can't be read fails the whole answer (fact twenty-six).
"""

CURRENT = ("current",)
CURRENT_AND_ARCHIVED = ("current", "archived")


@dataclass(frozen=True, slots=True)
class Newest:
    """The newest changes of a space, newest first, and how many contents it has."""

    total: int
    hits: tuple[Json, ...]


@dataclass(frozen=True, slots=True)
class Unanswered:
    """A content the service could not be made to show: it may be there, but not for us or not now."""

    reason: str
    refused: bool = False
    """Whether the service said no to this question, which it will do again, rather than fail at it."""


class Search:
    """Questions to the search of one site."""

    def __init__(self, site: Site, label: str) -> None:
        self._site, self._label = site, label

    def newest(self, cql: str, statuses: Sequence[str]) -> Newest:
        """The first page of the newest changes and the number of all that match, in one request."""
        total = 0
        for answer in self._answers(_by_time(cql), VERSION, NEWEST, statuses):
            total = number_at(answer, "totalSize")
            if hits := rows_at(answer, "results"):  # a first page without rows may have a next one
                return Newest(total, tuple(hits))
        return Newest(total, ())

    def total(self, cql: str, statuses: Sequence[str]) -> int:
        """How many contents match."""
        return number_at(next(self._answers(cql, VERSION, 1, statuses), {}), "totalSize")

    def changes(self, cql: str, statuses: Sequence[str]) -> Iterator[tuple[int, list[Row]]]:
        """Rows with all details, newest change first, page by page; the caller stops where nothing new comes.

        With each page comes how many contents match: the first page's number is of the same moment as its rows.
        """
        for answer in self._answers(_by_time(cql), DETAILS, IDS_AT_ONCE, statuses):
            yield number_at(answer, "totalSize"), _rows(answer)

    def every(self, cql: str, expand: Sequence[str], statuses: Sequence[str], limit: int = 200) -> Iterator[Json]:
        """Records of version 1 of everything that matches."""
        seen: set[str] = set()
        for answer in self._answers(cql, expand, limit, statuses):
            for hit in rows_at(answer, "results"):
                number = text_at(hit, "content", "id")
                if number and number not in seen:
                    seen.add(number)
                    yield hit["content"]

    def rows(self, ids: Iterable[str]) -> dict[str, Row | Unanswered | None]:
        """What there is of each id, in any status the account may see; None for what is not to be seen.

        Raises SourceError when the site itself fails.
        """
        found: dict[str, Row | Unanswered | None] = {}
        for answers in self._site.each(lambda batch: self.records(batch, DETAILS), _batches(ids, IDS_AT_ONCE)):
            for number, record in answers.items():
                found[number] = record if isinstance(record, Unanswered) else _row_or_none(record)
        return found

    def records(self, ids: Sequence[str], expand: Sequence[str]) -> dict[str, Json | Unanswered | None]:
        """Records of version 1 by id: many in one request, what that does not find or fails at one by one."""
        try:
            found: dict[str, Json | Unanswered | None] = dict(self._searched(ids, expand))
        except (AnswerRefused, SiteUnreachable, TooLarge) as error:
            if not is_about_content(error):
                raise
            if len(ids) > 1:
                middle = len(ids) // 2
                return self.records(ids[:middle], expand) | self.records(ids[middle:], expand)
            found = {}
        for number in ids:
            if number not in found:
                found[number] = self.record(number, expand)
        return found

    def record(self, number: str, expand: Sequence[str]) -> Json | Unanswered | None:
        """One record from the database, in whatever status; None where there is none to see."""
        parameters = {"status": "any", "expand": ",".join(expand)}
        try:
            answer = self._site.get(f"/rest/api/content/{number}", parameters)
        except NotThere as error:
            # Some pages are answered with 404 only because their body can't be expanded.
            return self._plain(number, error) if any(name.startswith("body") for name in expand) else None
        except AccessDenied as error:
            if error.status != 403:
                raise
            self._check_site()
            return Unanswered("this account may not read it (403)", refused=True)
        except (AnswerRefused, SiteUnreachable, TooLarge) as error:
            if not is_about_content(error):
                raise
            self._check_site()
            return Unanswered(_reason(error), refused=isinstance(error, AnswerRefused))
        return answer if isinstance(answer, dict) else Unanswered("the answer is not what Confluence sends")

    def _plain(self, number: str, refused: NotThere) -> Json | Unanswered | None:
        try:
            self._site.get(f"/rest/api/content/{number}", {"status": "any", "expand": "version"})
        except NotThere:
            return None
        except AccessDenied as error:
            if error.status != 403:
                raise
        return Unanswered(_reason(refused), refused=True)

    def _check_site(self) -> None:
        """Raises SourceError unless the site answers: then a single content is to blame, not the site."""
        self._site.get("/rest/api/user/current")

    def _searched(self, ids: Sequence[str], expand: Sequence[str]) -> Iterator[tuple[str, Json]]:
        cql = f"id in ({', '.join(ids)})"
        wanted = set(ids)
        for answer in self._answers(cql, expand, len(ids), CURRENT_AND_ARCHIVED):
            for hit in rows_at(answer, "results"):
                content = value_at(hit, "content")
                if text_at(content, "id") in wanted:
                    yield text_at(content, "id"), content

    def _answers(self, cql: str, expand: Sequence[str], limit: int, statuses: Sequence[str]) -> Iterator[Json]:
        parameters: Parameters = {
            "cql": cql,
            "limit": limit,
            "expand": ",".join(f"content.{name}" for name in expand),
            "excerpt": "none",
            "includeArchivedSpaces": True,
            "cqlcontext": json.dumps({"contentStatuses": list(statuses)}, separators=(",", ":")),
        }
        if self._site.cloud:
            return pages_by_link(self._site, SEARCH, parameters, self._label)
        return pages_by_offset(self._site, SEARCH, parameters, self._label, lambda hit: text_at(hit, "content", "id"))


def is_about_content(error: SourceError) -> bool:
    """Whether the site works and only this question, or one of the contents it is about, is too much for it."""
    if isinstance(error, SiteUnreachable):
        return error.smaller_may_work
    return isinstance(error, TooLarge) or (isinstance(error, AnswerRefused) and error.status in (400, 404))


def quoted(value: str) -> str:
    """A text as a literal of CQL."""
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def values(names: Collection[str]) -> str:
    """Texts as a list of CQL."""
    return f"({', '.join(map(quoted, names))})"


def _by_time(cql: str) -> str:
    return f"{cql} order by lastmodified desc"


def _rows(answer: Json) -> list[Row]:
    found = []
    for hit in rows_at(answer, "results"):
        row = row_of_v1(value_at(hit, "content") or {}, moment_at(hit, "lastModified"))
        if row is not None:
            found.append(row)
    return found


def _row_or_none(record: Json | None) -> Row | Unanswered | None:
    if record is None:
        return None
    return row_of_v1(record) or Unanswered("the answer is not what Confluence sends")


def _reason(error: SourceError) -> str:
    status = getattr(error, "status", 0)
    if isinstance(error, TooLarge):
        return "the answer is too large"
    return f"Confluence fails at this content ({status})" if status else "Confluence fails at this content"


def _batches(ids: Iterable[str], size: int) -> Iterator[list[str]]:
    iterator = iter(ids)
    while batch := list(itertools.islice(iterator, size)):
        yield batch
