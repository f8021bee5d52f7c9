"""`queue`: what runs and what waits in Dagster's queue, and the person's hand on it: pause, resume, cancel, retry."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vector_pipeline.cli import console
from vector_pipeline.cli.queue_json import (
    CanceledJson,
    CanceledRunJson,
    PausedJson,
    PauseJson,
    PoolJson,
    QueuedRunJson,
    QueueJson,
    RetriedJson,
)

if TYPE_CHECKING:
    import dagster as dg

    from vector_pipeline.orchestration.queue_pause import Pause
    from vector_pipeline.orchestration.queue_status import Queue, Waiting

queue_app = typer.Typer(no_args_is_help=True)

SHOWN = 40
"""Runs that are listed on a terminal; `--json` has all of them."""

SHORT_ID = 8
_COLOURS = {"running": "cyan", "starting": "cyan", "stopping": "yellow", "queued": ""}
_Json = Annotated[bool, typer.Option("--json", help="As JSON.")]


@queue_app.command("status")
def status_command(as_json: _Json = False) -> None:
    """Show what runs, what waits, what the pools hold, and whether anything starts.

    Example: vector-pipeline queue status
    """
    from vector_pipeline.orchestration.queue_status import look_at_queue

    with opened_instance() as (instance, _):
        queue = look_at_queue(instance)
    if as_json:
        console.print_json(_queue_json(queue))
    else:
        _print(queue)


@queue_app.command("pause")
def pause_command(
    reason: Annotated[str, typer.Option("--reason", help="Why; shown wherever the pause is.")] = "",
    as_json: _Json = False,
) -> None:
    """Start nothing from now on; what runs goes on to its end. Holds until `queue resume`, over restarts.

    Example: vector-pipeline queue pause --reason "Qdrant is being moved"
    """
    from vector_pipeline.orchestration.queue_pause import pause, paused
    from vector_pipeline.orchestration.queue_status import can_pause

    with opened_instance() as (instance, home):
        if not can_pause(instance):
            console.wrong_use(
                f"{home / 'dagster.yaml'} names another run coordinator, which can't be paused; take over the section "
                "run_coordinator of the dagster.yaml that comes with vector-pipeline"
            )
        before = paused(instance)
        now = pause(instance, reason)
        _tell_pause(instance, now, changed=before is None, as_json=as_json)


@queue_app.command("resume")
def resume_command(as_json: _Json = False) -> None:
    """Let runs start again, within seconds.

    Example: vector-pipeline queue resume
    """
    from vector_pipeline.orchestration.queue_pause import resume

    with opened_instance() as (instance, _):
        ended = resume(instance)
        _tell_pause(instance, None, changed=ended is not None, as_json=as_json)


@queue_app.command("cancel")
def cancel_command(
    run: Annotated[str, typer.Argument(help="The id of a run, or the beginning of one.")] = "",
    all_queued: Annotated[bool, typer.Option("--all-queued", help="All runs that wait.")] = False,
    as_json: _Json = False,
) -> None:
    """Cancel a run that waits, or stop one that is under way; the next sync goes on from there.

    Example: vector-pipeline queue cancel 3f2a
    """
    from vector_pipeline.orchestration.queue_runs import cancel, cancel_queued, find_run

    if bool(run) == all_queued:
        console.wrong_use("name a run, or give --all-queued")
    with opened_instance() as (instance, _):
        if all_queued:
            done = [CanceledRunJson(run_id=one, state="canceled") for one in cancel_queued(instance)]
        else:
            found = find_run(instance, run)
            state = cancel(instance, console.load().data_dir, found)
            done = [CanceledRunJson(run_id=found.run_id, state=state)]
    if as_json:
        console.print_json(CanceledJson(runs=done))
        return
    for one in done:
        said = "is stopping" if one["state"] == "stopping" else "is canceled"
        console.out.print(console.text(f"run {one['run_id']} {said}"), soft_wrap=True)
    if not done:
        console.out.print("no run waits in the queue")


@queue_app.command("retry")
def retry_command(
    run: Annotated[str, typer.Argument(help="The id of a run that has ended, or the beginning of one.")],
    as_json: _Json = False,
) -> None:
    """Run an ended run again: behind the steps that succeeded where some did, else from the start.

    Example: vector-pipeline queue retry 3f2a
    """
    from vector_pipeline.orchestration.queue_runs import find_run, retry

    with opened_instance() as (instance, _):
        parent = find_run(instance, run)
        again, goes_on = retry(instance, parent)
    if as_json:
        console.print_json(RetriedJson(run_id=again.run_id, parent_run_id=parent.run_id, from_failure=goes_on))
        return
    how = "goes on where it failed" if goes_on else "starts from the beginning"
    console.out.print(console.text(f"run {again.run_id} is queued and {how}"), soft_wrap=True)
    console.out.print(f"follow it with `vector-pipeline watch {again.run_id[:SHORT_ID]}`", soft_wrap=True)


@contextmanager
def opened_instance() -> Iterator[tuple[dg.DagsterInstance, Path]]:
    """Dagster's instance of the settings in force, with its home."""
    from vector_pipeline.orchestration.instance import prepare_dagster_home
    from vector_pipeline.orchestration.launch import terminal_instance

    home = prepare_dagster_home(console.load())
    with terminal_instance(home) as instance:
        yield instance, home


def warn_if_nothing_starts(instance: dg.DagsterInstance) -> None:
    """Says on standard error why what is queued will wait: a pause, or no daemon."""
    from vector_pipeline.orchestration.queue_pause import paused
    from vector_pipeline.orchestration.queue_status import is_alive, last_heartbeat

    if there := paused(instance):
        console.err.print(console.text(f"{_pause_words(there)}; `queue resume` ends the pause", "yellow"))
    if not is_alive(last_heartbeat(instance)):
        console.err.print("no daemon runs, nothing starts: start it with `vector-pipeline dev`", style="yellow")


def pause_json(pause: Pause | None) -> PauseJson | None:
    """A pause as JSON."""
    return None if pause is None else PauseJson(since=pause.since.isoformat(), reason=pause.reason)


def _tell_pause(instance: dg.DagsterInstance, pause: Pause | None, *, changed: bool, as_json: bool) -> None:
    from vector_pipeline.orchestration.queue_status import unfinished_runs

    runs = unfinished_runs(instance)
    queued = sum(run.state == "queued" for run in runs)
    under_way = len(runs) - queued
    if as_json:
        told = PausedJson(paused=pause_json(pause), changed=changed, under_way=under_way, queued=queued)
        console.print_json(told)
        return
    if pause:
        ends = f"; {under_way} under way go on to their end" if under_way else ""
        console.out.print(console.text(f"{_pause_words(pause)}; {queued} runs wait{ends}"), soft_wrap=True)
    else:
        words = "runs start again" if changed else "the queue was not paused"
        console.out.print(console.text(f"{words}; {queued} wait"), soft_wrap=True)


def _pause_words(pause: Pause) -> str:
    why = f": {pause.reason}" if pause.reason else ""
    return f"the queue is paused since {pause.since:%Y-%m-%d %H:%M} UTC{why}"


def _queue_json(queue: Queue) -> QueueJson:
    now = datetime.now(UTC)
    return QueueJson(
        paused=pause_json(queue.pause),
        daemon_alive=queue.is_alive,
        daemon_heard_at=queue.heard_at.isoformat() if queue.heard_at else None,
        limit=queue.runs,
        bulk_limit=queue.bulk,
        runs=[_run_json(run, now) for run in queue.unfinished],
        pools=[PoolJson(name=one.name, limit=one.limit, used=one.used, waiting=one.waiting) for one in queue.pools],
    )


def _run_json(run: Waiting, now: datetime) -> QueuedRunJson:
    return QueuedRunJson(
        run_id=run.run_id,
        job=run.job,
        source=run.source,
        state=run.state,
        reason=run.reason,
        priority=run.priority,
        bulk=run.is_bulk,
        asked_at=run.asked_at.isoformat(),
        started_at=run.started_at.isoformat() if run.started_at else None,
        age=round((now - run.asked_at).total_seconds(), 3),
    )


def _print(queue: Queue) -> None:
    from rich.table import Table

    heard = f"last heard of {console.age(queue.heard_at)}" if queue.heard_at else "it has never run"
    if queue.pause:
        console.out.print(console.text(_pause_words(queue.pause), "yellow"), soft_wrap=True)
    if queue.is_alive:
        console.out.print(f"the daemon runs, {heard}", soft_wrap=True)
    else:
        console.out.print(f"no daemon runs ({heard}): nothing starts; `vector-pipeline dev` starts it", style="yellow")
    if not queue.unfinished:
        console.out.print("no run is queued or under way")
    else:
        runs = Table(box=None, pad_edge=False, header_style="bold")
        for title in ("run", "source", "state", "why"):
            runs.add_column(title, overflow="fold")
        for title in ("priority", "age"):
            runs.add_column(title, justify="right", no_wrap=True)
        for run in queue.unfinished[:SHOWN]:
            runs.add_row(
                run.run_id[:SHORT_ID],
                console.text(run.source or run.job),
                console.text(run.state, _COLOURS[run.state]),
                console.text(run.reason + (" (bulk)" if run.is_bulk else "")),
                str(run.priority),
                console.age(run.asked_at).removesuffix(" ago"),
            )
        console.out.print(runs)
        if (more := len(queue.unfinished) - SHOWN) > 0:
            console.out.print(f"and {more} more")
    if queue.pools:
        held = ", ".join(
            f"{one.name} {one.used}/{'∞' if one.limit is None else one.limit}"
            + (f" ({one.waiting} wait)" if one.waiting else "")
            for one in queue.pools
        )
        console.out.print(console.text(f"pools: {held}"), soft_wrap=True)
