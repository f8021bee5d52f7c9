"""Pages of the Confluence test service: cursors that hold a place by value, and offsets with their links.

A cursor names the last row by what rows are ordered by, so rows that come or go in between shift nothing; an offset
counts, so they do: as with the real service.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from urllib.parse import urlencode

from vector_pipeline_tests.simulators.atlassian_conditions import Faults

Row = TypeVar("Row")
Key = list[str | int]


class BadCursor(ValueError):
    """A cursor that this service never gave."""


@dataclass(frozen=True)
class Slice(Generic[Row]):
    """The rows of one page and the cursor of the next, None after the last."""

    rows: Sequence[Row]
    cursor: str | None
    position: int
    """How many rows come before."""


def slice_after(
    rows: Sequence[Row],
    key_of: Callable[[Row], Key],
    descending: Sequence[bool],
    cursor: str,
    limit: int,
    faults: Faults,
    *,
    eager: bool = False,
) -> Slice[Row]:
    """The page behind a cursor ("" is the first). `eager` gives a full page a next cursor though nothing follows."""
    key, hint = _decode(cursor) if cursor else ([], 0)
    if key and len(key) != len(descending):
        raise BadCursor(cursor)
    start = _place(rows, key_of, descending, key, hint) if key else 0
    if faults.take("empty_page"):
        return Slice([], cursor or _encode([], 0), start)
    page = rows[start : start + limit]
    end = start + len(page)
    more = end < len(rows) or (eager and len(page) == limit)
    following = _encode(key_of(page[-1]), end) if page and more else None
    if following is not None and cursor and faults.take("repeated_token"):
        following = cursor
    return Slice(page, following, start)


def _place(rows: Sequence[Row], key_of: Callable[[Row], Key], descending: Sequence[bool], key: Key, hint: int) -> int:
    if 0 < hint <= len(rows) and key_of(rows[hint - 1]) == key:
        return hint
    for place, row in enumerate(rows):
        if _comes_after(key_of(row), key, descending):
            return place
    return len(rows)


def _comes_after(one: Key, other: Key, descending: Sequence[bool]) -> bool:
    for mine, its, down in zip(one, other, descending, strict=True):
        if mine != its:
            smaller = str(mine) < str(its) if isinstance(mine, str) or isinstance(its, str) else mine < its
            return smaller if down else not smaller
    return False


def _encode(key: Key, position: int) -> str:
    return base64.urlsafe_b64encode(json.dumps({"after": key, "position": position}).encode()).decode()


def _decode(cursor: str) -> tuple[Key, int]:
    try:
        found = json.loads(base64.urlsafe_b64decode(cursor.encode()))
        key, hint = found["after"], found["position"]
    except (binascii.Error, ValueError, TypeError, KeyError) as error:
        raise BadCursor(cursor) from error
    if not isinstance(key, list) or not isinstance(hint, int):
        raise BadCursor(cursor)
    return key, hint


def query_text(parameters: dict[str, list[str]], changed: dict[str, Any]) -> str:
    """The query of a link: the parameters that came, with some set anew (None takes one away)."""
    kept = {name: values for name, values in parameters.items() if name not in changed}
    added = {name: [str(value)] for name, value in changed.items() if value is not None}
    return urlencode({**added, **kept}, doseq=True)
