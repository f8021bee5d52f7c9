"""docs/reference/commands.md: every command with its arguments and options, from the command line itself."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import typer.main

from vector_pipeline.cli.app import app
from vector_pipeline_tests.docs.tables import anchor, code, prose, table

_HEAD = """\
# Commands

Every command, made from the code; `--help` behind a command says the same. Options for all commands stand in front of
the command: `vector-pipeline --config other.yaml status`.

Exit codes: 0 all done, 1 something failed or is in quarantine, 2 wrong use. An error is one line and a hint on standard
error; the traceback comes with `--debug`. What `--json` prints is described in [JSON](json.md).
"""


def commands_page() -> str:
    """The text of the page."""
    root: Any = typer.main.get_command(app)
    lines = [_HEAD, "## Options for all commands", "", *_parameters(root), "## Commands by name", ""]
    found = sorted(commands(root))
    lines += table(
        ["command", "what it does"], ([f"[`{name}`](#{anchor(name)})", _summary(one)] for name, one in found)
    )
    for name, command in found:
        lines += _command(name, command)
    return "\n".join(lines).rstrip() + "\n"


def commands(group: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    """Every command under the words that call it."""
    for name, command in group.commands.items():
        if command.hidden:
            continue
        if hasattr(command, "commands"):
            yield from commands(command, (*path, name))
        else:
            yield " ".join((*path, name)), command


def _command(name: str, command: Any) -> Iterator[str]:
    paragraphs = [" ".join(part.split()) for part in (command.help or "").replace("\b", "").split("\n\n")]
    example = next((part for part in paragraphs if part.startswith("Example:")), "")
    yield f"## `{name}`"
    yield ""
    for part in paragraphs:
        if part and part != example:
            yield prose(part)
            yield ""
    usage = [f"vector-pipeline {name}", *(_usage(one) for one in command.params), "[options]"]
    yield from ["```text", " ".join(filter(None, usage)), "```", ""]
    yield from _parameters(command)
    if example:
        yield f"Example: {code(example.removeprefix('Example:').strip())}"
        yield ""


def _parameters(command: Any) -> list[str]:
    shown = [one for one in command.params if one.name != "help" and not getattr(one, "hidden", False)]
    return table(
        ["option or argument", "values", "default", "what it does"],
        ([_spelling(one), _values(one), _default(one), prose(one.help or "")] for one in shown),
    )


def _usage(parameter: Any) -> str:
    return "" if parameter.param_type_name != "argument" else _name(parameter, needed=parameter.required)


def _name(argument: Any, *, needed: bool = True) -> str:
    """An argument as help writes it: QUERY, or [FOLDER] where it may be left out."""
    name = (argument.metavar or argument.name.upper().rstrip("_")).strip("[]").removesuffix("...")
    name += "…" if argument.nargs == -1 else ""
    return name if needed else f"[{name}]"


def _spelling(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        return code(_name(parameter))
    return ", ".join(code(one) for one in [*parameter.opts, *parameter.secondary_opts])


def _values(parameter: Any) -> str:
    if getattr(parameter, "is_flag", False):
        return ""
    annotation = parameter.type_descriptor.annotation
    if get_origin(annotation) in (list, tuple):
        annotation = get_args(annotation)[0]
    if get_origin(annotation) is Literal:
        return ", ".join(code(str(value)) for value in get_args(annotation))
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return ", ".join(code(str(one.value)) for one in annotation)
    name = {int: "whole number", float: "number", Path: "path"}.get(annotation, "text")
    bounds = [f"{words} {limit:,}" for words, limit in (("from", parameter.min), ("to", parameter.max)) if limit]
    return ", ".join([name, *bounds, *(["may be repeated"] if parameter.multiple else [])])


def _default(parameter: Any) -> str:
    default = parameter.default
    if parameter.required:
        return "**needed**"
    if default is None or default is False or callable(default) or default in ((), []):
        return ""
    if default is True:
        return code(parameter.opts[0])
    return code(str(getattr(default, "value", default)))


def _summary(command: Any) -> str:
    return prose(" ".join((command.help or "").partition("\n\n")[0].split()))
