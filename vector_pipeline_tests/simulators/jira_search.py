"""The search index of the simulated Jira: what JQL sees, sorted by time of change and by key within a project.

It learns of changes through `JiraState.on_change` and takes them in when `lag` has passed on the service's clock, so
that a search may be behind the issues. Archived issues are not in it. Permissions are judged when asked, not here.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from vector_pipeline_tests.simulators.atlassian_conditions import Account
from vector_pipeline_tests.simulators.jira_jql import KEY_FIELDS, RESOLUTION_MS, Entry, Query, parse
from vector_pipeline_tests.simulators.jira_model import Issue, Named
from vector_pipeline_tests.simulators.jira_state import JiraState

_CACHED_RESULTS = 8
SortKey = tuple[Any, ...]


@dataclass(slots=True)
class _Shelf:
    """The entries of one project in both orders."""

    by_updated: list[tuple[int, int]] = field(default_factory=list)  # (updated, id)
    by_number: list[tuple[int, int]] = field(default_factory=list)  # (number, id)


@dataclass(slots=True)
class Found:
    """The issues a query finds, in its order: sort keys and ids side by side."""

    keys: list[SortKey]
    ids: list[int]

    def after(self, key: SortKey | None) -> int:
        """The position behind a sort key, whether or not its issue is still there."""
        return 0 if key is None else bisect_right(self.keys, key)


class SearchIndex:
    """Entries of all searchable issues; also what the JQL parser asks about the site."""

    def __init__(self, state: JiraState, lag: Callable[[], timedelta]) -> None:
        self.state = state
        self._lag = lag
        self._entries: dict[int, Entry] = {}
        self._shelves: dict[int, _Shelf] = {}
        self._pending: list[tuple[datetime, int]] = []
        self._secured: set[int] = set()
        self._version = 0
        self._cache: OrderedDict[tuple[Any, ...], Found] = OrderedDict()
        state.on_change = self._changed

    # ---- following the state
    def rebuild(self) -> None:
        """Takes in everything at once; for seeding."""
        with self.state.lock:
            self._entries.clear()
            self._shelves.clear()
            self._pending.clear()
            for issue in self.state.issues.values():
                if _searchable(issue):
                    self._entries[issue.id] = entry = _entry(issue)
                    shelf = self._shelves.setdefault(entry.project_id, _Shelf())
                    shelf.by_updated.append((entry.updated, entry.id))
                    shelf.by_number.append((entry.number, entry.id))
                if issue.security is not None:
                    self._secured.add(issue.id)
            for shelf in self._shelves.values():
                shelf.by_updated.sort()
                shelf.by_number.sort()
            self._version += 1

    def _changed(self, issue_id: int) -> None:
        with self.state.lock:
            issue = self.state.issues.get(issue_id)
            if issue is not None and issue.security is not None:
                self._secured.add(issue_id)
            else:
                self._secured.discard(issue_id)
            self._version += 1
            lag = self._lag()
            if lag:
                self._pending.append((self.state.clock.now() + lag, issue_id))
            else:
                self._take_in(issue_id)

    def catch_up(self, issue_ids: Iterable[int] | None = None) -> None:
        """Takes in what is pending, of all issues or of these, before its time."""
        with self.state.lock:
            wanted = None if issue_ids is None else set(issue_ids)
            for _due, issue_id in self._pending:
                if wanted is None or issue_id in wanted:
                    self._take_in(issue_id)
            self._pending = [each for each in self._pending if wanted is not None and each[1] not in wanted]

    def _take_in_due(self) -> None:
        if not self._lag():
            self.catch_up()
        now = self.state.clock.now()
        due = [issue_id for moment, issue_id in self._pending if moment <= now]
        if due:
            self._pending = [each for each in self._pending if each[0] > now]
            for issue_id in due:
                self._take_in(issue_id)

    def _take_in(self, issue_id: int) -> None:
        if (old := self._entries.pop(issue_id, None)) is not None:
            shelf = self._shelves[old.project_id]
            del shelf.by_updated[bisect_left(shelf.by_updated, (old.updated, old.id))]
            del shelf.by_number[bisect_left(shelf.by_number, (old.number, old.id))]
        issue = self.state.issues.get(issue_id)
        if issue is not None and _searchable(issue):
            self._entries[issue_id] = entry = _entry(issue)
            shelf = self._shelves.setdefault(entry.project_id, _Shelf())
            insort(shelf.by_updated, (entry.updated, entry.id))
            insort(shelf.by_number, (entry.number, entry.id))
        self._version += 1

    # ---- what the JQL parser asks
    def find_project(self, name: str, account: Account) -> int | None:
        project = self.state.project(name)
        if project is None:
            named = [each for each in self.state.projects.values() if each.name.lower() == name.lower()]
            project = named[0] if named else None
        return project.id if project is not None and self.state.may_browse(project, account) else None

    def find_issue(self, key_or_id: str, account: Account) -> Entry | None:
        issue = self.state.issue(key_or_id)
        return _entry(issue) if issue is not None and self.state.may_see(issue, account) else None

    # ---- searching
    def parse(self, jql: str, account: Account, *, lenient: bool = False) -> Query:
        """The query behind the text. Raises Refused (400)."""
        return parse(jql, self, account, self.state.clock.now(), lenient=lenient)

    def search(self, jql: str, query: Query, account: Account) -> Found:
        """What the account finds, in the order of the query: by key downwards unless it says otherwise."""
        with self.state.lock:
            self._take_in_due()
            visible = frozenset(
                project.id for project in self.state.projects.values() if self.state.may_browse(project, account)
            )
            key = (jql, account.id, account.time_zone, self._version, self.state.clock.now(), visible)
            found = self._cache.get(key)
            if found is None:
                found = self._cache[key] = self._find(query, account, visible)
                while len(self._cache) > _CACHED_RESULTS:
                    self._cache.popitem(last=False)
            return found

    def _find(self, query: Query, account: Account, visible: frozenset[int]) -> Found:
        where, order = query.where, query.order or [("key", True)]
        projects = visible if where is None or where.project_ids is None else visible & where.project_ids
        hidden = {
            issue_id
            for issue_id in self._secured
            if (issue := self.state.issues.get(issue_id)) is not None and not self.state.may_see(issue, account)
        }
        entries: list[Entry] = []
        for project_id in projects:
            shelf = self._shelves.get(project_id)
            if shelf is None:
                continue
            rows = shelf.by_number
            if where is not None and (where.low is not None or where.high is not None):
                low = 0 if where.low is None else bisect_left(shelf.by_updated, (where.low, -1))
                high = None if where.high is None else bisect_left(shelf.by_updated, (where.high, -1))
                rows = shelf.by_updated[low:high]
            entries.extend(self._entries[issue_id] for _, issue_id in rows if issue_id not in hidden)
        if where is not None and not where.exact:
            entries = [entry for entry in entries if where.holds(entry)]
        rows_found = sorted((self._sort_key(entry, order), entry.id) for entry in entries)
        return Found([key for key, _ in rows_found], [issue_id for _, issue_id in rows_found])

    def _sort_key(self, entry: Entry, order: list[tuple[str, bool]]) -> SortKey:
        key: list[Any] = []
        for name, descending in order:
            if name in ("updated", "created"):
                value = entry.updated if name == "updated" else entry.created
                key.append(-value if descending else value)
            elif name in KEY_FIELDS or name == "project":
                text = self.state.projects[entry.project_id].key
                key.append(_inverted(text) if descending else text)
                if name != "project":
                    key.append(-entry.number if descending else entry.number)
            else:
                text = " ".join(entry.facets.get(name, ()))
                key.append(_inverted(text) if descending else text)
        key.append(entry.id)
        return tuple(key)


def _inverted(text: str) -> tuple[int, ...]:
    """Sorts the other way round than the text itself."""
    return (*(-ord(char) for char in text), 1)


def _searchable(issue: Issue) -> bool:
    return not (issue.archived or issue.project.archived or issue.project.deleted)


def _entry(issue: Issue) -> Entry:
    facets: dict[str, tuple[str, ...]] = {}
    for name in ("issuetype", "status", "priority", "resolution", "labels", "components", "fixVersions"):
        if value := issue.fields.get(name):
            facets[name] = tuple(_words(each) for each in (value if isinstance(value, list) else [value]))
    for name in ("assignee", "reporter"):
        if (who := issue.fields.get(name)) is not None:
            facets[name] = (who.id.lower(), who.user.lower(), who.name.lower(), who.email.lower())
    if issue.security is not None:
        facets["security"] = (issue.security.name.lower(), str(issue.security.id))
    return Entry(
        id=issue.id,
        project_id=issue.project.id,
        number=issue.number,
        created=_to_index(issue.created),
        updated=_to_index(issue.updated),
        parent=issue.parent,
        facets=facets,
    )


def _words(value: Any) -> str:
    return value.name.lower() if isinstance(value, Named) else str(value).lower()


def _to_index(moment: datetime) -> int:
    return int(moment.timestamp() * 1000) // RESOLUTION_MS * RESOLUTION_MS
