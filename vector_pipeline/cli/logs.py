"""`logs`: the log file read back, filtered by source, run and weight, to its end or as it grows."""

from __future__ import annotations

import json
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vector_pipeline.cli import console
from vector_pipeline.logs.lines import FACTS, short_run

if TYPE_CHECKING:
    from pathlib import Path

    from vector_pipeline.logs.lines import Entry
    from vector_pipeline.logs.reading import Wanted

_COLOURS = {"warning": "yellow", "error": "red", "critical": "red", "debug": "dim"}


def logs_command(
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Wait for more, until Ctrl-C.")] = False,
    source: Annotated[str, typer.Option("--source", "-s", help="Only of TYPE/NAME, or of a whole site.")] = "",
    run: Annotated[str, typer.Option("--run", help="Only of the run whose id begins so.")] = "",
    level: Annotated[str, typer.Option("--level", help="At least debug, info, warning or error.")] = "debug",
    lines: Annotated[int, typer.Option("--lines", "-n", help="The last so many.", min=0, max=1_000_000)] = 200,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON; with --follow an object per line.")] = False,
) -> None:
    """Show the log file: what runs did, with their ids, sources and documents.

    Example: vector-pipeline logs --source git/handbook --level warning
    """
    from vector_pipeline.logs.lines import LEVELS
    from vector_pipeline.logs.reading import Wanted, latest

    if level.lower() not in LEVELS:
        console.wrong_use(f"--level {level!r} is no level; there are: {', '.join(LEVELS)}")
    settings = console.load().settings.logs
    if settings.file is None:
        console.wrong_use("there is no log file; name one as `file` below `logs` in pipeline.yaml")
    wanted = Wanted(source, run, level.lower())
    try:
        if follow:
            _follow(settings.file, wanted, lines, as_json=as_json)
        elif as_json:
            console.print_json({"lines": [_document(entry) for entry in latest(settings.file, wanted, lines)]})
        else:
            for entry in latest(settings.file, wanted, lines):
                _print(entry)
    except OSError as error:
        console.wrong_use(f"{settings.file} can't be read: {error.strerror}")


def _follow(path: Path, wanted: Wanted, lines: int, *, as_json: bool) -> None:
    """Shows the last lines, and those that come, until Ctrl-C."""
    from vector_pipeline.logs.reading import Tail, latest

    tail = Tail(path)
    show = _print_json if as_json else _print
    with suppress(KeyboardInterrupt):
        for known in latest(path, wanted, lines, tail.begin):
            show(known)
        for entry in tail.follow(wanted):
            if entry is not None:
                show(entry)


def _print(entry: Entry) -> None:
    moment = entry.time.astimezone().strftime("%Y-%m-%d %H:%M:%S")
    facts = " ".join(f"{name}={_short(value)}" for name, value in entry.facts.items() if name != "counts")
    words = [moment, f"{entry.level:<7}", entry.source or "-", short_run(entry.run) or "-", entry.message, facts]
    console.out.print(console.text(" ".join(filter(None, words)), _COLOURS.get(entry.level, "")), soft_wrap=True)


def _print_json(entry: Entry) -> None:
    sys.stdout.write(json.dumps(_document(entry)) + "\n")
    sys.stdout.flush()


def _document(entry: Entry) -> dict[str, Any]:
    return {
        "time": entry.time.isoformat(),
        "level": entry.level,
        "logger": entry.logger,
        "source": entry.source,
        "run": entry.run,
        "message": entry.message,
        **{name: entry.facts[name] for name in (*FACTS, "error") if name in entry.facts},
    }


def _short(value: Any) -> str:
    return f"{value:.3f}" if isinstance(value, float) else str(value)
