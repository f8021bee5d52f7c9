"""The report as one HTML page: no scripts, nothing loaded from anywhere, light and dark by the reader's settings.

Every plot has its numbers in a table below it. Whatever comes from outside goes through `safe`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta

from vector_pipeline.monitoring.performance import UNITS
from vector_pipeline.reporting.escape import safe
from vector_pipeline.reporting.figures import CheckDay
from vector_pipeline.reporting.page_style import STYLE
from vector_pipeline.reporting.report import Report
from vector_pipeline.reporting.scale import number_words
from vector_pipeline.reporting.svg import Bars, Curve, curves, grid, stacked
from vector_pipeline.sync.stages import STAGES
from vector_pipeline.sync.summary import duration_words, money

MOST_DAYS = 92
"""Days that plots by day show: the last ones."""

MOST_ROWS = 40
"""Sources in the grid of checks, those with failures first."""

_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def page(report: Report) -> str:
    """The whole page."""
    sections = [
        _head(report),
        _growth(report),
        _freshness(report),
        _throughput(report),
        _failures(report),
        _checks(report),
        _costs(report),
        _runs(report),
    ]
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{safe(_POLICY)}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f"<title>vector-pipeline: report</title><style>{STYLE}</style></head><body><main>"
        + "\n".join(sections)
        + f"<footer>made {_moment(report.made_at)}; all times are UTC</footer></main></body></html>\n"
    )


def _head(report: Report) -> str:
    failed = sum(day.failed for day in report.ended)
    partial = sum(day.partial for day in report.ended)
    held = report.growth[-1] if report.growth else None
    late = sum(one.is_late for one in report.freshness)
    facts = [
        ("sources", f"{len(report.freshness):,}"),
        ("documents", f"{held.documents:,}" if held else "0"),
        ("points", f"{held.points:,}" if held else "0"),
        ("runs", f"{report.runs:,}" + (" (the newest only)" if report.is_cut else "")),
        ("failed", f"{failed:,}"),
        ("not complete", f"{partial:,}"),
        ("behind their limit", f"{late:,}"),
        ("in quarantine", f"{sum(one.documents for one in report.quarantined):,}"),
    ]
    told = "".join(f"<div><dt>{safe(name)}</dt><dd>{safe(value)}</dd></div>" for name, value in facts)
    return (
        f'<h1>Report</h1><p>From {_moment(report.since)} to {_moment(report.until)}.</p><dl class="facts">{told}</dl>'
    )


def _growth(report: Report) -> str:
    if not report.growth:
        return _section("Growth", _nothing("No run has recorded how much there is."))
    first, last = report.growth[0], report.growth[-1]
    names = (("documents", "a"), ("chunks", "b"), ("points", "c"))
    lines = [
        Curve(name, [(one.at, float(getattr(one, name))) for one in report.growth], colour) for name, colour in names
    ]
    told = ", ".join(f"{name} from {getattr(first, name):,} to {getattr(last, name):,}" for name, _ in names)
    plot = curves("Documents, chunks and points over time", told, lines, report.since, report.until)
    rows = [(name, f"{getattr(first, name):,}", f"{getattr(last, name):,}") for name, _ in names]
    return _section("Growth", plot + _table(("what", "at first", "at last"), rows))


def _freshness(report: Report) -> str:
    rows = [
        (
            one.source,
            _moment(one.in_step_at),
            _span(one.age),
            _span(one.limit),
            ("late", "bad") if one.is_late else ("in time", "good") if one.age is not None else ("never synced", "bad"),
            _moment(one.last_success_at),
            duration_words(one.lag.median) if one.lag else "·",
            duration_words(one.lag.longest) if one.lag else "·",
        )
        for one in report.freshness
    ]
    titles = ("source", "last in step", "ago", "limit", "state", "last good run", "lag, median", "lag, longest")
    note = "<p>The lag of a change is the time from the look that saw it first until it could be found.</p>"
    return _section("Freshness", _table(titles, rows, numbers=(2, 3, 6, 7)) + note)


def _throughput(report: Report) -> str:
    found = {day.day: day.rates for day in report.performance.days}
    days = _days(report, found)
    if not days:
        return _section("Throughput", _nothing("There were no runs."))
    plots = []
    for stage, colour in zip(STAGES, "abcd", strict=True):
        values = [found[day][stage].per_second if day in found else 0.0 for day in days]
        words = f"{UNITS[stage]} per second, at most {number_words(max(values))}"
        title = f"{stage}: {UNITS[stage]} per second"
        plots.append(stacked(title, words, days, [Bars(UNITS[stage], values, colour)]))
    rows = [
        (
            stage,
            f"{rate.done:,} {UNITS[stage]}",
            duration_words(report.performance.seconds[stage]),
            _rate(rate.per_second),
        )
        for stage, rate in report.performance.rates.items()
    ]
    table = _table(("stage", "done", "time", "per second"), rows, numbers=(1, 2, 3))
    by_day = [
        (day.isoformat(), *(_rate(found[day][stage].per_second) for stage in STAGES)) for day in days if day in found
    ]
    units = tuple(f"{UNITS[stage]}/s" for stage in STAGES)
    return _section(
        "Throughput", f'<div class="plots">{"".join(plots)}</div>{table}' + _details(_table(("day", *units), by_day))
    )


def _failures(report: Report) -> str:
    found = {day.day: day for day in report.ended}
    days = _days(report, found)
    if not days:
        return _section("Failures", _nothing("There were no runs."))
    names = (("success", "good"), ("partial", "warn"), ("failed", "bad"))
    values = {name: [float(getattr(found[day], name)) if day in found else 0.0 for day in days] for name, _ in names}
    told = ", ".join(f"{sum(values[name]):,.0f} {name}" for name, _ in names)
    parts = [Bars(name, values[name], colour) for name, colour in names]
    plot = stacked("Runs by how they ended", told, days, parts, whole=True)
    rows = [(day.isoformat(), one.success, one.partial, one.failed) for day, one in found.items()]
    table = _table(("day", "success", "partial", "failed"), rows)
    faults = [(one.source, one.error, one.hint, f"{one.runs:,}", _moment(one.last_at)) for one in report.faults]
    held = [(one.source, one.stage, one.reason, f"{one.documents:,}") for one in report.quarantined]
    why = _titled(
        "Why runs failed", ("source", "error", "what to do", "runs", "last"), faults, "No run failed.", (3, 4)
    )
    left = _titled(
        "In quarantine now", ("source", "stage", "reason", "documents"), held, "Nothing is in quarantine.", (3,)
    )
    return _section("Failures", plot + _details(table) + why + left + _quarantine_curve(report))


def _quarantine_curve(report: Report) -> str:
    found = dict(report.in_quarantine)
    if not any(found.values()):
        return ""
    days, held, values = _days(report, found), 0, []
    for day in days:
        # On a day without a run it is what it was before.
        held = found.get(day, held)
        values.append(float(held))
    title = "Documents in quarantine at the end of the day"
    return stacked(title, f"at most {max(values):,.0f}", days, [Bars("documents", values, "warn")], whole=True)


def _checks(report: Report) -> str:
    if not report.check_days:
        return _section("Checks", _nothing("No check has answered in this time, or Dagster has no records of it."))
    days = _days(report, {one.day: one for one in report.check_days})
    bad = {one.source for one in report.check_days if one.failed or one.warned}
    sources = sorted({one.source for one in report.check_days}, key=lambda name: (name not in bad, name))
    shown = sources[:MOST_ROWS]
    by_place = {(one.source, one.day): one for one in report.check_days}
    marks = [[_mark(by_place.get((source, day))) for day in days] for source in shown]
    legend = (("all passed", "good"), ("a warning", "warn"), ("a failure", "bad"), ("no answer", "none"))
    told = f"{len(sources):,} sources, {len(bad):,} of them with a check that did not pass"
    plot = grid("Answers of checks by source and day", told, shown, days, marks, legend)
    more = f"<p>The other {len(sources) - len(shown):,} sources are left out.</p>" if len(sources) > len(shown) else ""
    rows = [
        (
            one.source or "all sources",
            one.check,
            f"{one.answers:,}",
            f"{one.offenders:,}",
            _moment(one.last_at),
            ("passes", "good") if one.passes_now else ("does not pass", "bad"),
        )
        for one in report.check_faults
    ]
    titles = ("source", "check", "answers", "offenders, last", "last", "now")
    return _section("Checks", plot + more + _titled("Checks that did not pass", titles, rows, "All passed.", (2, 3, 4)))


def _mark(found: CheckDay | None) -> tuple[str, str] | None:
    if found is None:
        return None
    colour = "bad" if found.failed else "warn" if found.warned else "good"
    return colour, f"{found.passed} passed, {found.warned} warned, {found.failed} failed"


def _costs(report: Report) -> str:
    found = {day.day: day for day in report.spending}
    days = _days(report, found)
    if not days:
        return _section("Cost", _nothing("Nothing was embedded."))
    priced = any(day.cost for day in report.spending)
    values = [float(found[day].cost if priced else found[day].tokens) if day in found else 0.0 for day in days]
    unit = report.currency if priced else "tokens"
    total = f"{sum(day.tokens for day in report.spending):,} tokens"
    spent = f", {money(sum(day.cost for day in report.spending), report.currency)}" if priced else ""
    plot = stacked(f"{unit} by day", total + spent, days, [Bars(unit, values, "a")], whole=not priced)
    rows = [
        (one.day.isoformat(), f"{one.tokens:,}", money(one.cost, report.currency) if priced else "·")
        for one in report.spending
    ]
    return _section("Cost", f"<p>{safe(total + spent)}.</p>{plot}" + _details(_table(("day", "tokens", "cost"), rows)))


def _runs(report: Report) -> str:
    if not report.last_runs:
        return _section("Last runs", _nothing("There were no runs."))
    told = []
    for one in report.last_runs:
        lines = "<br>".join(safe(line) for line in one.lines())
        told.append(f'<li class="{_STATES.get(one.status, "")}">{lines}<br><small>run {safe(one.run_id)}</small></li>')
    return _section("Last runs", f'<ul class="runs">{"".join(told)}</ul>')


_STATES = {"failed": "bad", "partial": "warn", "success": "good"}


def _days(report: Report, found: Mapping[date, object]) -> list[date]:
    """Every day of the report from the first of which there is something on, at most the last so many."""
    if not found:
        return []
    last = max(max(found), min(report.until, report.made_at).date())
    first = max(min(found), last - timedelta(days=MOST_DAYS - 1))
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


def _section(title: str, content: str) -> str:
    return f"<section><h2>{safe(title)}</h2>{content}</section>"


def _titled(
    title: str, titles: Sequence[str], rows: Sequence[Sequence[object]], otherwise: str, numbers: Sequence[int] = ()
) -> str:
    return f"<h3>{safe(title)}</h3>" + (_table(titles, rows, numbers) if rows else _nothing(otherwise))


def _nothing(words: str) -> str:
    return f'<p class="nothing">{safe(words)}</p>'


def _details(content: str) -> str:
    return f"<details><summary>numbers by day</summary>{content}</details>"


def _table(titles: Sequence[str], rows: Iterable[Sequence[object]], numbers: Sequence[int] = ()) -> str:
    """A table; a cell is a text, or a text with a class that colours it."""
    head = "".join(f'<th scope="col">{safe(title)}</th>' for title in titles)
    body = []
    for row in rows:
        cells = []
        for column, cell in enumerate(row):
            text, colour = cell if isinstance(cell, tuple) else (cell, "number" if column in numbers else "")
            marked = f' class="{colour}"' if colour else ""
            cells.append(f"<td{marked}>{safe(text)}</td>")
        body.append(f"<tr>{''.join(cells)}</tr>")
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{"".join(body)}</tbody></table></div>'


def _moment(moment: datetime | date | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M}" if moment else "never"


def _span(span: timedelta | None) -> str:
    return duration_words(span.total_seconds()) if span is not None else "·"


def _rate(value: float) -> str:
    return f"{value:,.1f}" if value else "·"
