"""What a run did, in words: what changed, what it cost, how long it took, what is wrong and what to do about it.

Pure: the run's row in the history is all it is made from, so the terminal, the log, Dagster and reports say the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from vector_pipeline.state.records import Ingestion

QUARANTINED = "quarantine: documents"
"""A fact among the counts: how many documents of the source were in quarantine at the end of the run."""

STOPPED = "stopped"
"""The reason in the history of a run that was interrupted."""

GOES_ON = "the next run goes on from here"

_DOCUMENTS = (
    ("documents: added", "added"),
    ("documents: changed", "changed"),
    ("documents: metadata", "changed in metadata only"),
    ("documents: moved", "moved"),
    ("documents: deleted", "deleted"),
)
_LEFT_OUT = "documents: left out: "
_POINTS = (("points: upserted", "written"), ("points: deleted", "removed"))


@dataclass(frozen=True, slots=True)
class Summary:
    """A run in words. `head` is one line; `problem` and `hint` are "" where nothing is wrong."""

    source: str
    run_id: str
    status: str
    head: str
    problem: str = ""
    hint: str = ""

    def lines(self) -> list[str]:
        """The summary line by line."""
        return [self.head, *([self.problem] if self.problem else []), *([f"→ {self.hint}"] if self.hint else [])]

    @property
    def line(self) -> str:
        """The summary on one line, for a log."""
        return "; ".join(self.lines())


def summarize(row: Ingestion, currency: str) -> Summary:
    """What the row of a run says, in words; `currency` is that of its costs."""
    head = f"{row.partition}: {row.status} in {duration_words(row.seconds)}: {_changes(row.counts, currency)}"
    problem, hint = row.error, row.hint
    quarantined = int(row.counts.get(QUARANTINED, 0))
    if row.status == "partial" and not problem:
        problem, usual = in_quarantine(row.partition, quarantined) if quarantined else ("", "")
        hint = hint or usual
    elif problem.endswith(STOPPED):
        hint = hint or GOES_ON
    return Summary(row.partition, row.run_id, row.status, head, problem, hint)


def in_quarantine(source: str, documents: int) -> tuple[str, str]:
    """What to say of a source with so many documents in quarantine, and what to do."""
    told = f"{_number(documents, 'document')} could not be brought in"
    return told, f"`vector-pipeline quarantine list --source {source}` says why"


def money(cost: float, currency: str) -> str:
    """A sum with its currency: to the cent, or with two digits that are not 0 where it is less than one."""
    if cost >= 0.01 or cost <= 0:
        return f"{cost:,.2f} {currency}"
    digits = f"{cost:.12f}".rstrip("0")
    zeros = len(digits) - len(digits.removeprefix("0.").lstrip("0")) - 2
    return f"{cost:.{min(12, zeros + 2)}f} {currency}"


def duration_words(seconds: float) -> str:
    """How long, in at most two units: "0.4 s", "3 min 20 s", "2 h 5 min"."""
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 3_600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3_600:,} h {whole % 3_600 // 60} min"


def _changes(counts: Mapping[str, int | float], currency: str) -> str:
    told = [text for text in (_documents(counts), _embedded(counts, currency), _points(counts)) if text]
    left = sum(int(number) for name, number in counts.items() if name.startswith(_LEFT_OUT))
    return "; ".join([*(told or ["nothing changed"]), *([f"{_number(left, 'document')} left out"] if left else [])])


def _documents(counts: Mapping[str, int | float]) -> str:
    found = [(int(counts.get(key, 0)), words) for key, words in _DOCUMENTS]
    found = [(number, words) for number, words in found if number]
    if not found:
        return ""
    (first, words), *others = found
    return ", ".join([f"{_number(first, 'document')} {words}", *(f"{number:,} {words}" for number, words in others)])


def _embedded(counts: Mapping[str, int | float], currency: str) -> str:
    texts = int(counts.get("embeddings: embedded", 0))
    if not texts:
        return ""
    cost = float(counts.get("embeddings: cost", 0))
    paid = f", {money(cost, currency)}" if cost else ""
    return f"{_number(texts, 'text')} embedded ({_number(int(counts.get('embeddings: tokens', 0)), 'token')}{paid})"


def _points(counts: Mapping[str, int | float]) -> str:
    found = [f"{int(counts[key]):,} {words}" for key, words in _POINTS if counts.get(key)]
    return f"points: {', '.join(found)}" if found else ""


def _number(number: int, thing: str) -> str:
    return f"{number:,} {thing}{'' if number == 1 else 's'}"
