"""How a snapshot looks on a terminal of any size: the least important lines and columns are left out first."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.table import Table
from rich.text import Text

from vector_pipeline.cli import console
from vector_pipeline.monitoring.automation import Automation
from vector_pipeline.monitoring.snapshot import Snapshot, SourceLine, counts_by_status

_COLOURS = {
    "running": "cyan",
    "starting": "cyan",
    "queued": "blue",
    "failing": "red",
    "stopped": "yellow",
    "behind": "yellow",
    "never synced": "yellow",
    "removed": "dim",
    "in step": "green",
}
_BAR = 12
_MOST_RUNS = 5
_MOST_PROCESSES = 5
_LEAST_SOURCES = 3
_TALL = 200
"""Lines where there is no terminal: everything is shown."""


class View:
    """A snapshot as a page; `live` adds how to leave it."""

    def __init__(self, snapshot: Snapshot, *, live: bool = False) -> None:
        self._snapshot, self._live = snapshot, live

    def __rich_console__(self, to: Console, options: ConsoleOptions) -> RenderResult:
        height = (options.height or to.height) if self._live else _TALL * 1000
        head, below = self._head(), self._below(options.max_width)
        used = 2 + sum(_lines(part) for part in below) + (2 if self._live else 0)
        room = max(_LEAST_SOURCES, height - used - 2)
        parts: list[RenderableType] = [head, Text(), _sources(self._snapshot, room, options.max_width), *below]
        if self._live:
            parts.append(Text("q or Ctrl-C ends this; runs go on", "dim"))
        yield Group(*parts)

    def _head(self) -> Text:
        one = self._snapshot
        counts = ", ".join(f"{number} {status}" for status, number in counts_by_status(one.sources).items())
        memory = sum(process.memory for process in one.processes)
        cpu = sum(process.cpu for process in one.processes)
        used = f"CPU {cpu:.0%} of a core, memory {console.size(memory)}"
        return Text.assemble(
            (f"{one.at:%H:%M:%S} UTC  ", "bold"),
            counts or "no sources",
            "  ·  ",
            _daemon_words(one.automation, one.at),
            "  ·  ",
            (used, "dim"),
            no_wrap=True,
            overflow="ellipsis",
        )

    def _below(self, width: int) -> list[Text]:
        one = self._snapshot
        lines = [_queue_line(one.automation)] if one.automation.is_used else []
        lines += _run_lines(one)
        lines += [_pool_line(one.automation)] if one.automation.pools else []
        lines += _budget_lines(one)
        if len(one.processes) > 1:
            lines.append(_process_line(one))
        for error in one.errors:
            said = console.text(f"{console.age(error.at)} {error.source}: {error.error}", "red")
            lines.append(said)
        for line in lines:
            line.no_wrap, line.overflow = True, "ellipsis"
        return lines


def _sources(snapshot: Snapshot, room: int, width: int) -> RenderableType:
    """The table of sources, with so many lines; a last one says how many are left out."""
    wide = width >= console.NARROW
    lines = snapshot.sources
    shown = lines if len(lines) <= room else lines[: max(1, room - 1)]
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 1))
    table.add_column("source", no_wrap=True, overflow="ellipsis", ratio=None)
    table.add_column("state", no_wrap=True)
    table.add_column("work", no_wrap=True)
    table.add_column("rate", justify="right", no_wrap=True)
    table.add_column("left", justify="right", no_wrap=True)
    table.add_column("quar.", justify="right", no_wrap=True)
    table.add_column("behind", justify="right", no_wrap=True)
    if wide:
        table.add_column("in step", justify="right", no_wrap=True)
    for line in shown:
        table.add_row(*_cells(line, wide=wide))
    if len(shown) < len(lines):
        return Group(table, Text(f"… and {len(lines) - len(shown):,} more", "dim"))
    return table


def _cells(line: SourceLine, *, wide: bool) -> list[RenderableType]:
    behind = (
        Text(console.duration(line.behind_seconds), "red" if line.late else "") if line.behind_seconds else Text("·")
    )
    cells: list[RenderableType] = [
        console.text(line.source),
        Text(line.status, _COLOURS[line.status]),
        _work(line, wide=wide),
        Text(f"{line.rate:,.0f}/s" if line.rate else "", "dim"),
        Text(console.duration(line.left_seconds) if line.left_seconds is not None else "", "dim"),
        Text(f"{line.quarantined:,}" if line.quarantined else "·", "yellow" if line.quarantined else ""),
        behind,
    ]
    return [*cells, console.age(line.in_step_at)] if wide else cells


def _work(line: SourceLine, *, wide: bool) -> Text:
    """The stage with a bar and how much is done."""
    if not line.stage:
        return Text("")
    if line.quiet_seconds:
        return Text(f"{line.stage}, silent for {console.duration(line.quiet_seconds)}", "yellow")
    amount = f"{line.done:,}" + ("" if line.total is None else f"/{line.total:,}")
    if not line.unit:
        return Text(line.stage)
    said = Text(f"{line.stage:<10} " if wide else f"{line.stage} ")
    if line.total and wide:
        full = min(_BAR, round(_BAR * line.done / line.total))
        said.append("━" * full, "cyan").append("━" * (_BAR - full), "dim").append(" ")
    return said.append(f"{amount} {line.unit}" if wide else amount)


def _daemon_words(automation: Automation, now: datetime) -> Text:
    heard = automation.heard_at()
    if heard is None:
        return Text("no daemon", "dim")
    if not automation.is_alive(now):
        return Text(f"daemon not heard of for {console.duration((now - heard).total_seconds())}", "red")
    failing = [one.name for one in automation.tickers if one.is_on and one.failures]
    return Text(f"daemon up, failing: {', '.join(failing)}", "red") if failing else Text("daemon up", "green")


def _queue_line(automation: Automation) -> Text:
    running = sum(run.status != "queued" for run in automation.runs)
    said = Text.assemble(("queue  ", "bold"), f"{automation.queued} queued, {running} under way")
    if automation.paused_since:
        said.append(f", paused {console.age(automation.paused_since)}", "yellow")
    return said


def _run_lines(snapshot: Snapshot) -> list[Text]:
    """Runs that have not ended; those of sources are in the table already, but for queued ones."""
    at_work = {line.source for line in snapshot.sources if line.stage}
    runs = snapshot.automation.runs
    others = [run for run in runs if run.source not in at_work and (run.status == "queued" or not run.source)]
    return [
        console.text(
            f"  {run.status} {run.source or run.job} since {console.duration(_age(run.created_at, snapshot.at))}"
            f", run {run.run_id[:8]}" + (f", priority {run.priority}" if run.priority else ""),
            "dim",
        )
        for run in others[:_MOST_RUNS]
    ]


def _pool_line(automation: Automation) -> Text:
    said = Text.assemble(("pools  ", "bold"))
    for number, pool in enumerate(automation.pools):
        waiting = f" +{pool.waiting}" if pool.waiting else ""
        limit = "∞" if pool.limit is None else str(pool.limit)
        said.append(", " if number else "")
        said.append(console.plain(f"{pool.name} {pool.used}/{limit}{waiting}"), "yellow" if pool.waiting else "")
    return said


def _budget_lines(snapshot: Snapshot) -> list[Text]:
    """Sites that make us wait, or have a limit."""
    lines = []
    for one in snapshot.budgets:
        if one.blocked_seconds:
            said = f"wants no request for {console.duration(one.blocked_seconds)}"
        elif one.wait_seconds >= 0.1:
            said = f"next request in {one.wait_seconds:.1f} s"
        elif one.spacing_seconds:
            said = f"asks for {one.spacing_seconds:.1f} s between requests"
        elif one.per_minute:
            said = f"free (at most {one.per_minute:g} a minute)"
        else:
            continue
        style = "yellow" if one.blocked_seconds else ""
        lines.append(Text.assemble(("budget ", "bold"), console.text(f"{one.site}: {said}", style)))
    return lines


def _process_line(snapshot: Snapshot) -> Text:
    shown = snapshot.processes[:_MOST_PROCESSES]
    words = [f"{one.what} {one.cpu:.0%} {console.size(one.memory)}" for one in shown]
    more = len(snapshot.processes) - len(shown)
    return Text.assemble(
        ("procs  ", "bold"), console.text(", ".join(words)), (f" and {more} more" if more else "", "dim")
    )


def _lines(part: RenderableType) -> int:
    return len(part) if isinstance(part, Sequence) else 1


def _age(moment: datetime, now: datetime) -> float:
    return max(0.0, (now - moment).total_seconds())
