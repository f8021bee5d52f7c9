"""`health`: every part the pipeline stands on is asked, with an exit code for scripts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, TypedDict

import typer

from vector_pipeline.cli import console

if TYPE_CHECKING:
    from vector_pipeline.monitoring.probe import Probe

_COLOURS = {"ok": "green", "degraded": "yellow", "failed": "red"}


class ProbeJson(TypedDict):
    """One part and how it is."""

    # What was asked: "state store", "index", "daemon", "source git/handbook", "disk of /data"
    name: str
    # ok, degraded (works or is switched off, somebody should know) or failed
    state: str
    # Seconds until the answer
    seconds: float
    # What is so
    message: str
    # What a person can do, empty for nothing
    hint: str


class HealthJson(TypedDict):
    """The answers of all parts."""

    # The worst of the states
    state: str
    # The parts, in the order they are shown
    probes: list[ProbeJson]


def health_command(
    source: Annotated[list[str] | None, typer.Option("--source", help="Only this source; repeatable.")] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Fail for what is degraded, too.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Ask every part whether it works: store, index, model, sources, daemon, disks.

    Exits with 0 where all is well, with 1 where something failed. Nothing is changed and nothing is recorded.

    Example: vector-pipeline health --strict
    """
    from vector_pipeline.monitoring.health import worst
    from vector_pipeline.settings_yaml import SettingsError

    try:
        probes = _probes(source)
    except SettingsError as error:
        from vector_pipeline.monitoring.probe import Probe

        probes = [Probe("settings", "failed", 0.0, error.message, error.hint)]
    state = worst(probes)
    if as_json:
        console.print_json(_document(state, probes))
    else:
        _print(probes)
    if state == "failed" or (strict and state == "degraded"):
        raise typer.Exit(console.FAILED)


def _probes(wanted: Sequence[str] | None) -> list[Probe]:
    from vector_pipeline.cli.looking import automation
    from vector_pipeline.monitoring.health import known_partitions, look
    from vector_pipeline.monitoring.probe import Probe
    from vector_pipeline.monitoring.probes import impatient
    from vector_pipeline.sync.pipeline import Pipeline

    loaded = console.load()
    with Pipeline(impatient(loaded.settings), loaded.data_dir) as pipeline:
        if wanted:
            known = known_partitions(pipeline)
            if unknown := [name for name in wanted if name not in known]:
                console.wrong_use(f"no source {unknown[0]!r}; there are: {', '.join(known) or 'none'}")
        chosen = list(dict.fromkeys(wanted)) if wanted else None
        settings = Probe("settings", "ok", 0.0, str(loaded.path))
        with automation(loaded.data_dir) as seen:
            return [settings, *look(pipeline, seen, chosen)]


def _document(state: str, probes: Sequence[Probe]) -> HealthJson:
    rows: list[ProbeJson] = [
        {
            "name": one.name,
            "state": one.state,
            "seconds": round(one.seconds, 3),
            "message": one.message,
            "hint": one.hint,
        }
        for one in probes
    ]
    return {"state": state, "probes": rows}


def _print(probes: Sequence[Probe]) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("part", overflow="fold")
    table.add_column("state", no_wrap=True)
    table.add_column("seconds", justify="right", no_wrap=True)
    table.add_column("what is so", overflow="fold")
    for one in probes:
        said = console.text(one.message)
        if one.hint:
            said.append("\n→ " if console.out.is_terminal else " → ", "dim").append_text(console.text(one.hint, "dim"))
        table.add_row(console.text(one.name), Text(one.state, _COLOURS[one.state]), f"{one.seconds:.2f}", said)
    console.out.print(table)
