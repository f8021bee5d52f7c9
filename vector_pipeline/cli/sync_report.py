"""What a sync has to report: per source how it ended and what changed, then whether the collection is right."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from vector_pipeline.cli import console
from vector_pipeline.errors import PipelineError

if TYPE_CHECKING:
    from vector_pipeline.sync.builds import Progress

STOPPED = "stopped"

_COLOURS = {
    "failed": "red",
    "partial": "yellow",
    STOPPED: "yellow",
    "in step": "green",
    "success": "green",
    "removed": "cyan",
    "nothing found": "yellow",
}

_CHANGES = {
    "documents: added": "added",
    "documents: changed": "changed",
    "documents: metadata": "metadata only",
    "documents: moved": "moved",
    "documents: deleted": "deleted",
    "embeddings: embedded": "texts embedded",
    "points: upserted": "points written",
    "points: deleted": "points removed",
}

_SKIPPED = "documents: skipped: "


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one source."""

    source: str
    status: str
    reason: str = ""
    counts: Mapping[str, int | float] = field(default_factory=dict)
    quarantined: int = 0
    seconds: float = 0.0
    error: str = ""
    hint: str = ""
    run_id: str = ""
    summary: tuple[str, ...] = ()
    """What the run did, line by line; nothing where there was no run."""

    @property
    def failed(self) -> bool:
        """Whether the index is not all that this source holds."""
        return self.status in ("failed", STOPPED) or self.quarantined > 0


@dataclass(frozen=True, slots=True)
class Check:
    """Whether the collection matches the state; `failed` maps the names of failed checks to what they found.

    `error` says why the check could not be made.
    """

    passed: bool
    failed: Mapping[str, str]
    run_id: str
    error: str = ""


@dataclass
class Report:
    """All of a sync, filled in as it goes."""

    outcomes: dict[str, Outcome] = field(default_factory=dict)
    check: Check | None = None
    stopped: bool = False
    seconds: float = 0.0
    progress: Progress | None = None
    """How far the collection of the settings is, where searches still use another one."""
    switched: bool = False
    """Whether searches moved to the collection of the settings."""
    not_switched: str = ""
    """Why they did not, though it is complete."""

    def add(self, outcome: Outcome) -> None:
        """Puts the outcome of a source, in place of an earlier one."""
        self.outcomes[outcome.source] = outcome

    @property
    def ordered(self) -> list[Outcome]:
        """The outcomes by source."""
        return sorted(self.outcomes.values(), key=lambda outcome: outcome.source)

    @property
    def failed(self) -> bool:
        """Whether anything is left to do."""
        wrong = self.check is not None and not self.check.passed
        building = self.progress is not None and not self.progress.rejected
        return self.stopped or wrong or building or any(outcome.failed for outcome in self.outcomes.values())


def report_as_json(report: Report) -> dict[str, Any]:
    """The report for machines; the keys are always the same."""
    check = report.check
    return {
        "sources": [
            {
                "source": outcome.source,
                "status": outcome.status,
                "reason": outcome.reason,
                "counts": dict(outcome.counts),
                "quarantined": outcome.quarantined,
                "seconds": round(outcome.seconds, 3),
                "error": outcome.error,
                "hint": outcome.hint,
                "run_id": outcome.run_id,
                "summary": list(outcome.summary),
            }
            for outcome in report.ordered
        ],
        "check": check
        and {"passed": check.passed, "failed": dict(check.failed), "error": check.error, "run_id": check.run_id},
        "stopped": report.stopped,
        "searches_wait_for": report.progress.waiting if report.progress else [],
        "switched": report.switched,
        "not_switched": report.not_switched,
        "seconds": round(report.seconds, 3),
    }


def print_report(report: Report) -> None:
    """The report for people: a table and the verdict on standard output, what is wrong on standard error."""
    from rich.table import Table

    if report.outcomes:
        table = Table(box=None, pad_edge=False, header_style="bold")
        table.add_column("source", overflow="fold")
        table.add_column("result", no_wrap=True)
        table.add_column("what changed")
        table.add_column("seconds", justify="right", no_wrap=True)
        for outcome in report.ordered:
            table.add_row(
                console.text(outcome.source),
                console.text(outcome.status, _COLOURS.get(outcome.status, "")),
                console.text(_changes(outcome)),
                f"{outcome.seconds:.1f}" if outcome.seconds else "·",
            )
        console.out.print(table)
    for outcome in report.ordered:
        if outcome.summary:
            console.out.print(console.text(outcome.summary[0]), soft_wrap=True)
    for outcome in report.ordered:
        _print_problem(outcome)
    _print_verdict(report)


def _changes(outcome: Outcome) -> str:
    """The counts that are not zero, in words."""
    if outcome.status == "nothing found":
        return outcome.reason
    found = [
        console.counted(int(outcome.counts[name]), words)
        for name, words in _CHANGES.items()
        if outcome.counts.get(name)
    ]
    return ", ".join(found) or ("nothing" if outcome.status in ("success", "partial") else "")


def _print_problem(outcome: Outcome) -> None:
    if outcome.error:
        named = outcome.error if outcome.source in outcome.error else f"{outcome.source}: {outcome.error}"
        console.print_error(PipelineError(named, hint=outcome.hint))
    if outcome.quarantined:
        from vector_pipeline.sync.summary import in_quarantine

        problem, hint = in_quarantine(outcome.source, outcome.quarantined)
        console.err.print(console.text(f"{outcome.source}: {problem}", "yellow"), soft_wrap=True)
        console.err.print(console.text(f"  → {hint}", "dim"), soft_wrap=True)
    if outcome.counts:
        _print_left_out(outcome)


def _print_left_out(outcome: Outcome) -> None:
    """Names the files that are left out for want of the office extra: of all reasons the one a person can remove."""
    from vector_pipeline.conversion.converter import EXTRA_HINT, NEEDS_EXTRA

    for name, number in outcome.counts.items():
        if name.startswith(_SKIPPED) and name.endswith(NEEDS_EXTRA) and number:
            files = f"{int(number):,} file{' was' if number == 1 else 's were'} left out"
            why = f"({name.removeprefix(_SKIPPED)}; {EXTRA_HINT})"
            console.err.print(console.text(f"{outcome.source}: {files} {why}", "dim"), soft_wrap=True)


def _print_verdict(report: Report) -> None:
    """The last line: what a reader who looks at nothing else should know."""
    seconds = f"{report.seconds:.1f} s"
    check = report.check
    if report.not_switched:
        why = f"the collection of the settings is complete, but searches do not use it yet: {report.not_switched}"
        hint = "`vector-pipeline switch --help` says what to do"
        console.print_error(PipelineError(why, hint=hint))
    elif report.progress:
        console.print_progress(report.progress)
    if report.switched:
        console.out.print("searches use the collection of the present settings now")
    if report.stopped:
        console.err.print("[yellow]stopped[/yellow]; the next run goes on from here")
    elif check is None and not report.outcomes:
        console.out.print("there are no sources; name them in pipeline.yaml")
    elif check is None:
        idle = all(outcome.status in ("in step", "nothing found") for outcome in report.outcomes.values())
        verdict = "not all sources are in step" if report.failed else "nothing to do" if idle else "done"
        console.out.print(f"{verdict} · {seconds}")
    elif check.passed:
        console.out.print(f"[green]the collection matches the state[/green] · {seconds}")
    else:
        _print_check_problem(check)


def _print_check_problem(check: Check) -> None:
    """Says what the check found, or why it could not look."""
    if check.failed:
        found = "; ".join(text or name for name, text in check.failed.items())
        what, then = f"the collection does not match the state: {found}", "`vector-pipeline sync --full` mends it"
    else:
        what = f"the collection could not be checked against the state: {check.error or 'an unexpected error'}"
        then = "run again"
    console.print_error(PipelineError(what, hint=f"{then}; in Dagster this is run {check.run_id}"))
