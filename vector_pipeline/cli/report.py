"""`report`: what happened over a span of time, on the terminal, as a page with plots, or as JSON."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vector_pipeline.cli import console

if TYPE_CHECKING:
    from rich.table import Table

    from vector_pipeline.reporting.figures import CheckAnswer
    from vector_pipeline.reporting.report import Report
    from vector_pipeline.sync.pipeline import Pipeline

_MOST_FAULTS = 10
_MOST_RUNS = 5


def report_command(
    since: Annotated[str, typer.Option("--since", help="Where it begins: 24h, 7d, a date or an ISO time.")] = "7d",
    until: Annotated[str, typer.Option("--until", help="Where it ends: likewise; empty is now.")] = "",
    source: Annotated[
        list[str] | None, typer.Option("--source", "-s", help="TYPE/NAME, or a whole site; may be repeated.")
    ] = None,
    html: Annotated[Path | None, typer.Option("--html", help="Write a page with plots to this file.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Report what happened: growth, freshness, throughput, failures, checks and cost.

    Example: vector-pipeline report --since 30d --html report.html
    """
    now = datetime.now(UTC)
    begin, end = _moment("--since", since, now), _moment("--until", until, now) if until else now
    if begin >= end:
        console.wrong_use(f"the report would end ({end:%Y-%m-%d %H:%M}) before it begins ({begin:%Y-%m-%d %H:%M})")
    from vector_pipeline.reporting.report import make_report

    with console.opened() as pipeline:
        names = console.known_sources(pipeline, source, with_sites=True) if source else None
        report = make_report(pipeline, begin, end, names, _answers(pipeline, begin))
    if html is not None:
        _write(html, report)
    if as_json:
        from vector_pipeline.cli.report_json import report_as_json

        console.print_json(report_as_json(report))
    elif html is None:
        _print(report)
    else:
        console.out.print(console.text(f"wrote {html}"), soft_wrap=True)


def _moment(option: str, text: str, now: datetime) -> datetime:
    from vector_pipeline.sync.modes import read_since

    try:
        return read_since(text, now)
    except ValueError as error:
        console.wrong_use(f"{option} {text!r} {error}")


def _answers(pipeline: Pipeline, since: datetime) -> list[CheckAnswer]:
    """What checks said, by Dagster's records; loads Dagster only where it has any."""
    from vector_pipeline.orchestration.instance import is_used, prepare_dagster_home

    home = prepare_dagster_home(console.load())
    if not is_used(home):
        return []
    from vector_pipeline.orchestration.check_records import read_answers

    names = {partition.name.partition("/")[0] for partition in pipeline.store.partitions()}
    runs = {row.run_id: row.partition for row in pipeline.store.ingestions_since(since)}
    return read_answers(home, sorted(names), runs, since)


def _write(path: Path, report: Report) -> None:
    """Writes the page in one step: whoever reads it meanwhile sees the former one."""
    from vector_pipeline.reporting.page import page

    if path.is_dir() or not path.name:
        console.wrong_use(f"{path} is a folder; name the file to write")
    written = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        written.write_text(page(report), "utf-8")
        written.replace(path)
    except OSError as error:
        written.unlink(missing_ok=True)
        console.wrong_use(f"{path} can't be written: {error.strerror}")


def _print(report: Report) -> None:
    console.out.print(
        f"[bold]{report.since:%Y-%m-%d %H:%M} to {report.until:%Y-%m-%d %H:%M} UTC[/bold] · {report.runs:,} runs"
        + (" (the newest only)" if report.is_cut else "")
    )
    _print_growth(report)
    _print_freshness(report)
    _print_throughput(report)
    _print_failures(report)
    _print_checks(report)
    _print_cost(report)
    _print_runs(report)


def _print_growth(report: Report) -> None:
    if not report.growth:
        return
    from vector_pipeline.monitoring.performance import sparkline

    table = console.number_table("held", "at first", "at last", left=("over time",), header_style="dim")
    for name in ("documents", "chunks", "points"):
        values = [getattr(one, name) for one in report.growth]
        step = max(1, len(values) // 40)
        table.add_row(name, f"{values[0]:,}", f"{values[-1]:,}", sparkline([*values[:-1:step], values[-1]]))
    _section("growth", table)


def _print_freshness(report: Report) -> None:
    from vector_pipeline.sync.summary import duration_words

    if not report.freshness:
        return
    table = console.number_table("source", "in step", "limit", "lag", "longest lag", header_style="dim")
    for one in report.freshness:
        style = "red" if one.is_late or one.age is None else ""
        ago = f"{duration_words(one.age.total_seconds())} ago" if one.age is not None else "never"
        limit = duration_words(one.limit.total_seconds()) if one.limit is not None else "·"
        lags = (duration_words(one.lag.median), duration_words(one.lag.longest)) if one.lag else ("·", "·")
        table.add_row(console.text(one.source), console.text(ago, style), limit, *lags)
    _section("freshness", table)


def _print_throughput(report: Report) -> None:
    from vector_pipeline.monitoring.performance import UNITS, sparkline

    table = console.number_table("stage", "done", "per second", left=("by day",), header_style="dim")
    for stage, rate in report.performance.rates.items():
        days = [day.rates[stage].per_second for day in report.performance.days][-40:]
        table.add_row(stage, f"{rate.done:,} {UNITS[stage]}", f"{rate.per_second:,.1f}", sparkline(days))
    _section("throughput", table)


def _print_failures(report: Report) -> None:
    success, partial, failed = (sum(getattr(day, name) for day in report.ended) for name in _ENDS)
    console.out.print(f"\n[bold]runs[/bold] {success:,} success, {partial:,} partial, {failed:,} failed")
    for one in report.faults[:_MOST_FAULTS]:
        often = f" ({one.runs:,} times)" if one.runs > 1 else ""
        told = f"{one.last_at:%m-%d %H:%M} {one.source}: {one.error}{often}"
        console.out.print(console.text(told, "red"), soft_wrap=True)
        if one.hint:
            console.out.print(console.text(f"  → {one.hint}", "dim"), soft_wrap=True)
    for held in report.quarantined[:_MOST_FAULTS]:
        told = f"in quarantine: {held.source}: {held.documents:,} × {held.stage}: {held.reason}"
        console.out.print(console.text(told, "yellow"), soft_wrap=True)


_ENDS = ("success", "partial", "failed")


def _print_checks(report: Report) -> None:
    bad = sum(day.warned + day.failed for day in report.check_days)
    answers = bad + sum(day.passed for day in report.check_days)
    console.out.print(f"\n[bold]checks[/bold] {answers:,} answers about sources, {bad:,} of them not passed")
    for one in report.check_faults[:_MOST_FAULTS]:
        now = "passes now" if one.passes_now else "does not pass"
        told = f"{one.last_at:%m-%d %H:%M} {one.source or 'all sources'}: {one.check} ({one.answers:,} times), {now}"
        console.out.print(console.text(told, "" if one.passes_now else "red"), soft_wrap=True)


def _print_cost(report: Report) -> None:
    from vector_pipeline.sync.summary import money

    tokens, cost = sum(day.tokens for day in report.spending), sum(day.cost for day in report.spending)
    if tokens or cost:
        paid = f", {money(cost, report.currency)}" if cost else ""
        console.out.print(f"\n[bold]cost[/bold] {tokens:,} tokens{paid}")


def _print_runs(report: Report) -> None:
    if report.last_runs:
        console.out.print("\n[bold]last runs[/bold]")
    for one in report.last_runs[:_MOST_RUNS]:
        for line in one.lines():
            console.out.print(console.text(line), soft_wrap=True)


def _section(title: str, table: Table) -> None:
    console.out.print(f"\n[bold]{title}[/bold]")
    console.out.print(table)
