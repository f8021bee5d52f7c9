"""The shape of what `report --json` prints, and how it is made."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING, TypedDict

if TYPE_CHECKING:
    from vector_pipeline.reporting.report import Freshness, Report


class HoldingsJson(TypedDict):
    """How much there was at a moment, over all sources."""

    # When
    at: str
    # Documents
    documents: int
    # Chunks
    chunks: int
    # Points
    points: int


class FreshnessJson(TypedDict):
    """How fresh a source is now."""

    # The source
    source: str
    # When it was last known to be as it is upstream; null where it never was
    in_step_at: str | None
    # When its last good run ended
    last_success_at: str | None
    # Seconds since it was last known to be in step
    age: float | None
    # Seconds that it may be behind, by its settings
    limit: float | None
    # Whether it is behind for longer
    late: bool
    # Median seconds from the look that saw a change until the change could be found
    lag_median: float | None
    # The longest of these
    lag_longest: float | None


class ThroughputJson(TypedDict):
    """How fast the stages were on a day."""

    # The day (UTC)
    day: str
    # Runs that began on it
    runs: int
    # Stage to units per second, of documents, chunks, texts or points
    per_second: dict[str, float]


class RunsJson(TypedDict):
    """How the runs ended that began on a day."""

    # The day (UTC)
    day: str
    # Runs that brought in everything
    success: int
    # Runs that left documents in quarantine
    partial: int
    # Runs that failed
    failed: int


class FaultJson(TypedDict):
    """Why runs of a source failed."""

    # The source
    source: str
    # What the runs said
    error: str
    # What to do about it
    hint: str
    # How many runs failed so
    runs: int
    # When the last of them ended
    last_at: str


class QuarantinedJson(TypedDict):
    """Documents of a source that are in quarantine for one reason."""

    # The source
    source: str
    # The stage that failed
    stage: str
    # Why
    reason: str
    # How many documents
    documents: int


class SpendingJson(TypedDict):
    """What was embedded on a day."""

    # The day (UTC)
    day: str
    # Tokens
    tokens: int
    # Their cost in the currency of the report
    cost: float


class CheckDayJson(TypedDict):
    """How the checks answered of a source on a day."""

    # The source
    source: str
    # The day (UTC)
    day: str
    # Answers that found nothing
    passed: int
    # Answers that were a warning
    warned: int
    # Answers that were a failure
    failed: int


class CheckFaultJson(TypedDict):
    """A check that has not passed."""

    # The source, empty where the check speaks of all
    source: str
    # The check
    check: str
    # How often it did not pass
    answers: int
    # Offenders of the last time
    offenders: int
    # When that was
    last_at: str
    # Whether it passes by now
    passes_now: bool


class RunSummaryJson(TypedDict):
    """What a run did, in words."""

    # The source
    source: str
    # Id of the run
    run_id: str
    # success, partial or failed
    status: str
    # The summary, line by line
    lines: list[str]


class ReportJson(TypedDict):
    """What happened over a span of time."""

    # Where the span begins
    since: str
    # Where it ends
    until: str
    # When the report was made
    made_at: str
    # Runs that began within it
    runs: int
    # Whether there were more runs than a report reads; it is of the newest then
    is_cut: bool
    # The currency of all costs
    currency: str
    # How much there was, oldest first
    growth: list[HoldingsJson]
    # How fresh each source is now
    freshness: list[FreshnessJson]
    # How fast the stages were, by day
    throughput: list[ThroughputJson]
    # How runs ended, by day
    ended: list[RunsJson]
    # Why runs failed, the latest first
    faults: list[FaultJson]
    # What is in quarantine now
    quarantined: list[QuarantinedJson]
    # What was embedded, by day
    spending: list[SpendingJson]
    # How checks answered, by source and day
    checks: list[CheckDayJson]
    # Checks that did not pass, the latest first
    check_faults: list[CheckFaultJson]
    # The last runs that changed something or did not end well, the latest first
    last_runs: list[RunSummaryJson]


def report_as_json(report: Report) -> ReportJson:
    """The report for machines; the keys are always the same."""
    return {
        "since": _text(report.since),
        "until": _text(report.until),
        "made_at": _text(report.made_at),
        "runs": report.runs,
        "is_cut": report.is_cut,
        "currency": report.currency,
        "growth": [
            {"at": _text(one.at), "documents": one.documents, "chunks": one.chunks, "points": one.points}
            for one in report.growth
        ],
        "freshness": [_freshness(one) for one in report.freshness],
        "throughput": [
            {
                "day": _text(one.day),
                "runs": one.runs,
                "per_second": {stage: round(rate.per_second, 2) for stage, rate in one.rates.items()},
            }
            for one in report.performance.days
        ],
        "ended": [
            {"day": _text(one.day), "success": one.success, "partial": one.partial, "failed": one.failed}
            for one in report.ended
        ],
        "faults": [
            {
                "source": one.source,
                "error": one.error,
                "hint": one.hint,
                "runs": one.runs,
                "last_at": _text(one.last_at),
            }
            for one in report.faults
        ],
        "quarantined": [
            {"source": one.source, "stage": one.stage, "reason": one.reason, "documents": one.documents}
            for one in report.quarantined
        ],
        "spending": [
            {"day": _text(one.day), "tokens": one.tokens, "cost": round(one.cost, 9)} for one in report.spending
        ],
        "checks": [
            {
                "source": one.source,
                "day": _text(one.day),
                "passed": one.passed,
                "warned": one.warned,
                "failed": one.failed,
            }
            for one in report.check_days
        ],
        "check_faults": [
            {
                "source": one.source,
                "check": one.check,
                "answers": one.answers,
                "offenders": one.offenders,
                "last_at": _text(one.last_at),
                "passes_now": one.passes_now,
            }
            for one in report.check_faults
        ],
        "last_runs": [
            {"source": one.source, "run_id": one.run_id, "status": one.status, "lines": one.lines()}
            for one in report.last_runs
        ],
    }


def _freshness(one: Freshness) -> FreshnessJson:
    return {
        "source": one.source,
        "in_step_at": _text(one.in_step_at) if one.in_step_at else None,
        "last_success_at": _text(one.last_success_at) if one.last_success_at else None,
        "age": round(one.age.total_seconds(), 1) if one.age is not None else None,
        "limit": one.limit.total_seconds() if one.limit is not None else None,
        "late": one.is_late,
        "lag_median": one.lag.median if one.lag else None,
        "lag_longest": one.lag.longest if one.lag else None,
    }


def _text(moment: datetime | date) -> str:
    return moment.isoformat()
