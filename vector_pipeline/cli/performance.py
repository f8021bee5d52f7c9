"""`performance`: how fast the stages were, day by day, and what took longest."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, TypedDict

import typer

from vector_pipeline.cli import console

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vector_pipeline.monitoring.performance import Performance
    from vector_pipeline.state.durations_table import SlowDocument

_MOST_SOURCES = 10
_DAYS_SHOWN = 60


class StageJson(TypedDict):
    """One stage over the whole time."""

    # What is counted: documents, chunks, texts or points
    unit: str
    # How many of them
    done: int
    # Seconds the stage took, in all runs
    seconds: float
    # Units per second, over the runs that did something
    per_second: float
    # Part of the time of all stages, from 0 to 1
    share: float


class DayJson(TypedDict):
    """One day (UTC)."""

    # The day as ISO date
    day: str
    # Runs that began on it
    runs: int
    # Stage to units per second
    per_second: dict[str, float]


class SourceTimeJson(TypedDict):
    """What the runs of one source took."""

    # The source
    source: str
    # Number of runs
    runs: int
    # Seconds in all
    seconds: float
    # Stage to seconds
    by_stage: dict[str, float]


class SlowDocumentJson(TypedDict):
    """A document that took long."""

    # The source
    source: str
    # Id of the document
    document_id: str
    # Where it is, empty for one that is gone
    uri: str
    # The stage that took long
    stage: str
    # Seconds it took
    seconds: float
    # Its bytes, as that stage counts them
    size: int
    # The run
    run_id: str
    # When that run began
    started_at: str


class PerformanceJson(TypedDict):
    """Rates, shares and the slowest."""

    # When the time looked at begins
    since: str
    # Number of runs looked at
    runs: int
    # Stage to its numbers
    stages: dict[str, StageJson]
    # Days with runs, oldest first
    days: list[DayJson]
    # Sources, the one that took longest first
    sources: list[SourceTimeJson]
    # Documents that took longest, slowest first
    slowest: list[SlowDocumentJson]


def performance_command(
    since: Annotated[str, typer.Option("--since", help="How far back: 24h, 7d, or a date.")] = "30d",
    source: Annotated[str, typer.Option("--source", help="Only this source.")] = "",
    limit: Annotated[int, typer.Option("--limit", help="Slowest documents to show.", min=0, max=1000)] = 10,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Show how fast the stages were over time, what took longest, and the slowest documents.

    Example: vector-pipeline performance --since 7d
    """
    from vector_pipeline.monitoring.performance import measure

    begin = moment(since)
    with console.opened() as pipeline:
        store = pipeline.store
        names = console.known_sources(pipeline, [source]) if source else []
        pid = store.partition(names[0]).partition_id if names else None
        rows = store.ingestions_since(begin, pid)
        found = measure(rows)
        slowest = store.slowest(limit, begin, pid) if limit else []
    if as_json:
        console.print_json(_document(begin, len(rows), found, slowest))
    elif not rows:
        console.out.print(f"no runs since {begin:%Y-%m-%d %H:%M} UTC")
    else:
        _print(found, slowest)


def moment(text: str) -> datetime:
    """The moment that "24h" (ago), "2026-11-01" or an ISO time (UTC where it names no zone) stands for."""
    from vector_pipeline.settings_values import parse_duration

    try:
        span = parse_duration(text)
        return datetime.now(UTC) - span  # type: ignore[operator, no-any-return]
    except (ValueError, OverflowError):
        pass  # a date, then
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        console.wrong_use(f'{text!r} is no time; write "24h", "7d", "2026-11-01" or "2026-11-01T08:00"')
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _document(begin: datetime, runs: int, found: Performance, slowest: Sequence[SlowDocument]) -> PerformanceJson:
    from vector_pipeline.documents import uuid_text
    from vector_pipeline.monitoring.performance import UNITS

    return {
        "since": begin.isoformat(),
        "runs": runs,
        "stages": {
            stage: {
                "unit": UNITS[stage],
                "done": rate.done,
                "seconds": round(found.seconds[stage], 3),
                "per_second": round(rate.per_second, 2),
                "share": round(found.share(stage), 4),
            }
            for stage, rate in found.rates.items()
        },
        "days": [
            {
                "day": day.day.isoformat(),
                "runs": day.runs,
                "per_second": {stage: round(rate.per_second, 2) for stage, rate in day.rates.items()},
            }
            for day in found.days
        ],
        "sources": [
            {
                "source": one.source,
                "runs": one.runs,
                "seconds": round(one.seconds, 3),
                "by_stage": {stage: round(seconds, 3) for stage, seconds in one.by_stage.items()},
            }
            for one in found.sources
        ],
        "slowest": [
            {
                "source": one.partition,
                "document_id": uuid_text(one.document_id),
                "uri": one.uri,
                "stage": one.stage,
                "seconds": round(one.seconds, 4),
                "size": one.size,
                "run_id": one.run_id,
                "started_at": one.started_at.isoformat(),
            }
            for one in slowest
        ],
    }


def _print(found: Performance, slowest: Sequence[SlowDocument]) -> None:
    from vector_pipeline.monitoring.performance import UNITS, sparkline

    shown = found.days[-_DAYS_SHOWN:]
    stages = console.number_table("stage", "done", "seconds", "share", "per second", left=("days",))
    for stage, rate in found.rates.items():
        line = sparkline(day.rates[stage].per_second for day in shown)
        numbers = f"{found.seconds[stage]:,.1f}", f"{found.share(stage):.0%}", f"{rate.per_second:,.0f}"
        stages.add_row(stage, f"{rate.done:,} {UNITS[stage]}", *numbers, line)
    console.out.print(stages)
    console.out.print(f"days: {shown[0].day} to {shown[-1].day} (UTC), units per second, highest = █", style="dim")
    sources = console.number_table("source", "runs", "seconds", "per run")
    for one in found.sources[:_MOST_SOURCES]:
        numbers = f"{one.runs:,}", f"{one.seconds:,.1f}", f"{one.per_run:,.2f} s"
        sources.add_row(console.text(one.source), *numbers)
    console.out.print(sources)
    if not slowest:
        return
    documents = console.number_table("slowest documents", "seconds", "size", left=("stage", "source"))
    for slow in slowest:
        facts = f"{slow.seconds:,.3f}", console.size(slow.size), slow.stage, console.text(slow.partition)
        documents.add_row(console.text(slow.uri or "(gone)"), *facts)
    console.out.print(documents)
