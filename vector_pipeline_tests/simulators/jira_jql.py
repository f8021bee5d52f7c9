"""The part of JQL that a connector needs, with the real service's error texts.

`parse` turns text into conditions; `Condition.holds` judges an entry of the search index. Date literals have minute
precision and no zone: they are read in the time zone of the asking account; whole numbers are epoch milliseconds.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

from vector_pipeline_tests.simulators.atlassian_conditions import Account, Refused

_TOKEN = re.compile(
    r"""\s*(?:(?P<quoted>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|(?P<op>>=|<=|!=|!~|[=<>~(),])|(?P<word>[^\s"'()=<>!~,]+))"""
)
_UNITS = {"w": 604800, "d": 86400, "h": 3600, "m": 60, "": 60}
_DATES = ("%Y/%m/%d %H:%M", "%Y-%m-%d %H:%M", "%Y/%m/%d", "%Y-%m-%d")
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}
KEY_FIELDS = ("key", "issuekey", "id", "issue")
DATE_FIELDS = {"updated": "updated", "updateddate": "updated", "created": "created", "createddate": "created"}
FACETS = {
    "issuetype": "issuetype",
    "type": "issuetype",
    "status": "status",
    "priority": "priority",
    "resolution": "resolution",
    "labels": "labels",
    "component": "components",
    "fixversion": "fixVersions",
    "assignee": "assignee",
    "reporter": "reporter",
    "level": "security",
}
RESOLUTION_MS = 1000
"""The index knows times to the second, as the real one."""


@dataclass(slots=True)
class Entry:
    """What the search index knows of an issue; it may be older than the issue. Times are epoch milliseconds."""

    id: int
    project_id: int
    number: int
    created: int
    updated: int
    parent: int
    facets: dict[str, tuple[str, ...]]


class Site(Protocol):
    """What conditions ask about the site."""

    def find_project(self, name: str, account: Account) -> int | None:
        """The id of a visible project by key, name or id."""
        ...

    def find_issue(self, key_or_id: str, account: Account) -> Entry | None:
        """A visible issue by key, former key or id."""
        ...


@dataclass(slots=True)
class Condition:
    """A judgement of one entry. `project_ids` and the bounds of `updated` help to find candidates; `exact` says
    that nothing but those is asked."""

    holds: Callable[[Entry], bool]
    project_ids: frozenset[int] | None = None
    low: int | None = None  # updated >= low, milliseconds
    high: int | None = None  # updated < high
    exact: bool = False


@dataclass(slots=True)
class Query:
    """`where` is None for a query that restricts nothing. `order` is (field, descending) per level."""

    where: Condition | None
    order: list[tuple[str, bool]] = field(default_factory=list)


def refuse(message: str) -> Refused:
    """The 400 of a bad query."""
    return Refused(400, {"errorMessages": [message], "errors": {}})


def parse(text: str, site: Site, account: Account, now: datetime, *, lenient: bool = False) -> Query:
    """The query behind the text. Raises Refused (400) with the service's error text.

    A `lenient` one passes over issues in a list that do not exist.
    """
    return _Parser(text, site, account, now, lenient=lenient).query()


class _Parser:
    def __init__(self, text: str, site: Site, account: Account, now: datetime, *, lenient: bool = False) -> None:
        self.site, self.account, self.now, self.lenient = site, account, now, lenient
        self.tokens = list(_tokens(text))
        self.at = 0

    def query(self) -> Query:
        query = Query(None)
        if not self._next_is("order") and self._peek() is not None:
            query.where = self._either()
        if self._accept("order"):
            self._expect("by")
            query.order = list(self._order())
        if (left := self._peek()) is not None:
            raise refuse(
                f"Error in the JQL Query: Expecting either 'OR' or 'AND' but got '{left[1]}'. (line 1, character 1)"
            )
        return query

    def _order(self) -> Iterator[tuple[str, bool]]:
        while True:
            name = self._value().lower()
            if name not in (*KEY_FIELDS, *DATE_FIELDS, *FACETS, "project"):
                raise refuse(f"Not able to sort using field '{name}'.")
            descending = self._accept("desc")
            if not descending:
                self._accept("asc")
            yield DATE_FIELDS.get(name, name), descending
            if not self._accept(","):
                return

    def _either(self) -> Condition:
        found = [self._both()]
        while self._accept("or") or self._accept("||"):
            found.append(self._both())
        if len(found) == 1:
            return found[0]
        return Condition(lambda entry: any(each.holds(entry) for each in found))

    def _both(self) -> Condition:
        found = [self._one()]
        while self._accept("and") or self._accept("&&"):
            found.append(self._one())
        return found[0] if len(found) == 1 else _all_of(found)

    def _one(self) -> Condition:
        if self._accept("not") or self._accept("!"):
            inner = self._one()
            return Condition(lambda entry: not inner.holds(entry))
        if self._accept("("):
            inner = self._either()
            self._expect(")")
            return inner
        return self._term()

    def _term(self) -> Condition:
        name = self._value()
        negated = self._accept("not")
        if self._accept("in"):
            values = self._list()
            return self._condition(name, "not in" if negated else "in", values)
        if self._accept("is"):
            negated = self._accept("not")
            if self._value().lower() not in ("empty", "null"):
                raise refuse("Error in the JQL Query: the operator 'is' only takes 'EMPTY' or 'NULL'.")
            return self._condition(name, "!=" if negated else "=", [""])
        token = self._peek()
        if token is None or token[0] != "op" or token[1] not in _COMPARE:
            got = "the end of the query" if token is None else f"'{token[1]}'"
            raise refuse(
                f"Error in the JQL Query: Expecting operator before {got}. The valid operators are '=', '!=', '<', "
                "'>', '<=', '>=', '~', '!~', 'IN', 'NOT IN', 'IS' and 'IS NOT'."
            )
        self.at += 1
        return self._condition(name, token[1], [self._operand()])

    def _condition(self, name: str, op: str, values: list[str]) -> Condition:
        lower = name.lower()
        if lower == "project":
            return self._project(op, values)
        if lower in DATE_FIELDS:
            return self._date(DATE_FIELDS[lower], op, values)
        if lower in KEY_FIELDS:
            return self._issue(name, op, values)
        if lower == "parent":
            parents = {self._known_issue("parent", value).id for value in values}
            return Condition(lambda entry: (entry.parent in parents) != (op in ("!=", "not in")))
        if lower in FACETS:
            return _facet(FACETS[lower], op, values)
        raise refuse(f"Field '{name}' does not exist or you do not have permission to view it.")

    def _project(self, op: str, values: list[str]) -> Condition:
        if op not in ("=", "!=", "in", "not in"):
            raise refuse(f"The operator '{op}' is not supported by the 'project' field.")
        ids = set()
        for value in values:
            found = self.site.find_project(value, self.account)
            if found is None:
                raise refuse(f"The value '{value}' does not exist for the field 'project'.")
            ids.add(found)
        if op in ("!=", "not in"):
            return Condition(lambda entry: entry.project_id not in ids)
        return Condition(lambda entry: entry.project_id in ids, project_ids=frozenset(ids), exact=True)

    def _date(self, name: str, op: str, values: list[str]) -> Condition:
        if op not in _COMPARE:
            raise refuse(f"The operator '{op}' is not supported by the '{name}' field.")
        moment = self._moment(name, values[0]) // RESOLUTION_MS * RESOLUTION_MS
        compare = _COMPARE[op]
        condition = Condition(lambda entry: compare(getattr(entry, name), moment))
        if name == "updated" and op in (">", ">=", "<", "<=", "="):
            condition.exact = True
            if op in (">", ">=", "="):
                condition.low = moment + (RESOLUTION_MS if op == ">" else 0)
            if op in ("<", "<=", "="):
                condition.high = moment + (0 if op == "<" else RESOLUTION_MS)
        return condition

    def _moment(self, name: str, value: str) -> int:
        text = value.strip()
        if re.fullmatch(r"\d{6,}", text):
            return int(text)
        if text.lower() == "now()":
            return _milliseconds(self.now)
        if text.lower().startswith(("startofday(", "endofday(")):
            local = self.now.astimezone(self.account.zone).replace(hour=0, minute=0, second=0, microsecond=0)
            end = text.lower().startswith("end")
            return _milliseconds(local + timedelta(days=1, milliseconds=-1) if end else local)
        if re.fullmatch(r"[+-]?(\d+[wdhm]?)(\s+\d+[wdhm])*", text):
            seconds = sum(int(n) * _UNITS[unit] for n, unit in re.findall(r"(\d+)([wdhm]?)", text))
            return _milliseconds(self.now) + (-1000 if text.startswith("-") else 1000) * seconds
        for pattern in _DATES:
            try:
                found = datetime.strptime(text, pattern)
            except ValueError:
                continue
            return _milliseconds(found.replace(tzinfo=self.account.zone))
        raise refuse(
            f"Date value '{value}' for field '{name}' is invalid. Valid formats include: 'yyyy/MM/dd HH:mm', "
            "'yyyy-MM-dd HH:mm', 'yyyy/MM/dd', 'yyyy-MM-dd', or a period format e.g. '-5d', '4w 2d'."
        )

    def _issue(self, name: str, op: str, values: list[str]) -> Condition:
        if self.lenient and op == "in":
            values = [value for value in values if self.site.find_issue(value, self.account) is not None]
        known = [self._known_issue(name, value) for value in values]
        ids = {entry.id for entry in known}
        if op in ("=", "in"):
            return Condition(lambda entry: entry.id in ids)
        if op in ("!=", "not in"):
            return Condition(lambda entry: entry.id not in ids)
        compare, mark = _COMPARE[op], known[0]
        # the order of keys is the order of numbers within one project
        return Condition(lambda entry: entry.project_id == mark.project_id and compare(entry.number, mark.number))

    def _known_issue(self, name: str, value: str) -> Entry:
        found = self.site.find_issue(value, self.account)
        if found is not None:
            return found
        if value.isdigit():
            raise refuse(f"A value with ID '{value}' does not exist for the field '{name}'.")
        if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*-\d+", value):
            raise refuse(f"The issue key '{value}' for field '{name}' is invalid.")
        raise refuse(f"An issue with key '{value}' does not exist for field '{name}'.")

    # ---- tokens
    def _peek(self) -> tuple[str, str] | None:
        return self.tokens[self.at] if self.at < len(self.tokens) else None

    def _next_is(self, word: str) -> bool:
        token = self._peek()
        return token is not None and token[0] != "quoted" and token[1].lower() == word

    def _accept(self, word: str) -> bool:
        found = self._next_is(word)
        self.at += found
        return found

    def _expect(self, word: str) -> None:
        if not self._accept(word):
            token = self._peek()
            got = "before the end of the query" if token is None else f"but got '{token[1]}'"
            raise refuse(f"Error in the JQL Query: Expecting '{word.upper()}' {got}.")

    def _value(self) -> str:
        token = self._peek()
        if token is None:
            raise refuse("Error in the JQL Query: Expecting a field name or a value before the end of the query.")
        if token[0] == "op":
            raise refuse(f"Error in the JQL Query: The character '{token[1]}' is a reserved JQL character.")
        self.at += 1
        return token[1]

    def _operand(self) -> str:
        value = self._value()
        if self._accept("("):  # a function
            inside = "" if self._next_is(")") else self._value()
            self._expect(")")
            return f"{value}({inside})"
        return "" if value.lower() == "empty" else value

    def _list(self) -> list[str]:
        self._expect("(")
        values = [self._operand()]
        while self._accept(","):
            values.append(self._operand())
        self._expect(")")
        return values


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    at, text = 0, text.strip()
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None:
            raise refuse(f"Error in the JQL Query: The character '{text[at]}' at position {at + 1} is not expected.")
        kind = str(found.lastgroup)
        value = found.group(kind)
        yield kind, re.sub(r"\\(.)", r"\1", value[1:-1]) if kind == "quoted" else value
        at = found.end()


def _all_of(found: list[Condition]) -> Condition:
    lows = [each.low for each in found if each.low is not None]
    highs = [each.high for each in found if each.high is not None]
    projects = [each.project_ids for each in found if each.project_ids is not None]
    rest = [each for each in found if not each.exact]
    return Condition(
        lambda entry: all(each.holds(entry) for each in found),
        project_ids=frozenset.intersection(*projects) if projects else None,
        low=max(lows) if lows else None,
        high=min(highs) if highs else None,
        exact=not rest,
    )


def _facet(name: str, op: str, values: list[str]) -> Condition:
    wanted = {value.lower() for value in values if value}
    empty = "" in values
    if op in ("=", "in"):
        return Condition(
            lambda entry: (empty and not entry.facets.get(name)) or not wanted.isdisjoint(entry.facets.get(name, ()))
        )
    if op in ("!=", "not in"):
        # an empty field is not "different": real JQL leaves such issues out
        return Condition(lambda entry: bool(entry.facets.get(name)) and wanted.isdisjoint(entry.facets[name]))
    raise refuse(f"The operator '{op}' is not supported by the '{name}' field.")


def _milliseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
