"""`state`: the schema of the state store, forward and back. A backup of the SQLite file is made first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from vector_pipeline.cli import console

if TYPE_CHECKING:
    from vector_pipeline.state.location import Location
    from vector_pipeline.state.migrate import MigrationStatus

state_app = typer.Typer(no_args_is_help=True)


@state_app.command("status")
def status_command(as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False) -> None:
    """Show the schema's revision, what is pending, and the backups.

    Example: vector-pipeline state status --json
    """
    from vector_pipeline.state.migrate import status

    _show(status(_location()), as_json)


@state_app.command("upgrade")
def upgrade_command(as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False) -> None:
    """Bring the schema to this version. Opening the store does so too.

    Example: vector-pipeline state upgrade
    """
    from vector_pipeline.state.migrate import upgrade

    _show(upgrade(_location()), as_json)


# So that -1 is read as the argument, not as an option.
@state_app.command("rollback", context_settings={"ignore_unknown_options": True})
def rollback_command(
    revision: Annotated[str, typer.Argument(help="Revision to go back to; -1 is one step.")] = "-1",
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Go back to an earlier schema, for an earlier version of this program.

    Example: vector-pipeline state rollback -1
    """
    from vector_pipeline.state.migrate import rollback

    _show(rollback(_location(), revision), as_json)


def _location() -> Location:
    from vector_pipeline.state.location import Location

    loaded = console.load()
    return Location.from_settings(loaded.settings.state, loaded.data_dir)


def _show(found: MigrationStatus, as_json: bool) -> None:
    values = {
        "current": found.current,
        "head": found.head,
        "pending": list(found.pending),
        "backups": [str(path) for path in found.backups],
    }
    if as_json:
        console.print_json(values)
        return
    for name, value in values.items():
        shown = ("\n" + " " * 9).join(value) if isinstance(value, list) else value
        line = Text.assemble((f"{name:<9}", "bold"), console.plain(shown or "none", lines=True))
        console.out.print(line, soft_wrap=True)
