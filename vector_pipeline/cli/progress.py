"""The live display of a sync: stage, amount, rate and remaining time of the source being worked on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from vector_pipeline.cli import console
from vector_pipeline.sync.progress import Progress as Report
from vector_pipeline.sync.progress import listening


class _Amount(ProgressColumn):
    """How much is done, of how much where that is known."""

    def render(self, task: Task) -> Text:
        total = "" if task.total is None else f"/{task.total:,.0f}"
        return Text(f"{task.completed:,.0f}{total} {task.fields['unit']}" if task.fields["unit"] else "")


class _Rate(ProgressColumn):
    """Units per second."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text(f"{speed:,.0f}/s" if speed else "", style="dim")


class Display:
    """Turns reports into rows: one per stage of the source under way, below a line that names what is done."""

    def __init__(self, progress: Progress | None) -> None:
        self._progress = progress
        self._tasks: dict[tuple[str, str], TaskID] = {}

    def announce(self, what: str) -> None:
        """Something new begins: its line replaces all rows."""
        if self._progress is None:
            return
        for task in self._progress.task_ids:
            self._progress.remove_task(task)
        self._tasks = {}
        self._progress.add_task(console.plain(what), total=None, unit="")

    def hear(self, report: Report) -> None:
        """Shows a report."""
        if self._progress is None:
            return
        key = (report.partition, report.stage)
        if key not in self._tasks:
            self._tasks[key] = self._progress.add_task(f"  {report.stage}", total=report.total, unit=report.unit)
        self._progress.update(self._tasks[key], completed=report.done, total=report.total)


@contextmanager
def display(*, quiet: bool) -> Iterator[Display]:
    """A display on standard error that listens to the pipeline; an empty one when quiet or not on a terminal."""
    if quiet or not console.err.is_terminal:
        yield Display(None)
        return
    columns = (
        SpinnerColumn(finished_text="✓"),
        TextColumn("{task.description}"),
        BarColumn(bar_width=12),
        _Amount(),
        _Rate(),
        TimeRemainingColumn(compact=True),
    )
    with Progress(*columns, console=console.err, transient=True) as progress:
        shown = Display(progress)
        with listening(shown.hear):
            yield shown
