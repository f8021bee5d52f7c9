"""The figures of a report, made from rows of the history and answers of checks.

Pure. All of them are bounded: a report over ten thousand runs is no longer than one over a hundred.
"""

from __future__ import annotations

import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from vector_pipeline.state.records import Ingestion
from vector_pipeline.sync.history import LAG
from vector_pipeline.sync.summary import QUARANTINED

MOST_SAMPLES = 200
"""Moments of a curve."""

_HELD = ("documents: rows", "chunks: rows", "points: rows")


@dataclass(frozen=True, slots=True)
class Holdings:
    """How much there was at a moment, over all sources."""

    at: datetime
    documents: int
    chunks: int
    points: int


@dataclass(frozen=True, slots=True)
class Lag:
    """How long changes of a source took from being seen to being searchable, in seconds, over so many runs."""

    runs: int
    median: float
    longest: float


@dataclass(frozen=True, slots=True)
class Ended:
    """How many runs that began on a day (UTC) ended how. One that is under way, or was killed, is in none."""

    day: date
    success: int
    partial: int
    failed: int


@dataclass(frozen=True, slots=True)
class Fault:
    """Why runs of a source failed: how often, when last, and what to do about it."""

    source: str
    error: str
    hint: str
    runs: int
    last_at: datetime


@dataclass(frozen=True, slots=True)
class Spending:
    """What was embedded on a day (UTC): tokens, and their cost."""

    day: date
    tokens: int
    cost: float


@dataclass(frozen=True, slots=True)
class CheckAnswer:
    """What a check said at a moment of a source, or of all where `source` is "". `is_error`: no mere warning."""

    check: str
    source: str
    at: datetime
    passed: bool
    is_error: bool = True
    offenders: int = 0


@dataclass(frozen=True, slots=True)
class CheckDay:
    """How checks answered of a source on a day (UTC): how many passed, warned and failed."""

    source: str
    day: date
    passed: int
    warned: int
    failed: int


@dataclass(frozen=True, slots=True)
class CheckFault:
    """A check that has not passed of a source: how often, when last, and whether it passes by now."""

    source: str
    check: str
    answers: int
    offenders: int
    last_at: datetime
    passes_now: bool


def growth(before: Iterable[Ingestion], rows: Iterable[Ingestion], since: datetime) -> list[Holdings]:
    """How much there was after each run; `before` holds the last good run of each source before them."""
    held: dict[str, tuple[int, ...]] = {}
    samples: list[Holdings] = []
    for row in before:
        held[row.partition] = _held(row.counts, (0, 0, 0))
    if held:
        samples.append(_sum(since, held))
    for row in rows:
        if _HELD[0] in row.counts:
            held[row.partition] = _held(row.counts, held.get(row.partition, (0, 0, 0)))
            samples.append(_sum(row.finished_at or row.started_at, held))
    return thinned(samples, MOST_SAMPLES)


def thinned(samples: Sequence[Holdings], most: int) -> list[Holdings]:
    """At most so many of them, evenly chosen; the first and the last stay."""
    if len(samples) <= most:
        return list(samples)
    step = (len(samples) - 1) / (most - 1)
    return [samples[round(number * step)] for number in range(most)]


def lags(rows: Iterable[Ingestion]) -> dict[str, Lag]:
    """How long changes took, by source; only sources in which a change was seen before it was brought in."""
    found: defaultdict[str, list[float]] = defaultdict(list)
    for row in rows:
        if LAG in row.counts:
            found[row.partition].append(float(row.counts[LAG]))
    return {source: Lag(len(each), statistics.median(each), max(each)) for source, each in sorted(found.items())}


def ended(rows: Iterable[Ingestion]) -> list[Ended]:
    """How runs ended, by day; days without runs are left out."""
    days: defaultdict[date, Counter[str]] = defaultdict(Counter)
    for row in rows:
        days[row.started_at.date()][row.status] += 1
    return [Ended(day, each["success"], each["partial"], each["failed"]) for day, each in sorted(days.items())]


def faults(rows: Iterable[Ingestion], most: int) -> list[Fault]:
    """Why runs failed, the latest first; at most so many. Of runs that failed alike the last one's hint is told."""
    found: dict[tuple[str, str], Fault] = {}
    for row in rows:
        if row.status != "failed":
            continue
        key = (row.partition, row.error)
        runs = found[key].runs if key in found else 0
        found[key] = Fault(row.partition, row.error, row.hint, runs + 1, row.finished_at or row.started_at)
    return sorted(found.values(), key=lambda fault: fault.last_at, reverse=True)[:most]


def quarantines(rows: Iterable[Ingestion]) -> list[tuple[date, int]]:
    """How many documents were in quarantine at the end of each day (UTC) with runs, over all sources."""
    held: dict[str, int] = {}
    days: dict[date, int] = {}
    for row in rows:
        if QUARANTINED in row.counts:
            held[row.partition] = int(row.counts[QUARANTINED])
            days[(row.finished_at or row.started_at).date()] = sum(held.values())
    return sorted(days.items())


def spending(rows: Iterable[Ingestion]) -> list[Spending]:
    """What was embedded, by day; days on which nothing was are left out."""
    tokens: Counter[date] = Counter()
    costs: defaultdict[date, float] = defaultdict(float)
    for row in rows:
        day = row.started_at.date()
        tokens[day] += int(row.counts.get("embeddings: tokens", 0))
        costs[day] += float(row.counts.get("embeddings: cost", 0.0))
    return [Spending(day, number, costs[day]) for day, number in sorted(tokens.items()) if number or costs[day]]


def check_days(answers: Iterable[CheckAnswer], sources: Iterable[str]) -> list[CheckDay]:
    """How the checks answered of each source day by day; an answer about all counts for each."""
    known = tuple(sources)
    days: defaultdict[tuple[str, date], Counter[str]] = defaultdict(Counter)
    for answer in answers:
        verdict = "passed" if answer.passed else "failed" if answer.is_error else "warned"
        for source in (answer.source,) if answer.source else known:
            days[source, answer.at.date()][verdict] += 1
    return [
        CheckDay(source, day, each["passed"], each["warned"], each["failed"])
        for (source, day), each in sorted(days.items())
    ]


def check_faults(answers: Sequence[CheckAnswer], most: int) -> list[CheckFault]:
    """The checks that have not passed, the latest first; at most so many."""
    latest: dict[tuple[str, str], CheckAnswer] = {}
    bad: defaultdict[tuple[str, str], list[CheckAnswer]] = defaultdict(list)
    for answer in sorted(answers, key=lambda answer: answer.at):
        latest[answer.source, answer.check] = answer
        if not answer.passed:
            bad[answer.source, answer.check].append(answer)
    found = [_fault(each, _standing(latest, source, check)) for (source, check), each in bad.items()]
    return sorted(found, key=lambda fault: fault.last_at, reverse=True)[:most]


def _fault(bad: Sequence[CheckAnswer], now: CheckAnswer) -> CheckFault:
    last = bad[-1]
    return CheckFault(last.source, last.check, len(bad), last.offenders, last.at, now.passed)


def _standing(latest: Mapping[tuple[str, str], CheckAnswer], source: str, check: str) -> CheckAnswer:
    """The last answer about the source: its own, or a later one about all."""
    own, of_all = latest[source, check], latest.get(("", check))
    return of_all if of_all and of_all.at > own.at else own


def _held(counts: Mapping[str, int | float], before: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(int(counts.get(name, held)) for name, held in zip(_HELD, before, strict=True))


def _sum(at: datetime, held: Mapping[str, tuple[int, ...]]) -> Holdings:
    documents, chunks, points = (sum(each) for each in zip(*held.values(), strict=True))
    return Holdings(at, documents, chunks, points)
