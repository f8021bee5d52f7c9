"""`monitor`: what every source, the queue and our processes are doing, once or live."""

from __future__ import annotations

import os
import select
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from vector_pipeline.cli import console

if TYPE_CHECKING:
    from vector_pipeline.monitoring.snapshot import Snapshot
    from vector_pipeline.monitoring.watch import Watch

EVERY_SECONDS = 1.0
"""Time from one page to the next."""

_MEASURED_OVER = 0.2
"""Seconds over which a single snapshot measures CPU."""


def monitor_command(
    live: Annotated[bool, typer.Option("--live", help="Keep the page up to date until q or Ctrl-C.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One snapshot as JSON.")] = False,
) -> None:
    """Watch sources, stages, rates, the queue, errors, CPU, memory and request budgets.

    Works while syncs run in other processes, with and without a daemon.

    Example: vector-pipeline monitor --live
    """
    if live and as_json:
        console.wrong_use("--live is for terminals; --json gives one snapshot")
    if live and not (console.out.is_terminal and sys.stdin.isatty()):
        console.wrong_use("--live needs a terminal; without it one snapshot is shown")
    with _watch() as watch:
        if live:
            _follow(watch)
            return
        watch.snapshot()
        time.sleep(_MEASURED_OVER)
        snapshot = watch.snapshot()
    if as_json:
        from vector_pipeline.cli.monitor_json import document

        console.print_json(document(snapshot))
    else:
        from vector_pipeline.cli.monitor_view import View

        console.out.print(View(snapshot))


@contextmanager
def _watch() -> Iterator[Watch]:
    from vector_pipeline.cli.looking import automation
    from vector_pipeline.monitoring.watch import Watch
    from vector_pipeline.sync.pipeline import Pipeline

    loaded = console.load()
    with ExitStack() as stack:
        pipeline = stack.enter_context(Pipeline(loaded.settings, loaded.data_dir))
        yield Watch(pipeline, stack.enter_context(automation(loaded.data_dir)), str(loaded.path))


def _follow(watch: Watch) -> None:
    """Shows page after page until q or Ctrl-C."""
    from rich.live import Live

    from vector_pipeline.cli.monitor_view import View

    with _keys() as pressed, Live(console=console.out, screen=True, auto_refresh=False) as page:
        snapshot: Snapshot | None = None
        try:
            while True:
                began = time.monotonic()
                snapshot = watch.snapshot()
                page.update(View(snapshot, live=True), refresh=True)
                if pressed(max(0.05, EVERY_SECONDS - (time.monotonic() - began))) in ("q", "Q"):
                    break
        except KeyboardInterrupt:
            pass  # how one leaves
    if snapshot is not None:
        console.out.print(View(snapshot))


@contextmanager
def _keys() -> Iterator[Callable[[float], str]]:
    """Keys as they are pressed, without Enter: gives the next one, or "" after so many seconds."""
    import termios
    import tty

    keyboard = sys.stdin.fileno()
    before = termios.tcgetattr(keyboard)

    def pressed(seconds: float) -> str:
        ready, _, _ = select.select([keyboard], [], [], seconds)
        return os.read(keyboard, 1).decode("ascii", "replace") if ready else ""

    try:
        tty.setcbreak(keyboard)
        yield pressed
    finally:
        termios.tcsetattr(keyboard, termios.TCSADRAIN, before)
