"""The part of CQL that a sync needs, read the way Confluence reads it.

Date literals have no zone: they are read in the zone of the account that asks, and compared with times cut to the
minute. What is outside the part, or wrong, is refused as the service refuses what it can't parse.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from vector_pipeline_tests.simulators.confluence_index import Entry, Query, QueryTime

Test = Callable[[Entry], bool]

_TOKEN = re.compile(
    r"""\s*(?:
        (?P<quoted>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
      | (?P<operator>>=|<=|!=|!~|=|>|<|~)
      | (?P<mark>[(),])
      | (?P<word>[^\s"'()<>=!~,]+)
    )""",
    re.VERBOSE,
)
_FORMATS = ("%Y-%m-%d %H:%M", "%Y/%m/%d %H:%M", "%Y-%m-%d", "%Y/%m/%d")
_COMPARE: dict[str, Callable[[datetime, datetime], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}
_DATES = {"lastmodified": "modified", "created": "created"}
_SORTS = {**_DATES, "title": "title", "type": "type"}
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


class CqlError(ValueError):
    """A query that can't be parsed."""


@dataclass(frozen=True)
class CqlContext:
    """What a query's meaning depends on besides its text. `text_of` gives the words of a content by its id."""

    zone: ZoneInfo
    now: datetime
    time: QueryTime
    text_of: Callable[[int], str]


def parse_cql(cql: str, context: CqlContext) -> Query:
    """The query as tests on entries. Raises CqlError."""
    if not cql.strip():
        raise CqlError(cql)
    return _Parser(cql, context).query()


@dataclass(frozen=True)
class _Clause:
    """A test with the span of time and the ids outside of which it can't hold."""

    test: Test
    since: datetime | None = None
    until: datetime | None = None
    ids: frozenset[int] | None = None


class _Parser:
    def __init__(self, cql: str, context: CqlContext) -> None:
        self._cql, self._context = cql, context
        self._tokens = self._split(cql)
        self._at = 0

    def query(self) -> Query:
        """The whole query. Raises CqlError."""
        found = self._either() if not self._is_word("order") else _Clause(lambda _entry: True)
        order = self._order()
        if self._at != len(self._tokens):
            raise self._error()
        return Query(found.test, order, found.since, found.until, found.ids)

    def _split(self, cql: str) -> list[tuple[str, str]]:
        tokens, at = [], 0
        while at < len(cql.rstrip()):
            match = _TOKEN.match(cql, at)
            if match is None:
                raise self._error()
            kind = str(match.lastgroup)
            text = match[kind]
            tokens.append((kind, re.sub(r"\\(.)", r"\1", text[1:-1]) if kind == "quoted" else text))
            at = match.end()
        return tokens

    def _error(self) -> CqlError:
        return CqlError(self._cql)

    def _peek(self) -> tuple[str, str]:
        return self._tokens[self._at] if self._at < len(self._tokens) else ("end", "")

    def _next(self, *kinds: str) -> str:
        kind, text = self._peek()
        if kind not in kinds:
            raise self._error()
        self._at += 1
        return text

    def _is_word(self, *words: str) -> bool:
        kind, text = self._peek()
        return kind == "word" and text.lower() in words

    def _take_word(self, word: str) -> bool:
        found = self._is_word(word)
        self._at += found
        return found

    def _take_mark(self, mark: str) -> bool:
        found = self._peek() == ("mark", mark)
        self._at += found
        return found

    def _either(self) -> _Clause:
        clauses = [self._both()]
        while self._take_word("or"):
            clauses.append(self._both())
        if len(clauses) == 1:
            return clauses[0]
        tests = [clause.test for clause in clauses]
        return _Clause(lambda entry: any(test(entry) for test in tests))

    def _both(self) -> _Clause:
        clauses = [self._one()]
        while self._take_word("and"):
            clauses.append(self._one())
        if len(clauses) == 1:
            return clauses[0]
        tests = [clause.test for clause in clauses]
        since = max((clause.since for clause in clauses if clause.since), default=None)
        until = min((clause.until for clause in clauses if clause.until), default=None)
        ids = next((clause.ids for clause in clauses if clause.ids is not None), None)
        return _Clause(lambda entry: all(test(entry) for test in tests), since, until, ids)

    def _one(self) -> _Clause:
        if self._take_word("not"):
            denied = self._one().test
            return _Clause(lambda entry: not denied(entry))
        if self._take_mark("("):
            inside = self._either()
            if not self._take_mark(")"):
                raise self._error()
            return inside
        field = self._next("word").lower()
        if self._take_word("not"):
            if not self._take_word("in"):
                raise self._error()
            test = self._among(field, self._values())
            return _Clause(lambda entry: not test(entry))
        if self._take_word("in"):
            values = self._values()
            return _Clause(self._among(field, values), ids=_ids(values) if field == "id" else None)
        relation = self._next("operator")
        if field in _DATES:
            return self._date(field, relation)
        return _Clause(self._relation(field, relation, self._next("quoted", "word")))

    def _values(self) -> list[str]:
        if not self._take_mark("("):
            raise self._error()
        values = [self._next("quoted", "word")]
        while self._take_mark(","):
            values.append(self._next("quoted", "word"))
        if not self._take_mark(")"):
            raise self._error()
        return values

    def _relation(self, field: str, relation: str, value: str) -> Test:
        if relation in ("~", "!~") and field in ("title", "text"):
            test = self._words(field, value)
        elif relation in ("=", "!="):
            test = self._among(field, [value])
        else:
            raise self._error()
        return test if not relation.startswith("!") else lambda entry: not test(entry)

    def _words(self, field: str, value: str) -> Test:
        words, text_of = value.lower().strip("*").split(), self._context.text_of

        def holds(entry: Entry) -> bool:
            text = entry.title.lower() + (" " + text_of(entry.id).lower() if field == "text" else "")
            return all(word in text for word in words)

        return holds

    def _among(self, field: str, values: list[str]) -> Test:
        lower = {value.lower() for value in values}
        exact = set(values)
        tests: dict[str, Test] = {
            "space": lambda entry: entry.space_key.lower() in lower,
            "space.key": lambda entry: entry.space_key.lower() in lower,
            "space.type": lambda entry: entry.space_type in lower,
            "type": lambda entry: entry.type in lower,
            "id": lambda entry: entry.public_id in exact or str(entry.id) in exact,
            "content": lambda entry: entry.public_id in exact or str(entry.id) in exact,
            "label": lambda entry: not entry.labels.isdisjoint(lower),
            "ancestor": lambda entry: not exact.isdisjoint(entry.ancestors),
            "parent": lambda entry: entry.type == "page" and entry.parent in exact,
            "container": lambda entry: entry.container in exact,
            "creator": lambda entry: entry.author_id in exact,
            "title": lambda entry: entry.title.lower() in lower,
        }
        if field not in tests or (field == "type" and not lower <= {"page", "blogpost", "comment", "attachment"}):
            raise self._error()
        return tests[field]

    def _date(self, field: str, relation: str) -> _Clause:
        if relation not in _COMPARE:
            raise self._error()
        moment, compare, time = self._moment(), _COMPARE[relation], self._context.time
        attribute = _DATES[field]

        def holds(entry: Entry) -> bool:
            return compare(time.seen(getattr(entry, attribute)), moment)

        if attribute != "modified":
            return _Clause(holds)
        since = moment - time.offset if relation in ("=", ">", ">=") else None
        until = moment + time.precision - time.offset if relation in ("=", "<", "<=") else None
        return _Clause(holds, since, until)

    def _moment(self) -> datetime:
        kind, text = self._peek()
        if kind == "word" and text.lower() == "now":
            self._at += 1
            return self._now()
        value = self._next("quoted", "word")
        for form in _FORMATS:
            try:
                return datetime.strptime(value, form).replace(tzinfo=self._context.zone)
            except ValueError:
                continue
        raise self._error()

    def _now(self) -> datetime:
        if not self._take_mark("("):
            raise self._error()
        distance = timedelta()
        if self._peek()[0] == "quoted":
            match = re.fullmatch(r"([+-]?)(\d+)([mhdw])", self._next("quoted"))
            if match is None:
                raise self._error()
            distance = timedelta(**{_UNITS[match[3]]: int(match[2])}) * (-1 if match[1] == "-" else 1)
        if not self._take_mark(")"):
            raise self._error()
        return self._context.now + distance

    def _order(self) -> tuple[tuple[str, bool], ...]:
        if not self._take_word("order"):
            return ()
        if not self._take_word("by"):
            raise self._error()
        fields = []
        while True:
            name = self._next("word").lower()
            if name not in _SORTS:
                raise self._error()
            descending = self._is_word("desc")
            self._at += self._is_word("desc", "asc")
            fields.append((_SORTS[name], descending))
            if not self._take_mark(","):
                return tuple(fields)


def _ids(values: list[str]) -> frozenset[int]:
    numbers = (value.removeprefix("att") for value in values)
    return frozenset(int(number) for number in numbers if number.isdecimal())
