"""What runs did since somebody began to count: numbers that only grow, as Prometheus wants counters.

Pure. A run's row may be seen many times, and changes until the run has ended; only what is new in it counts. Rows that
were there at the beginning count for nothing, and those that retention removes change nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from vector_pipeline.state.history_table import RUNNING
from vector_pipeline.state.records import Ingestion

MOST_KNOWN = 5_000
"""Rows that are remembered: more than are ever read at once."""


@dataclass(frozen=True, slots=True)
class _Known:
    finished_at: datetime | None
    seconds: float
    counts: Mapping[str, int | float]


class Tally:
    """Counts up from the rows of the history. `runs` by (source, status), `seconds` and `numbers` by source."""

    def __init__(self, before: Iterable[Ingestion]) -> None:
        """`before`: what is there already; a run that is under way counts from here on."""
        self._known = {row.ingestion_no: _fact(row) for row in before}
        self.runs: defaultdict[tuple[str, str], int] = defaultdict(int)
        self.numbers: defaultdict[tuple[str, str], float] = defaultdict(float)

    def take(self, rows: Iterable[Ingestion]) -> None:
        """Takes in rows as they are now."""
        for row in rows:
            known = self._known.get(row.ingestion_no, _Known(None, 0.0, {}))
            if row.status != RUNNING and row.finished_at != known.finished_at:
                self.runs[row.partition, row.status] += 1
            for name, number in row.counts.items():
                grown = float(number) - float(known.counts.get(name, 0))
                if grown > 0:
                    self.numbers[row.partition, name] += grown
            self._known[row.ingestion_no] = _fact(row)
        for number in sorted(self._known)[:-MOST_KNOWN]:
            del self._known[number]

    def of(self, name: str) -> dict[str, float]:
        """A number by source."""
        return {source: number for (source, what), number in self.numbers.items() if what == name}


def _fact(row: Ingestion) -> _Known:
    return _Known(row.finished_at, row.seconds, row.counts)
