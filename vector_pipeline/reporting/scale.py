"""Axes: round numbers for values, whole days or hours for times, and how both are written."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

_STEPS = (1, 2, 5, 10)
_SMALLEST = 1e-12
_TIME_STEPS = tuple(timedelta(hours=hours) for hours in (1, 3, 6, 12, 24, 48, 7 * 24, 14 * 24, 30 * 24, 90 * 24))
_MOST_TIMES = 8


def nice_ticks(top: float, number: int = 4, *, whole: bool = False) -> list[float]:
    """Round values from 0 to at least `top`, about so many above 0; with `whole` only whole numbers."""
    if not math.isfinite(top) or top <= _SMALLEST:
        return [0.0, 1.0]
    rough = max(top / number, 1.0) if whole else top / number
    size = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * size for factor in _STEPS if factor * size >= rough * (1 - 1e-9))
    return [step * count for count in range(max(1, math.ceil(top / step - 1e-9)) + 1)]


def time_ticks(begin: datetime, end: datetime) -> list[tuple[datetime, str]]:
    """Whole hours or days (UTC) between two moments, at most eight, each as it is written."""
    span = end - begin
    step = next((one for one in _TIME_STEPS if span / one < _MOST_TIMES), span / (_MOST_TIMES - 1))
    midnight = datetime(begin.year, begin.month, begin.day, tzinfo=UTC)
    first = midnight + step * math.ceil((begin - midnight) / step) if step else begin
    form = "%H:%M" if step < timedelta(days=1) else "%d %b" if span < timedelta(days=300) else "%b %Y"
    ticks = [first + step * number for number in range(_MOST_TIMES + 1)]
    return [(moment, moment.strftime(form)) for moment in ticks if begin <= moment <= end]


def number_words(value: float) -> str:
    """A number in a few characters: "0.25", "12", "1.5k", "3M"."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.3g}{letter}"
    return f"{value:.3g}"
