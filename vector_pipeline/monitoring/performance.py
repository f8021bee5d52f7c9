"""How fast the stages work, over time, from what the runs recorded of themselves.

Pure. A rate is what a stage did, divided by the seconds it took for that; runs that did nothing count for neither.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from vector_pipeline.state.records import Ingestion
from vector_pipeline.sync.rates import amount_of
from vector_pipeline.sync.stages import CHUNKS, DOCUMENTS, EMBEDDINGS, POINTS, STAGES

UNITS: Mapping[str, str] = {DOCUMENTS: "documents", CHUNKS: "chunks", EMBEDDINGS: "texts", POINTS: "points"}
"""What each stage is measured in."""


@dataclass(frozen=True, slots=True)
class Rate:
    """How much of a stage's unit was done in how many seconds."""

    done: int = 0
    seconds: float = 0.0

    @property
    def per_second(self) -> float:
        """Units per second; 0.0 where nothing was measured."""
        return self.done / self.seconds if self.seconds > 0 else 0.0

    def __add__(self, other: Rate) -> Rate:
        return Rate(self.done + other.done, self.seconds + other.seconds)


@dataclass(frozen=True, slots=True)
class Day:
    """The rates of the stages on a day (UTC), and how many runs there were."""

    day: date
    runs: int
    rates: Mapping[str, Rate]


@dataclass(frozen=True, slots=True)
class SourceTime:
    """The seconds that runs of a source took in all, and by stage."""

    source: str
    runs: int
    seconds: float
    by_stage: Mapping[str, float]

    @property
    def per_run(self) -> float:
        """Seconds per run."""
        return self.seconds / self.runs if self.runs else 0.0


@dataclass(frozen=True, slots=True)
class Performance:
    """What the runs say: rates and seconds in all, by day (oldest first), and sources (slowest first)."""

    rates: Mapping[str, Rate]
    seconds: Mapping[str, float]
    days: tuple[Day, ...]
    sources: tuple[SourceTime, ...]

    def share(self, stage: str) -> float:
        """The part of all measured seconds that a stage took, from 0.0 to 1.0."""
        total = sum(self.seconds.values())
        return self.seconds.get(stage, 0.0) / total if total > 0 else 0.0


def stage_seconds(row: Ingestion, stage: str) -> float:
    """The seconds a run spent in a stage; 0.0 where it did not record them."""
    return max(0.0, float(row.counts.get(f"{stage}: seconds", 0.0)))


def stage_rate(row: Ingestion, stage: str) -> Rate:
    """What a run did in a stage; nothing where it did not record the seconds, or did nothing."""
    done, seconds = amount_of(row.counts, stage, UNITS[stage]), stage_seconds(row, stage)
    return Rate(done, seconds) if done > 0 and seconds > 0 else Rate()


def measure(rows: Iterable[Ingestion]) -> Performance:
    """What these runs say of how fast the stages are."""
    rates: defaultdict[str, Rate] = defaultdict(Rate)
    seconds: defaultdict[str, float] = defaultdict(float)
    days: dict[date, tuple[int, dict[str, Rate]]] = {}
    sources: dict[str, tuple[int, float, dict[str, float]]] = {}
    for row in rows:
        runs, by_stage = days.get(row.started_at.date(), (0, {}))
        count, total, spent = sources.get(row.partition, (0, 0.0, {}))
        for stage in STAGES:
            rate, took = stage_rate(row, stage), stage_seconds(row, stage)
            rates[stage] += rate
            seconds[stage] += took
            by_stage[stage] = by_stage.get(stage, Rate()) + rate
            spent[stage] = spent.get(stage, 0.0) + took
        days[row.started_at.date()] = runs + 1, by_stage
        sources[row.partition] = count + 1, total + row.seconds, spent
    slowest = [SourceTime(name, *facts) for name, facts in sources.items()]
    return Performance(
        {stage: rates[stage] for stage in STAGES},
        {stage: seconds[stage] for stage in STAGES},
        tuple(Day(day, *facts) for day, facts in sorted(days.items())),
        tuple(sorted(slowest, key=lambda one: (-one.seconds, one.source))),
    )


def sparkline(values: Iterable[float]) -> str:
    """The values as a line of blocks, the highest a full one; a day without any is a space."""
    numbers = list(values)
    top = max(numbers, default=0.0)
    blocks = "▁▂▃▄▅▆▇█"
    return "".join(
        " " if value <= 0 or top <= 0 else blocks[min(len(blocks) - 1, int(value / top * (len(blocks) - 1) + 0.5))]
        for value in numbers
    )
