"""The book of open troubles as JSON, for the cursor of a sensor.

What is not of our own making, or of another version, is read as nothing: open troubles are then told once more.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from vector_pipeline.alerts.planning import Book, Case, Health
from vector_pipeline.alerts.trouble import from_json, to_json


def write_book(book: Book) -> dict[str, Any]:
    """The book as plain values."""
    return {
        "cases": [
            {
                "trouble": to_json(case.trouble),
                "since": case.since.isoformat(),
                "away": case.away,
                "told": {name: at.isoformat() for name, at in case.told.items()},
                "tries": dict(case.tries),
            }
            for case in book.cases.values()
        ],
        "health": {name: [health.failures, health.retry_at.isoformat()] for name, health in book.health.items()},
    }


def read_book(found: Any) -> Book:
    """The book that `write_book` wrote, or an empty one."""
    try:
        cases = [_case(one) for one in found["cases"]]
        health = {
            str(name): Health(int(failures), _time(retry_at)) for name, (failures, retry_at) in found["health"].items()
        }
    except (KeyError, TypeError, ValueError, AttributeError):
        return Book()
    return Book({case.trouble.key: case for case in cases}, health)


def _case(found: Mapping[str, Any]) -> Case:
    return Case(
        from_json(found["trouble"]),
        _time(found["since"]),
        int(found["away"]),
        {str(name): _time(at) for name, at in found["told"].items()},
        {str(name): int(count) for name, count in found["tries"].items()},
    )


def _time(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a time without its zone")
    return moment
