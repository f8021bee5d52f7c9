"""`import-config`: a qdrant-loader configuration as a `pipeline.yaml`, with what became of each part of it."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from vector_pipeline.cli import console

if TYPE_CHECKING:
    from vector_pipeline.settings_import.convert import Imported

_STYLES = {"missing": "red", "secret": "yellow", "differs": "yellow", "not needed": "dim", "carried": "green"}


def import_config_command(
    config: Annotated[Path, typer.Argument(help="The config.yaml of qdrant-loader.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Where to write ours.")] = Path("pipeline.yaml"),
    force: Annotated[bool, typer.Option("--force", help="Replace an existing file.")] = False,
    show_all: Annotated[bool, typer.Option("--all", help="List what was carried over as it is, too.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print what became of each part as JSON.")] = False,
) -> None:
    """Turn a qdrant-loader configuration into a pipeline.yaml.

    Exit code 1 says that something that decides what is indexed has no counterpart; the file is written all the same.

    Example: vector-pipeline import-config config.yaml --output pipeline.yaml
    """
    from vector_pipeline.settings_import.convert import import_config
    from vector_pipeline.settings_yaml import MAX_BYTES

    if output.exists() and not force:
        console.wrong_use(f"{output} exists; --force replaces it")
    try:
        with config.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        console.wrong_use(f"{config} can't be read: {error.strerror}")
    done = import_config(data, str(config))
    try:
        _write(output, done.render())
    except OSError as error:
        console.wrong_use(f"{output} can't be written: {error.strerror}")
    if as_json:
        console.print_json(_as_json(done, output))
    else:
        _print(done, output, show_all=show_all)
    if not done.is_complete:
        raise typer.Exit(console.FAILED)


def _write(path: Path, text: str) -> None:
    """Writes the file in one step, so that what was there stays whole where that fails."""
    draft = path.with_name(f".{path.name}.new")
    draft.write_text(text, "utf-8")
    os.replace(draft, path)


def _as_json(done: Imported, output: Path) -> dict[str, Any]:
    outcomes = [{**asdict(outcome), "where": outcome.place} for outcome in done.outcomes]
    return {"written": str(output), "complete": done.is_complete, "outcomes": outcomes}


def _print(done: Imported, output: Path, *, show_all: bool) -> None:
    """The outcomes as a table, those without a remark only if asked for."""
    from rich.table import Table

    shown = [outcome for outcome in done.outcomes if show_all or outcome.kind != "carried"]
    if shown:
        table = Table(box=None, pad_edge=False, header_style="bold")
        for title in ("theirs", "outcome", "ours", "note"):
            table.add_column(title, overflow="fold", no_wrap=title == "outcome")
        for outcome in shown:
            kind = Text(outcome.kind, style=_STYLES[outcome.kind])
            table.add_row(console.text(outcome.place), kind, console.text(outcome.target), console.text(outcome.note))
        console.out.print(table)
    sources = sum(len(named) for named in done.settings.get("sources", {}).values())
    carried = sum(outcome.kind == "carried" for outcome in done.outcomes)
    line = f"wrote {output}: {sources:,} sources; {carried:,} settings carried over as they are"
    console.out.print(console.text(line), soft_wrap=True)
    secrets = sum(outcome.kind == "secret" for outcome in done.outcomes)
    if secrets:
        console.out.print(
            console.text(f"{secrets:,} secrets have to be set in the environment", "yellow"), soft_wrap=True
        )
    console.out.print("next: vector-pipeline --config <the file> config", soft_wrap=True, markup=False)
