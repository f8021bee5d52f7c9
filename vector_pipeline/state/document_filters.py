"""Filters on documents, as a person writes them: `field=value`, `field~part`, `field>2026-01-01`.

Pure: read from text, and applied to the facts of one document. Text is compared without regard to case, in any script.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from typing import Any

from vector_pipeline.errors import PipelineError

TEXTS = ("source", "path", "uri", "title", "kind", "language", "author", "tag")
TIMES = ("updated", "ingested")
FLAGS = ("quarantined", "kept-out")
_SAME = {"label": "tag", "labels": "tag", "tags": "tag", "address": "uri", "kept_out": "kept-out"}
"""Other names for fields."""

_FILTER = re.compile(r"\s*([\w-]+)\s*(>=|<=|!=|=|~|>|<)(.*)", re.DOTALL)
_AGO = re.compile(r"(\d{1,6})\s*(min|h|d|w)")
_UNITS = {"min": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}
_ORDER: Mapping[str, Callable[[datetime, datetime], bool]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}
_YES, _NO = ("yes", "true", "1"), ("no", "false", "0")


class FilterNotUnderstood(PipelineError):
    """A filter names a field that there is not, or compares it in a way that it can't be."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What filters see of a document. `tag` holds tags and labels; times are None where they are not known."""

    source: str = ""
    path: str = ""
    uri: str = ""
    title: str = ""
    kind: str = ""
    language: str = ""
    author: str = ""
    tag: tuple[str, ...] = ()
    updated: datetime | None = None
    ingested: datetime | None = None
    quarantined: bool = False


@dataclass(frozen=True, slots=True)
class Filter:
    """One condition. `value` is text in its folded case, a moment, or a flag, as the field wants it."""

    field: str
    operation: str
    value: str | datetime | bool

    def takes(self, facts: Facts) -> bool:
        """Whether a document meets it. A time that is not known meets none."""
        if self.field == "kept-out":
            return True  # decides which documents are looked at, not which of them are taken
        found = getattr(facts, self.field)
        if isinstance(self.value, bool):
            return bool(found) == (self.value == (self.operation == "="))
        if isinstance(self.value, datetime):
            return found is not None and self._takes_time(found, self.value)
        texts = [one.casefold() for one in (found if isinstance(found, tuple) else (found,))]
        if self.operation == "~":
            return any(self.value in one for one in texts)
        return (self.value in texts) == (self.operation == "=")

    def _takes_time(self, found: datetime, wanted: datetime) -> bool:
        if self.operation in ("=", "!="):
            return (wanted <= found < wanted + timedelta(days=1)) == (self.operation == "=")
        return _ORDER[self.operation](found, wanted)


def read_filter(text: str, now: datetime) -> Filter:
    """The filter that a person wrote; "7d" and the like are times before `now`. Raises FilterNotUnderstood."""
    match = _FILTER.fullmatch(text)
    if match is None:
        raise FilterNotUnderstood(f"filter {text!r} is not understood", hint=f"write {_EXAMPLES}")
    name, operation, value = match[1].lower(), match[2], match[3].strip()
    name = _SAME.get(name, name)
    if name in TIMES:
        if operation == "~":
            raise FilterNotUnderstood(f"filter {text!r}: {name} is a time", hint=f"compare it, as in {name}>2026-01-01")
        return Filter(name, operation, _moment(value, now, text))
    if name in FLAGS:
        if operation not in ("=", "!=") or value.lower() not in (*_YES, *_NO):
            raise FilterNotUnderstood(f"filter {text!r}: {name} is yes or no", hint=f"write {name}=yes")
        return Filter(name, operation, value.lower() in _YES)
    if name not in TEXTS:
        known = ", ".join((*TEXTS, *TIMES, *FLAGS))
        raise FilterNotUnderstood(f"filter {text!r}: there is no field {name!r}", hint=f"fields are {known}")
    if operation not in ("=", "!=", "~"):
        raise FilterNotUnderstood(
            f"filter {text!r}: {name} is a text", hint=f"write {name}=… for all of it, {name}~… for a part"
        )
    return Filter(name, operation, value.casefold())


def wants_kept_out(filters: Iterable[Filter]) -> bool:
    """Whether documents are asked for that are kept out, which are not held."""
    return any(one.field == "kept-out" and one.value == (one.operation == "=") for one in filters)


def facts_of(metadata: Mapping[str, Any], native_id: bytes, **known: Any) -> Facts:
    """The facts of a document from its metadata and what is known besides."""
    path = metadata.get("path") or native_id.decode("utf-8", "backslashreplace")
    tags = [tag for key in ("tags", "labels") for tag in _texts(metadata.get(key))]
    return Facts(path=str(path), author=", ".join(_texts(metadata.get("author"))), tag=tuple(tags), **known)


def _texts(value: Any) -> list[str]:
    found = value if isinstance(value, list) else [value]
    return [str(one) for one in found if one not in (None, "")]


def _moment(value: str, now: datetime, text: str) -> datetime:
    if match := _AGO.fullmatch(value):
        return now - int(match[1]) * _UNITS[match[2]]
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise FilterNotUnderstood(
            f"filter {text!r}: {value!r} is no time", hint="write a date, 2026-01-01, or a time span until now, 7d"
        ) from None
    return moment.replace(tzinfo=moment.tzinfo or UTC)


_EXAMPLES = "kind=markdown, title~runbook or updated>2026-01-01"
assert {one.name for one in fields(Facts)} == {*TEXTS, *TIMES, "quarantined"}
