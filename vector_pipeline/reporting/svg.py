"""Plots as SVG inside a page: curves over time, stacked bars by day, and a grid of marks.

Pure text, without scripts; colours are classes that the page's style sets, for light and dark. Each plot names itself
and says in words what it shows, for those who hear rather than see it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from vector_pipeline.reporting.escape import safe
from vector_pipeline.reporting.scale import nice_ticks, number_words, time_ticks

WIDTH, HEIGHT = 720, 220
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 12, 10, 26
_CELL, _GAP, _LABEL = 16, 3, 190
_MOST_LABEL = 30


@dataclass(frozen=True, slots=True)
class Curve:
    """Values over time, oldest first; `colour` is a class of the page ("a", "b", …)."""

    name: str
    points: Sequence[tuple[datetime, float]]
    colour: str


@dataclass(frozen=True, slots=True)
class Bars:
    """Values by day, one for each day of the plot."""

    name: str
    values: Sequence[float]
    colour: str


def curves(title: str, description: str, lines: Sequence[Curve], begin: datetime, end: datetime) -> str:
    """Curves of whole numbers from `begin` to `end`, over a common scale from 0 on; a single value is a dot."""
    ticks = nice_ticks(max((value for line in lines for _, value in line.points), default=0.0), whole=True)
    seconds = max((end - begin).total_seconds(), 1.0)

    def x(moment: datetime) -> float:
        share = min(max((moment - begin).total_seconds() / seconds, 0.0), 1.0)
        return _LEFT + share * (WIDTH - _LEFT - _RIGHT)

    drawn = [_value_axis(ticks)]
    drawn += [_x_label(x(moment), words) for moment, words in time_ticks(begin, end)]
    for line in lines:
        places = [(x(moment), _y(value, ticks[-1])) for moment, value in line.points]
        path = " ".join(f"{across:.1f},{down:.1f}" for across, down in places)
        if len(places) > 1:
            drawn.append(f'<polyline class="line {line.colour}" points="{path}"/>')
        drawn += [f'<circle class="dot {line.colour}" cx="{a:.1f}" cy="{d:.1f}" r="2.5"/>' for a, d in places[-1:]]
    return _figure(title, description, "".join(drawn), [(line.name, line.colour) for line in lines])


def stacked(title: str, description: str, days: Sequence[date], parts: Sequence[Bars], *, whole: bool = False) -> str:
    """A bar for each day, its parts on top of each other; `whole` where there are no parts of a thing."""
    totals = [sum(part.values[number] for part in parts) for number in range(len(days))]
    ticks = nice_ticks(max(totals, default=0.0), whole=whole)
    width = (WIDTH - _LEFT - _RIGHT) / max(len(days), 1)
    drawn = [_value_axis(ticks)]
    every = max(1, -(-len(days) // 8))
    for number, day in enumerate(days):
        left, height = _LEFT + number * width, 0.0
        for part in parts:
            value = part.values[number]
            if value > 0:
                top, bottom = _y(height + value, ticks[-1]), _y(height, ticks[-1])
                told = f"{day.isoformat()}: {number_words(value)} {part.name}"
                drawn.append(
                    f'<rect class="bar {part.colour}" x="{left + width * 0.1:.1f}" y="{top:.1f}" '
                    f'width="{min(width * 0.8, 40):.1f}" height="{bottom - top:.1f}"><title>{safe(told)}</title></rect>'
                )
                height += value
        if number % every == 0:
            drawn.append(_x_label(left + min(width / 2, 24), day.strftime("%d %b")))
    return _figure(title, description, "".join(drawn), [(part.name, part.colour) for part in parts])


def grid(
    title: str,
    description: str,
    rows: Sequence[str],
    days: Sequence[date],
    marks: Sequence[Sequence[tuple[str, str] | None]],
    legend: Sequence[tuple[str, str]],
) -> str:
    """A row for each name and a column for each day; `marks` are (class, what it means), None for an empty place."""
    step = _CELL + _GAP
    width, height = _LABEL + len(days) * step, len(rows) * step + _BOTTOM
    drawn = []
    for down, (name, cells) in enumerate(zip(rows, marks, strict=True)):
        short = name if len(name) <= _MOST_LABEL else f"{name[: _MOST_LABEL - 1]}…"
        drawn.append(
            f'<text class="label end" x="{_LABEL - 8}" y="{down * step + _CELL - 4}">'
            f"{safe(short)}<title>{safe(name)}</title></text>"
        )
        for across, mark in enumerate(cells):
            colour, told = mark or ("none", "no answer")
            words = f"{name}, {days[across].isoformat()}: {told}"
            drawn.append(
                f'<rect class="cell {colour}" x="{_LABEL + across * step}" y="{down * step}" width="{_CELL}" '
                f'height="{_CELL}" rx="3"><title>{safe(words)}</title></rect>'
            )
    every = max(3, -(-len(days) // 8))
    for across, day in enumerate(days):
        if across % every == 0:
            drawn.append(
                f'<text class="label middle" x="{_LABEL + across * step + _CELL / 2}" y="{height - 8}">'
                f"{safe(day.strftime('%d %b'))}</text>"
            )
    return _figure(title, description, "".join(drawn), legend, max(width, WIDTH // 2), height)


def _value_axis(ticks: Sequence[float]) -> str:
    lines = []
    for tick in ticks:
        down = _y(tick, ticks[-1])
        lines.append(f'<line class="rule" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{down:.1f}" y2="{down:.1f}"/>')
        lines.append(f'<text class="label end" x="{_LEFT - 6}" y="{down + 4:.1f}">{number_words(tick)}</text>')
    return "".join(lines)


def _x_label(across: float, words: str) -> str:
    return f'<text class="label middle" x="{across:.1f}" y="{HEIGHT - 8}">{safe(words)}</text>'


def _y(value: float, top: float) -> float:
    return HEIGHT - _BOTTOM - value / top * (HEIGHT - _TOP - _BOTTOM)


def _figure(
    title: str,
    description: str,
    drawn: str,
    legend: Sequence[tuple[str, str]],
    width: float = WIDTH,
    height: float = HEIGHT,
) -> str:
    """The plot with its name, its description and its legend."""
    named = "".join(f'<li><span class="key {colour}"></span>{safe(name)}</li>' for name, colour in legend)
    return (
        f'<figure><svg role="img" viewBox="0 0 {width:.0f} {height:.0f}" style="max-width:{width:.0f}px">'
        f"<title>{safe(title)}</title><desc>{safe(description)}</desc>{drawn}</svg>"
        f'<figcaption>{safe(title)}<ul class="legend">{named}</ul></figcaption></figure>'
    )
