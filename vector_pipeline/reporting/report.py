"""A report on a span of time: read from the store once, with bounded questions, and turned into figures."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import polars as pl

from vector_pipeline.monitoring.performance import Performance, measure
from vector_pipeline.reporting import figures
from vector_pipeline.reporting.figures import CheckAnswer, CheckDay, CheckFault, Ended, Fault, Holdings, Lag, Spending
from vector_pipeline.state.records import Ingestion
from vector_pipeline.sync.footing import partitions_in_part
from vector_pipeline.sync.lateness import in_step_at, without_parts
from vector_pipeline.sync.pipeline import Pipeline
from vector_pipeline.sync.sightings import DIFFERS, UNANSWERED, sighted_since
from vector_pipeline.sync.summary import Summary, summarize

MOST_RUNS = 50_000
"""Runs that a report is made from at most: the newest."""

MOST_FAULTS = 50
"""Kinds of failures, and of failed checks, that are listed."""

MOST_REASONS = 50
"""Reasons of documents in quarantine that are listed."""

LAST_RUNS = 20
"""Runs whose summaries are told."""


@dataclass(frozen=True, slots=True)
class Freshness:
    """How fresh a source is. `in_step_at`: when it was last known to be as it is upstream; None where it never was."""

    source: str
    in_step_at: datetime | None
    last_success_at: datetime | None
    limit: timedelta | None
    age: timedelta | None
    lag: Lag | None

    @property
    def is_late(self) -> bool:
        """Whether it has not been in step for longer than its limit."""
        return self.age is not None and self.limit is not None and self.age > self.limit


@dataclass(frozen=True, slots=True)
class Quarantined:
    """Documents of a source that are in quarantine for one reason."""

    source: str
    stage: str
    reason: str
    documents: int


@dataclass(frozen=True, slots=True)
class Report:
    """What happened between two moments, over the sources that were asked for."""

    since: datetime
    until: datetime
    made_at: datetime
    runs: int
    is_cut: bool
    currency: str
    growth: Sequence[Holdings]
    freshness: Sequence[Freshness]
    performance: Performance
    ended: Sequence[Ended]
    faults: Sequence[Fault]
    in_quarantine: Sequence[tuple[date, int]]
    quarantined: Sequence[Quarantined]
    spending: Sequence[Spending]
    check_days: Sequence[CheckDay]
    check_faults: Sequence[CheckFault]
    last_runs: Sequence[Summary]


def make_report(
    pipeline: Pipeline,
    since: datetime,
    until: datetime,
    sources: Collection[str] | None = None,
    answers: Sequence[CheckAnswer] = (),
) -> Report:
    """The report on runs begun from `since` on and before `until`, of some sources or of all.

    `answers` are what checks said meanwhile. Raises StateError.
    """
    now = datetime.now(UTC)
    store, currency = pipeline.store, pipeline.settings.embedding.currency
    found = store.ingestions_since(since, limit=MOST_RUNS)
    rows = [row for row in found if row.started_at < until and _is_wanted(row.partition, sources)]
    before = [row for row in store.last_good_runs(since) if _is_wanted(row.partition, sources)]
    known = [one.name for one in store.partitions() if _is_wanted(one.name, sources)]
    asked = [one for one in answers if since <= one.at < until and (not one.source or _is_wanted(one.source, sources))]
    ended_runs = [row for row in rows if row.status != "running"]
    return Report(
        since=since,
        until=until,
        made_at=now,
        runs=len(rows),
        is_cut=len(found) == MOST_RUNS,
        currency=currency,
        growth=figures.growth(before, rows, since),
        freshness=_freshness(pipeline, known, figures.lags(rows), now),
        performance=measure(rows),
        ended=figures.ended(rows),
        faults=figures.faults(rows, MOST_FAULTS),
        in_quarantine=figures.quarantines(rows),
        quarantined=_quarantined(pipeline, known),
        spending=figures.spending(rows),
        check_days=figures.check_days(asked, known),
        check_faults=figures.check_faults(asked, MOST_FAULTS),
        last_runs=[summarize(row, currency) for row in _last(ended_runs)],
    )


def _is_wanted(name: str, sources: Collection[str] | None) -> bool:
    return sources is None or name in sources


def _last(rows: Sequence[Ingestion]) -> list[Ingestion]:
    """The last runs, the latest first: those that changed something or did not end well before the others."""
    telling = [row for row in rows if row.status != "success" or _changed(row)]
    return list(reversed((telling or list(rows))[-LAST_RUNS:]))


def _changed(row: Ingestion) -> bool:
    names = ("added", "changed", "metadata", "moved", "deleted")
    return any(row.counts.get(f"documents: {name}") for name in names) or bool(row.counts.get("points: upserted"))


def _freshness(pipeline: Pipeline, known: Collection[str], lags: Mapping[str, Lag], now: datetime) -> list[Freshness]:
    """How fresh the sources are now; what is behind, or silent, was in step until that was first seen."""
    store = pipeline.store
    numbers = {one.name: one.partition_id for one in store.partitions()}
    differs, unanswered = sighted_since(store, DIFFERS), sighted_since(store, UNANSWERED)
    facts = store.run_facts()
    left_out = partitions_in_part(store)
    in_part = [name for name, number in numbers.items() if number in left_out]
    found = []
    for standing in without_parts(store.standings(), in_part):
        if standing.name not in known:
            continue
        number = numbers.get(standing.name, 0)
        good = facts[number].good_at if number in facts else None
        at, ran_at, silent = in_step_at(standing), standing.run_started_at, unanswered.get(number)
        if at is None and good is not None:
            at = max(good, differs.get(number, good))
        if at is not None and silent is not None and (ran_at is None or ran_at < silent):
            at = min(at, silent)
        settings = pipeline.source_settings(standing.name)
        limit = settings.behind_limit if settings else None
        age = now - at if at else None
        found.append(Freshness(standing.name, at, good, limit, age, lags.get(standing.name)))
    return found


def _quarantined(pipeline: Pipeline, known: Collection[str]) -> list[Quarantined]:
    """What is in quarantine now, by source and reason, the most frequent first."""
    frame = pipeline.store.quarantined().filter(pl.col("partition").is_in(list(known)))
    counted = frame.group_by("partition", "stage", "reason").len().sort("len", "partition", "reason", descending=True)
    return [
        Quarantined(source, pipeline.shown_stage(stage), reason, number)
        for source, stage, reason, number in counted.head(MOST_REASONS).iter_rows()
    ]
