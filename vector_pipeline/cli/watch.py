"""`watch`: follows runs of the daemon to their end, wherever they were asked for. Watching changes nothing."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from vector_pipeline.cli import console
from vector_pipeline.cli.queue_json import WatchedRunJson, WatchJson

if TYPE_CHECKING:
    import dagster as dg
    from rich.table import Table

    from vector_pipeline.orchestration.queue_watch import Seen
    from vector_pipeline.sync.pipeline import Pipeline

POLL_SECONDS = 0.5
LINE_SECONDS = 5.0
"""Where the output is not a terminal: seconds between two lines about the same stage of a run."""

_MOST_ROWS = 30
_COLOURS = {"done": "green", "failed": "red", "canceled": "yellow", "running": "cyan"}


def watch_command(
    run: Annotated[
        list[str] | None, typer.Argument(help="Ids of runs, or their beginnings; else all that have not ended.")
    ] = None,
    source: Annotated[list[str] | None, typer.Option("--source", "-s", help="Only runs of it; repeatable.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print how they ended as JSON.")] = False,
) -> None:
    """Follow runs until they end. Ctrl-C ends the watching, the runs go on.

    Exits with 0 where all were done, with 1 where one failed, was canceled, or still goes on.

    Example: vector-pipeline watch --source git/handbook
    """
    from vector_pipeline.cli.queue import opened_instance, warn_if_nothing_starts
    from vector_pipeline.orchestration.queue_watch import look_at_runs

    if run and source:
        console.wrong_use("name runs or sources, not both")
    with console.opened() as pipeline, opened_instance() as (instance, _):
        wanted = _chosen(pipeline, instance, run or [], source or [])
        warn_if_nothing_starts(instance)
        try:
            seen = _follow(pipeline, instance, wanted, quiet=as_json)
        except KeyboardInterrupt:
            seen = look_at_runs(instance, pipeline, wanted)
            console.err.print("the runs go on; `vector-pipeline watch` follows them again", soft_wrap=True)
    if as_json:
        console.print_json(WatchJson(runs=[_as_json(one) for one in seen]))
    elif not wanted:
        console.out.print("no run is queued or under way")
    if any(one.state != "done" for one in seen):
        raise typer.Exit(console.FAILED)


def _chosen(pipeline: Pipeline, instance: dg.DagsterInstance, runs: Sequence[str], sources: Sequence[str]) -> list[str]:
    """The ids of the runs to follow."""
    from vector_pipeline.orchestration.queue_runs import find_run
    from vector_pipeline.orchestration.queue_status import unfinished_runs

    if runs:
        return list(dict.fromkeys(find_run(instance, one).run_id for one in runs))
    names = set(console.known_sources(pipeline, sources, with_sites=True))
    return [one.run_id for one in unfinished_runs(instance) if not sources or one.source in names]


def _follow(pipeline: Pipeline, instance: dg.DagsterInstance, wanted: Sequence[str], *, quiet: bool) -> list[Seen]:
    """Shows the runs until all have ended; how they ended."""
    from rich.live import Live

    from vector_pipeline.orchestration.queue_watch import look_at_runs

    said = _Lines()
    live = console.out.is_terminal and not quiet
    with Live(console=console.out, transient=True, auto_refresh=False) if live else _Nothing() as shown:
        while True:
            seen = look_at_runs(instance, pipeline, wanted)
            for one in seen:
                line = said.about(one, ends_only=live)
                if line and not quiet:
                    console.out.print(console.text(line, _COLOURS.get(one.state, "")), soft_wrap=True)
            if all(one.has_ended for one in seen):
                return seen
            if isinstance(shown, Live):
                shown.update(_table(seen), refresh=True)
            time.sleep(POLL_SECONDS)


class _Nothing:
    """Stands for the display where there is none."""

    def __enter__(self) -> _Nothing:
        return self

    def __exit__(self, *_: object) -> None:
        return None


class _Lines:
    """What is worth a line: a new state or stage, further work after a while, and the end."""

    def __init__(self) -> None:
        self._told: dict[str, tuple[str, str, int]] = {}
        self._at: dict[str, float] = {}

    def about(self, run: Seen, *, ends_only: bool) -> str:
        """The line about a run now, "" for none."""
        told, now = self._told.get(run.run_id), (run.state, run.stage, run.done)
        is_new = told is None or told[0] != now[0] or (run.stage and told[1] != now[1])
        late = time.monotonic() - self._at.get(run.run_id, 0.0) >= LINE_SECONDS
        if told == now or not (is_new or late) or (ends_only and not run.has_ended):
            return ""
        self._told[run.run_id], self._at[run.run_id] = now, time.monotonic()
        return _line(run)


def _line(run: Seen) -> str:
    head = f"{run.run_id[:8]} {run.label}: {run.state}"
    if run.has_ended:
        return "; ".join(filter(None, (head, run.summary.removeprefix(f"{run.label}: "), run.error)))
    return f"{head}, {run.stage}: {_amount(run)}" if run.stage else head


def _amount(run: Seen) -> str:
    return f"{run.done:,}{'' if run.total is None else f'/{run.total:,}'} {run.unit}".rstrip()


def _table(seen: Sequence[Seen]) -> Table:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, show_header=False)
    going = sorted((one for one in seen if not one.has_ended), key=lambda one: one.state == "queued")
    for one in going[:_MOST_ROWS]:
        what = f"{one.stage} {_amount(one)}" if one.stage else ""
        state = console.text(one.state, _COLOURS.get(one.state, ""))
        table.add_row(one.run_id[:8], console.text(one.label), state, console.text(what))
    if (more := len(going) - _MOST_ROWS) > 0:
        table.add_row("", f"and {more} more")
    return table


def _as_json(run: Seen) -> WatchedRunJson:
    return WatchedRunJson(run_id=run.run_id, source=run.source, state=run.state, summary=run.summary, error=run.error)
