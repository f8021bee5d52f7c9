"""How fast the stages have been: rates measured from the history of runs, and how long work will take by them.

Pure. A run's row says how many units a stage did and how long it took; rows from before that was recorded have only
the seconds of the whole run, which then stand for a rate of whole documents.
"""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from vector_pipeline.state.records import Ingestion
from vector_pipeline.sync.stages import CHUNKS, DOCUMENTS, EMBEDDINGS, POINTS, STAGES

UNITS: Mapping[tuple[str, str], tuple[str, ...]] = {
    (DOCUMENTS, "documents"): ("added", "changed", "metadata", "reread", "failed"),
    (CHUNKS, "chunks"): ("chunks",),
    (EMBEDDINGS, "texts"): ("embedded",),
    (EMBEDDINGS, "tokens"): ("tokens",),
    (POINTS, "points"): ("upserted", "deleted"),
}
"""What a stage's work is measured in, by (stage, unit): the counts that add up to it."""

_PACE = {DOCUMENTS: "documents", CHUNKS: "chunks", EMBEDDINGS: "texts", POINTS: "points"}
"""The unit that a stage's time goes by."""


@dataclass(frozen=True, slots=True)
class Measured:
    """How much of a unit a stage did in one run of one source, and in how many seconds."""

    source: str
    started_at: datetime
    stage: str
    unit: str
    amount: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Pace:
    """How long a stage takes: `base` seconds whatever it does, and as many units a second (0: none was ever done)."""

    base: float
    per_second: float

    def seconds(self, amount: float) -> float | None:
        """How long so many units take, None where that is not known."""
        if not amount:
            return self.base
        return self.base + amount / self.per_second if self.per_second else None


@dataclass(frozen=True, slots=True)
class Speed:
    """The pace of every stage that was measured, and of whole runs by documents."""

    stages: Mapping[str, Pace]
    whole: Pace | None

    def seconds(self, counts: Mapping[str, int]) -> float | None:
        """How long a run with these counts ("chunks: chunks") takes, None where too little was measured."""
        if all(stage in self.stages for stage in STAGES):
            each = [self.stages[stage].seconds(amount_of(counts, stage, _PACE[stage])) for stage in STAGES]
            if None not in each:
                return sum(seconds or 0.0 for seconds in each)
        return self.whole.seconds(amount_of(counts, DOCUMENTS, "documents")) if self.whole else None


def amount_of(counts: Mapping[str, int | float], stage: str, unit: str) -> int:
    """How much of a unit the counts of a run hold, what was done to a former collection beside it included."""
    names = UNITS[stage, unit]
    return sum(int(counts.get(f"{stage}: {live}{name}", 0)) for name in names for live in ("", "live "))


def measured(rows: Iterable[Ingestion]) -> list[Measured]:
    """What the rows say of each stage whose seconds they have; a run that failed counts as far as it came."""
    return [
        Measured(row.partition, row.started_at, stage, unit, amount_of(row.counts, stage, unit), float(seconds))
        for row in rows
        for stage, unit in UNITS
        if (seconds := row.counts.get(f"{stage}: seconds")) is not None
    ]


def paces(found: Iterable[Measured]) -> dict[tuple[str, str], Pace]:
    """The pace of each (stage, unit): time without work apart, the rest in proportion to the work."""
    groups: defaultdict[tuple[str, str], list[tuple[int, float]]] = defaultdict(list)
    for one in found:
        groups[one.stage, one.unit].append((one.amount, one.seconds))
    return {key: _pace(pairs) for key, pairs in groups.items()}


def speed(rows: Sequence[Ingestion]) -> Speed:
    """How fast runs have been, by these rows: of one source, or of all."""
    by_unit = paces(measured(rows))
    stages = {stage: by_unit[stage, unit] for stage, unit in _PACE.items() if (stage, unit) in by_unit}
    whole = [(amount_of(row.counts, DOCUMENTS, "documents"), row.seconds) for row in rows if row.status != "running"]
    return Speed(stages, _pace(whole) if whole else None)


def _pace(pairs: Sequence[tuple[int, float]]) -> Pace:
    """Of (amount, seconds): the median time of runs that did nothing, and what was done per second on top of it."""
    idle = [seconds for amount, seconds in pairs if not amount]
    base = statistics.median(idle) if idle else 0.0
    amount = sum(done for done, _ in pairs)
    # A run that was quicker than one that did nothing says no less than that half of its time was work.
    busy = sum(max(seconds - base, seconds / 2) for done, seconds in pairs if done)
    return Pace(base, amount / busy if busy > 0 else 0.0)
