"""Column types that hold everything Python gives, in SQLite and PostgreSQL alike.

PostgreSQL's text takes neither NUL nor lone surrogates, file names and documents may hold both: strings are escaped
where needed, bodies are bytes. Times are whole microseconds since 1970 in UTC.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.types import TypeDecorator

from vector_pipeline.state.errors import StateCorrupt

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_UNSAFE = re.compile("[\x00\x1a\ud800-\udfff]")
_ESCAPED = re.compile("\x1a([0-9a-f]{4})")


def escaped(value: str) -> str:
    """`value` with NUL, SUB and lone surrogates as SUB and four hex digits; ordinary text is unchanged."""
    if _UNSAFE.search(value) is None:
        return value
    return _UNSAFE.sub(lambda match: f"\x1a{ord(match[0]):04x}", value)


def unescaped(value: str) -> str:
    """The inverse of `escaped`."""
    if "\x1a" not in value:
        return value
    return _ESCAPED.sub(lambda match: chr(int(match[1], 16)), value)


def to_bytes(text: str) -> bytes:
    """A text body as bytes, lone surrogates included."""
    return text.encode("utf-8", "surrogatepass")


def to_text(body: bytes) -> str:
    """The inverse of `to_bytes`. Raises StateCorrupt for bytes that never came from there."""
    try:
        return body.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError as error:
        raise StateCorrupt(
            "the state store holds a damaged text", hint="`vector-pipeline check --full` names the document"
        ) from error


def to_microseconds(moment: datetime) -> int:
    """Microseconds since 1970. Raises ValueError for a time without time zone."""
    if moment.tzinfo is None:
        raise ValueError("a time without time zone can't be stored")
    return (moment - _EPOCH) // _MICROSECOND


def to_moment(microseconds: int) -> datetime:
    """The inverse of `to_microseconds`, in UTC."""
    return _EPOCH + timedelta(microseconds=microseconds)


class Blob(sa.LargeBinary):
    """Bytes handed to and from the driver as they are, without a copy per value."""

    def bind_processor(self, dialect: sa.Dialect) -> None:
        return None

    def result_processor(self, dialect: sa.Dialect, coltype: object) -> None:
        return None


class SafeText(TypeDecorator[str]):
    """Text that survives NUL and lone surrogates."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: sa.Dialect) -> str | None:
        return None if value is None else escaped(value)

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> str | None:
        return None if value is None else unescaped(value)


class Json(TypeDecorator[Any]):
    """JSON in ASCII, which escapes all that a text column refuses."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: sa.Dialect) -> str:
        return json.dumps(value, separators=(",", ":"), allow_nan=False)

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> Any:
        return None if value is None else json.loads(value)


class Utc(TypeDecorator[datetime]):
    """A moment: timezone-aware in, UTC out."""

    impl = sa.BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> int | None:
        return None if value is None else to_microseconds(value)

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> datetime | None:
        return None if value is None else to_moment(value)
