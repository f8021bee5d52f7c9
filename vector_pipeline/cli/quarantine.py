"""`quarantine`: documents that could not be fetched, converted, cut or embedded, why, and trying them again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from vector_pipeline.cli import console

if TYPE_CHECKING:
    from vector_pipeline.sync.pipeline import Pipeline

quarantine_app = typer.Typer(no_args_is_help=True)


@quarantine_app.command("list")
def list_command(
    source: Annotated[str | None, typer.Option("--source", "-s", help="Only TYPE/NAME.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """List what is in quarantine. Each document keeps its last good version in the index.

    Example: vector-pipeline quarantine list
    """
    with console.opened() as pipeline:
        rows = pipeline.store.quarantined(_partition(pipeline, source)).to_dicts()
        rows = [{**row, "stage": pipeline.shown_stage(row["stage"])} for row in rows]
    if as_json:
        shown = [{**row, "native_id": _name(row)} for row in rows]
        console.print_json({"quarantined": shown})
        return
    if not rows:
        console.out.print("[green]nothing is in quarantine[/green]")
        return
    if console.out.width >= console.NARROW:
        _print_table(rows)
    else:
        _print_blocks(rows)


@quarantine_app.command("retry")
def retry_command(
    source: Annotated[str | None, typer.Option("--source", "-s", help="Only TYPE/NAME.")] = None,
) -> None:
    """Make everything in quarantine due again; the next sync tries it.

    Example: vector-pipeline quarantine retry && vector-pipeline sync
    """
    with console.opened() as pipeline:
        number = pipeline.store.retry_now(_partition(pipeline, source), None)
    if number:
        console.out.print(f"{number:,} due again; `vector-pipeline sync` tries {'it' if number == 1 else 'them'}")
    else:
        console.out.print("[green]nothing is in quarantine[/green]")


def _partition(pipeline: Pipeline, source: str | None) -> int | None:
    """The number of the source that was named, None for all. An unknown name is wrong use."""
    if source is None:
        return None
    console.known_sources(pipeline, [source])
    return pipeline.store.partition(source).partition_id


def _print_table(rows: Sequence[Mapping[str, Any]]) -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("source", "document"):
        table.add_column(title, overflow="fold")
    table.add_column("stage", no_wrap=True)
    table.add_column("reason")
    table.add_column("tries", justify="right", no_wrap=True)
    table.add_column("next try", no_wrap=True)
    for row in rows:
        table.add_row(
            console.text(row["partition"]),
            console.text(_name(row)),
            row["stage"],
            console.text(row["reason"]),
            str(row["attempts"]),
            _next_try(row),
        )
    console.out.print(table)


def _print_blocks(rows: Sequence[Mapping[str, Any]]) -> None:
    """Each document on a line of its own, the reason below: what a narrow terminal has room for."""
    from rich.padding import Padding

    for row in rows:
        name = Text.assemble((console.plain(row["partition"]), "dim"), "  ", (console.plain(_name(row)), "bold"))
        tries = f"{row['attempts']} {'try' if row['attempts'] == 1 else 'tries'}, next {_next_try(row)}"
        reason = Text.assemble(f"{row['stage']}: {console.plain(row['reason'])}  ", (tries, "dim"))
        console.out.print(name, soft_wrap=True)
        console.out.print(Padding(reason, (0, 0, 0, 3), expand=False))


def _name(row: Mapping[str, Any]) -> str:
    return str(row["native_id"].decode("utf-8", "backslashreplace"))


def _next_try(row: Mapping[str, Any]) -> str:
    retry = row["retry_at"]
    return f"{retry.astimezone():%m-%d %H:%M}" if retry else "when it changes"
