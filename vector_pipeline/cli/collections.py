"""`collections`, `switch` and `rollback`: which collections there are, and which one searches use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vector_pipeline.cli import console

if TYPE_CHECKING:
    from vector_pipeline.consistency.switching import Switching

_COLOURS = {"live": "green", "building": "cyan", "rejected": "yellow", "former": "dim", "gone": "red"}
_UNITS = ("B", "kB", "MB", "GB", "TB")

AllowMissing = Annotated[
    bool, typer.Option("--allow-missing", help="Also where documents that are found now could not be brought into it.")
]
AsJson = Annotated[bool, typer.Option("--json", help="As JSON.")]


def collections_command(as_json: AsJson = False) -> None:
    """List the collections built from here: the one that searches use, the one being built, former ones.

    Example: vector-pipeline collections
    """
    from vector_pipeline.sync.builds import build_progress
    from vector_pipeline.sync.collection_list import list_collections

    with console.opened() as pipeline:
        rows = [row.as_dict() for row in list_collections(pipeline)]
        progress = build_progress(pipeline)
    if as_json:
        console.print_json({"collections": rows})
        return
    if not rows:
        console.out.print("no collections; `vector-pipeline sync` builds the first")
        return
    _print(rows)
    if progress:
        console.print_progress(progress)


def switch_command(allow_missing: AllowMissing = False, as_json: AsJson = False) -> None:
    """Complete the collection of the settings from stored texts, and move searches to it if its checks pass.

    A sync does this by itself, but for a collection that `rollback` has left, and where a source can't be reached.

    Example: vector-pipeline switch --allow-missing
    """
    from vector_pipeline.consistency.switching import settle_alias

    with console.opened() as pipeline:
        result = settle_alias(pipeline, asked=True, allow_missing=allow_missing)
    _report(result, as_json=as_json)


def rollback_command(
    now: Annotated[
        bool, typer.Option("--now", help="As it is: do not bring it up to date first; some documents may be missing.")
    ] = False,
    allow_missing: AllowMissing = False,
    as_json: AsJson = False,
) -> None:
    """Move searches back to the collection they used before.

    It is brought up to date from stored texts first. The one that searches leave is kept in step, but searches go there
    again only by `switch`.

    Example: vector-pipeline rollback
    """
    from vector_pipeline.consistency.switching import roll_back

    with console.opened() as pipeline:
        result = roll_back(pipeline, now=now, allow_missing=allow_missing)
    _report(result, as_json=as_json)


def _report(result: Switching, *, as_json: bool) -> None:
    """Says where searches are; a move that was wanted and not made is a failure."""
    from dataclasses import asdict

    from vector_pipeline.consistency.switching import refused

    if as_json:
        console.print_json(asdict(result))
    elif result.moved:
        console.out.print(f"searches use {result.collection} now", soft_wrap=True)
        if result.missing:
            line = f"{result.missing:,} documents that were found before are not in it"
            console.err.print(console.text(line, "yellow"), soft_wrap=True)
    elif not result.reason:
        console.out.print(f"searches use {result.collection} already", soft_wrap=True)
    else:
        console.print_error(refused(result))
    if result.reason:
        raise typer.Exit(console.FAILED)


def _print(rows: list[dict[str, Any]]) -> None:
    from rich.table import Table
    from rich.text import Text

    wide = console.out.width >= console.NARROW
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("collection", overflow="fold")
    table.add_column("state", no_wrap=True)
    for title in ("points", *(("documents",) if wide else ()), "size"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("made from", overflow="fold")
    if wide:
        table.add_column("made", justify="right", no_wrap=True)
        table.add_column("left", justify="right", no_wrap=True)
    for row in rows:
        state = f"building {row['percent']} %" if row["state"] == "building" else row["state"]
        table.add_row(
            console.text(row["collection"]),
            Text(state, style=_COLOURS.get(row["state"], "")),
            f"{row['points']:,}",
            *([f"{row['documents']:,}"] if wide else []),
            _size(row["bytes"]),
            console.text(_made_from(row)),
            *([_age(row, "created_at"), _age(row, "retired_at")] if wide else []),
        )
    console.out.print(table)


def _made_from(row: Mapping[str, Any]) -> str:
    """Model, dimensions and chunking in short; empty where it was never recorded."""
    if not row["model"]:
        return "·"
    other = "" if row["distance"] == "Cosine" else f", {row['distance']}"
    return f"{row['model']}, {row['dimensions']}{other}, {row['target_chars']} characters"


def _age(row: Mapping[str, Any], name: str) -> str:
    return console.age(row[name]) if row[name] else "·"


def _size(size: int) -> str:
    value = float(size)
    for unit in _UNITS:
        if value < 1000 or unit == _UNITS[-1]:
            break
        value /= 1000
    return f"{value:.3g} {unit}" if size else "·"
