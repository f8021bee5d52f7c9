"""`prune`: shows what is no longer needed and past its retention, and removes it once that was confirmed."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from vector_pipeline.cli import console

if TYPE_CHECKING:
    from vector_pipeline.consistency.prunable import Kind, Prunable
    from vector_pipeline.sync.pipeline import Pipeline

_NAMED = 3
"""Things of a kind that are named one by one."""
_WORTH_TELLING = 10_000_000
"""Free bytes of the state file from which on they are mentioned."""


def prune_command(
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Remove it without asking.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show it.")] = False,
    collections_now: Annotated[
        bool, typer.Option("--collections-now", help="Former collections at once; no rollback after that.")
    ] = False,
    vacuum: Annotated[bool, typer.Option("--vacuum", help="Make the SQLite state file smaller afterwards.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Remove what is no longer needed: former collections, unused texts and vectors, old records and runs.

    Shows it first and asks on a terminal; without one it is removed only with --yes. `retention` in the settings says
    how long each kind is kept.

    Example: vector-pipeline prune --dry-run
    """
    if yes and dry_run:
        console.wrong_use("--yes removes and --dry-run only shows; give one of them")
    from vector_pipeline.consistency.prunable import find_all

    with console.opened() as pipeline, _kinds(pipeline, collections_now=collections_now) as kinds:
        removing = yes
        if not yes:
            shown = find_all(kinds)
            if not as_json:
                _print_table(shown)
            removing = not (dry_run or as_json) and _is_wanted(shown)
        smaller = 0
        if removing:
            shown, smaller = _remove(pipeline, kinds, vacuum=vacuum)
        free = pipeline.store.free_bytes()
    if as_json:
        values = [asdict(one) for one in shown]
        console.print_json({"removed": removing, "kinds": values, "free_bytes": free, "vacuumed_bytes": smaller})
    else:
        _print_end(shown, removing=removing, free=free, smaller=smaller)
    if any(one.error for one in shown):
        raise typer.Exit(console.FAILED)


@contextmanager
def _kinds(pipeline: Pipeline, *, collections_now: bool) -> Iterator[list[Kind]]:
    """All kinds; those of Dagster where it has ever run here."""
    import os

    from vector_pipeline.consistency.pruning import prunable_kinds

    now = datetime.now(UTC)
    kinds = prunable_kinds(pipeline, now, collections_now=collections_now)
    with ExitStack() as opened:
        if os.environ.get("DAGSTER_HOME") or (pipeline.data_dir / "dagster").is_dir():
            import dagster as dg

            from vector_pipeline.orchestration.instance import make_storage, prepare_dagster_home
            from vector_pipeline.orchestration.retention import dagster_kinds

            home = prepare_dagster_home(console.load())
            make_storage(home)
            instance = opened.enter_context(dg.DagsterInstance.from_config(str(home)))
            kinds += dagster_kinds(instance, pipeline.data_dir, now, pipeline.settings.retention.runs)
        yield kinds


def _is_wanted(found: Sequence[Prunable]) -> bool:
    """Whether to go on: asked on a terminal. Where nothing is due what is no longer needed is noted, without a word:
    its time begins."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return False
    return not any(one.number for one in found) or typer.confirm("Remove this?", default=False)


def _remove(pipeline: Pipeline, kinds: Sequence[Kind], *, vacuum: bool) -> tuple[list[Prunable], int]:
    """What was removed, and the bytes by which the state file has become smaller. Raises StateLocked where another
    one prunes."""
    from vector_pipeline.consistency.prunable import free_all
    from vector_pipeline.consistency.pruning import PRUNE_LOCK

    with pipeline.store.lock(PRUNE_LOCK, 0):
        removed = free_all(kinds)
        return removed, pipeline.store.vacuum() if vacuum else 0


def _print_table(found: Sequence[Prunable]) -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("what", no_wrap=True)
    for title in ("number", "size", "oldest", "waiting"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("", overflow="fold")
    for one in found:
        if one.number or one.waiting:
            table.add_row(
                one.kind,
                f"{one.number:,}",
                _size(one.size) if one.size is not None else "",
                console.age(one.oldest) if one.oldest else "",
                f"{one.waiting:,}" if one.waiting else "",
                console.text(", ".join(one.names[:_NAMED]) + (" …" if len(one.names) > _NAMED else "")),
            )
    if table.row_count:
        console.out.print(table)


def _print_end(shown: Sequence[Prunable], *, removing: bool, free: int, smaller: int) -> None:
    """What came of it, in a line; errors; what the state file could give back."""
    number, size = sum(one.number for one in shown), sum(one.size or 0 for one in shown)
    if removing and number:
        told = ", ".join(f"{one.number:,} {one.kind}" for one in shown if one.number)
        console.out.print(f"removed {told}: {_size(size)}", soft_wrap=True)
    elif not number:
        console.out.print("[green]nothing to remove[/green]")
    else:
        console.out.print("nothing was removed; --yes does it without asking", soft_wrap=True)
    if removing and any(one.waiting for one in shown):
        console.out.print("what waits is removed when its time has come, by a later `vector-pipeline prune`")
    for one in shown:
        if one.error:
            console.err.print(console.text(f"{one.kind}: {one.error}", "red"), soft_wrap=True)
    if smaller:
        console.out.print(f"the state file is {_size(smaller)} smaller")
    elif free >= _WORTH_TELLING:
        console.out.print(f"{_size(free)} of the state file are free for what comes next; --vacuum gives them back")


def _size(number: int) -> str:
    """Bytes in their largest unit."""
    for unit, size in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if number >= size:
            return f"{number / size:.1f} {unit}"
    return f"{number} B"
