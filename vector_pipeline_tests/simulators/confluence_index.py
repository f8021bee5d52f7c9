"""The search index of the Confluence test service: what CQL sees, which may lag behind what there is.

A change enters the index when the service's clock has moved on by `faults.search_lag`. Entries are kept in the order
of their last change, so that a query bounded in time looks only at the part it can match.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from vector_pipeline_tests.simulators.atlassian_conditions import Clock, Faults

if TYPE_CHECKING:
    from vector_pipeline_tests.simulators.confluence_state import ConfluenceState

_LISTS_KEPT = 16
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Entry:
    """What the index holds of one content, as it was when it was indexed."""

    id: int
    public_id: str
    type: str
    status: str
    space_key: str
    space_type: str
    space_archived: bool
    title: str
    created: datetime
    modified: datetime
    author_id: str
    labels: frozenset[str]
    ancestors: tuple[str, ...]
    parent: str
    container: str


@dataclass(frozen=True)
class Query:
    """A parsed query: which entries match, in what order, and the span of time outside of which none can."""

    matches: Callable[[Entry], bool]
    order: tuple[tuple[str, bool], ...] = ()
    """Names of attributes of an entry, each with whether it goes down."""
    since: datetime | None = None
    until: datetime | None = None
    ids: frozenset[int] | None = None
    """The only entries that can match, where the query names them."""

    def key(self, entry: Entry) -> list[str | int]:
        """The values the entry is ordered by, the id last."""
        return [*(_sortable(getattr(entry, name)) for name, _ in self.order), entry.id]

    @property
    def descending(self) -> list[bool]:
        """For each value of `key`, whether it goes down."""
        return [*(down for _, down in self.order), False]


@dataclass
class QueryTime:
    """How queries read times. `offset` is what the time a query sees differs from the one pages tell (fact 28)."""

    precision: timedelta = timedelta(minutes=1)
    offset: timedelta = timedelta(0)

    def seen(self, moment: datetime) -> datetime:
        """The time a query compares with."""
        shifted = moment + self.offset
        return shifted - (shifted - _EPOCH) % self.precision


@dataclass
class SearchIndex:
    """All entries. `time` may be changed by tests; `touch` is for the state."""

    state: ConfluenceState
    clock: Clock
    faults: Faults
    time: QueryTime = field(default_factory=QueryTime)
    version: int = 0
    _entries: dict[int, Entry] = field(default_factory=dict)
    _by_time: list[tuple[datetime, int]] = field(default_factory=list)
    _pending: deque[tuple[datetime, int]] = field(default_factory=deque)
    _lists: OrderedDict[Hashable, list[Entry]] = field(default_factory=OrderedDict)

    def touch(self, ids: Iterable[int]) -> None:
        """Content that changed; it is indexed when the lag has passed."""
        now = self.clock.now()
        self._pending.extend((now, number) for number in ids)
        self._apply_due()

    def find(self, query: Query, name: Hashable) -> list[Entry]:
        """The matching entries in order. `name` says what else the query depends on: equal means an equal answer."""
        self._apply_due()
        key = (name, self.version, self.state.revision, self.clock.now(), self.time.precision, self.time.offset)
        if key not in self._lists:
            found = [entry for entry in self._span(query) if query.matches(entry)]
            found.sort(key=lambda entry: entry.id)
            for attribute, descending in reversed(query.order):
                found.sort(key=lambda entry: _sortable(getattr(entry, attribute)), reverse=descending)
            self._lists[key] = found
            while len(self._lists) > _LISTS_KEPT:
                self._lists.popitem(last=False)
        return self._lists[key]

    def _span(self, query: Query) -> Iterable[Entry]:
        if query.ids is not None:
            return [self._entries[number] for number in sorted(query.ids) if number in self._entries]
        low = bisect_left(self._by_time, (query.since, 0)) if query.since else 0
        # later than any id of that moment
        high = bisect_right(self._by_time, (query.until, 2**63)) if query.until else len(self._by_time)
        return (self._entries[number] for _, number in self._by_time[low:high])

    def _apply_due(self) -> None:
        due = self.clock.now() - self.faults.search_lag
        while self._pending and self._pending[0][0] <= due:
            self._apply(self._pending.popleft()[1])

    def _apply(self, number: int) -> None:
        self.version += 1
        old = self._entries.pop(number, None)
        if old is not None:
            del self._by_time[bisect_left(self._by_time, (old.modified, number))]
        entry = self._entry(number)
        if entry is not None:
            self._entries[number] = entry
            insort(self._by_time, (entry.modified, number))

    def _entry(self, number: int) -> Entry | None:
        content = self.state.contents.get(number)
        if content is None:
            return None
        space, page = self.state.spaces[content.space_id], self.state.page_of(content)
        return Entry(
            id=content.id,
            public_id=content.public_id,
            type=content.type,
            status=content.status if content.status != "current" else page.status,
            space_key=space.key,
            space_type=space.type,
            space_archived=space.status == "archived",
            title=content.title,
            created=content.created_at,
            modified=content.modified_at,
            author_id=content.author_id,
            labels=frozenset(label.name for label in content.labels),
            ancestors=tuple(str(above.id) for above in self.state.ancestors(content)),
            parent=str(content.parent_id or ""),
            container=self.state.contents[content.container_id].public_id if content.container_id else "",
        )


def _sortable(value: str | datetime | int) -> str | int:
    return round((value - _EPOCH) / timedelta(milliseconds=1)) if isinstance(value, datetime) else value
