"""What `pipeline.yaml` may say about backups: when they are made, where, and how long they stay.

Models and pure validation only. A schedule is checked here, so that a wrong one is told where it was written.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated

from pydantic import AfterValidator, Field

from vector_pipeline.settings_values import Duration, OptionalPath, Section

_MONTHS = {name: number for number, name in enumerate("jan feb mar apr may jun jul aug sep oct nov dec".split(), 1)}
_DAYS = {name: number for number, name in enumerate("sun mon tue wed thu fri sat".split())}

_FIELDS: tuple[tuple[str, int, int, Mapping[str, int]], ...] = (
    ("minute", 0, 59, {}),
    ("hour", 0, 23, {}),
    ("day of the month", 1, 31, {}),
    ("month", 1, 12, _MONTHS),
    ("day of the week", 0, 6, _DAYS),
)
"""The fields of a schedule: name, lowest and highest number, names that stand for numbers."""

_DAYS_OF_MONTH = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def parse_cron(value: str) -> str:
    """A schedule of five fields with single spaces between them. Raises ValueError where it is none.

    Each field is `*`, numbers or names, ranges `a-b` and steps `*/n` or `a-b/n`, several joined by commas.
    """
    parts = value.lower().split()
    if len(parts) != len(_FIELDS):
        raise ValueError('has five fields (minute, hour, day, month, day of the week), such as "30 3 * * *"')
    chosen = [_numbers(part, *field) for part, field in zip(parts, _FIELDS, strict=True)]
    if parts[4] == "*" and min(chosen[2]) > max(_DAYS_OF_MONTH[month - 1] for month in chosen[3]):
        raise ValueError("names a day that none of its months has")
    return " ".join(parts)


def _numbers(text: str, field: str, low: int, high: int, names: Mapping[str, int]) -> set[int]:
    """The numbers a field stands for."""
    chosen: set[int] = set()
    for item in text.split(","):
        whole, slash, step_text = item.partition("/")
        start_text, dash, end_text = whole.partition("-")
        start, end = low, high
        if whole != "*":
            start, end = _number(start_text, names), _number(end_text or start_text, names)
        step = _number(step_text, {}) if slash else 1
        wrong_step = slash and not (1 <= step <= high and (dash or whole == "*"))
        if not low <= start <= end <= high or wrong_step or (dash and not end_text):
            raise ValueError(f"{field}: {item[:20]!r} is not among {low} to {high}")
        chosen.update(range(start, end + 1, step))
    return chosen


def _number(text: str, names: Mapping[str, int]) -> int:
    """The number or name as a number, -1 where it is neither."""
    return int(text) if re.fullmatch(r"[0-9]{1,2}", text) else names.get(text, -1)


class BackupSettings(Section):
    """Backups of the state store and the collections: when they are made, where they are, how long they stay."""

    enabled: bool = Field(
        False, description="Make backups on the schedule while Dagster runs; `vector-pipeline backup` works either way."
    )
    schedule: Annotated[str, AfterValidator(parse_cron)] = Field(
        "30 3 * * *", description="When, in cron's five fields (minute, hour, day, month, day of the week) and UTC."
    )
    folder: OptionalPath = Field(None, description="Folder of the backups; empty puts them below data_dir.")
    keep: int = Field(7, ge=1, le=10_000, description="So many of the newest backups stay, however old they are.")
    keep_for: Duration = Field(
        timedelta(days=30), description="A backup younger than this stays, however many there are."
    )
