"""Every command and option explains itself, and help comes at once."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import typer.main

from vector_pipeline.cli.app import app


def commands(group: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command with the words that call it."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name), command


COMMANDS = dict(commands(typer.main.get_command(app)))
NAMES = [" ".join(path) for path in COMMANDS]


def test_these_are_the_commands() -> None:
    assert sorted(NAMES) == [
        "adopt",
        "alerts list",
        "alerts test",
        "backup",
        "backups list",
        "backups prune",
        "backups verify",
        "check",
        "collections",
        "config",
        "dev",
        "documents add",
        "documents history",
        "documents keep-out allow",
        "documents keep-out list",
        "documents list",
        "documents remove",
        "documents show",
        "documents update",
        "health",
        "import-config",
        "init",
        "logs",
        "monitor",
        "performance",
        "prune",
        "quarantine list",
        "quarantine retry",
        "queue cancel",
        "queue pause",
        "queue resume",
        "queue retry",
        "queue status",
        "rebuild",
        "repair",
        "report",
        "reset",
        "restore",
        "rollback",
        "search",
        "serve",
        "state rollback",
        "state status",
        "state upgrade",
        "stats",
        "status",
        "switch",
        "sync",
        "watch",
    ]


@pytest.mark.parametrize("name", NAMES)
def test_a_command_says_what_it_does_and_gives_an_example_that_parses(name: str) -> None:
    command = COMMANDS[tuple(name.split())]
    summary, _, rest = command.help.partition("\n")
    assert summary.endswith(".")
    (example,) = (line.strip() for line in rest.splitlines() if line.strip().startswith("Example:"))
    first = example.removeprefix("Example: ").partition("&&")[0]
    words = shlex.split(first)
    assert words[: 1 + len(name.split())] == ["vector-pipeline", *name.split()]
    command.make_context(name, words[1 + len(name.split()) :])


@pytest.mark.parametrize("name", NAMES)
def test_every_option_and_argument_has_a_help_text(name: str) -> None:
    for parameter in COMMANDS[tuple(name.split())].params:
        assert parameter.help, f"{name}: {parameter.name}"
        assert parameter.help.endswith("."), f"{name}: {parameter.name}"


def test_groups_and_general_options_are_explained() -> None:
    root: Any = typer.main.get_command(app)
    assert root.help
    assert all(parameter.help for parameter in root.params)
    assert all(command.help for command in root.commands.values())


def test_help_loads_nothing_heavy() -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "vector_pipeline", "--help"],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "COLUMNS": "80"},
    )
    assert "Keeps a Qdrant collection exactly in step" in done.stdout
    assert all(len(line) <= 80 for line in done.stdout.splitlines())
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "typer" in loaded
    heavy = {"dagster", "polars", "duckdb", "numpy", "pydantic", "sqlalchemy", "wordllama", "qdrant_client", "openai"}
    assert not loaded & heavy
