"""Reading the service's JSON without trusting it: what is missing or of another type gives an empty value.

Pure. Whoever needs a value to be there checks that itself and says what is missing.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

Json = Mapping[str, Any]

_FIRST_YEAR = 1970


def value_at(value: Any, *path: str) -> Any:
    """What lies at the end of a path of keys, None where the path ends early."""
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def text_at(value: Any, *path: str) -> str:
    """A text or a whole number as text; "" for anything else."""
    found = value_at(value, *path)
    if isinstance(found, str):
        return found
    return str(found) if isinstance(found, int) and not isinstance(found, bool) else ""


def number_at(value: Any, *path: str) -> int:
    """A whole number that is not negative; 0 for anything else."""
    text = text_at(value, *path)
    return int(text) if text.isdecimal() and text.isascii() and len(text) < 19 else 0


def rows_at(value: Any, *path: str) -> list[Json]:
    """The records of a list; what is none is left out."""
    found = value_at(value, *path)
    return [row for row in found if isinstance(row, Mapping)] if isinstance(found, list) else []


def moment_at(value: Any, *path: str) -> datetime | None:
    """A time in UTC; None where there is none, or one before 1970. The service writes times with an offset or a Z."""
    try:
        found = datetime.fromisoformat(text_at(value, *path))
        return found.astimezone(UTC) if found.tzinfo and found.year >= _FIRST_YEAR else None
    except (ValueError, OverflowError):
        return None
