"""The commands, each in a module of its own, and the one place where errors become exit codes."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from vector_pipeline.cli import console
from vector_pipeline.cli.adopt import adopt_command
from vector_pipeline.cli.alerts import alerts_app
from vector_pipeline.cli.backup import backup_command, backups_app, restore_command
from vector_pipeline.cli.check import check_command
from vector_pipeline.cli.collections import collections_command, rollback_command, switch_command
from vector_pipeline.cli.documents import documents_app
from vector_pipeline.cli.health import health_command
from vector_pipeline.cli.import_config import import_config_command
from vector_pipeline.cli.logs import logs_command
from vector_pipeline.cli.monitor import monitor_command
from vector_pipeline.cli.performance import performance_command
from vector_pipeline.cli.project import config_command, dev_command, init_command
from vector_pipeline.cli.prune import prune_command
from vector_pipeline.cli.quarantine import quarantine_app
from vector_pipeline.cli.queue import queue_app
from vector_pipeline.cli.repair import rebuild_command, repair_command, reset_command
from vector_pipeline.cli.report import report_command
from vector_pipeline.cli.search import search_command
from vector_pipeline.cli.serve import serve_command
from vector_pipeline.cli.state import state_app
from vector_pipeline.cli.stats import stats_command
from vector_pipeline.cli.status import status_command
from vector_pipeline.cli.sync import sync_command
from vector_pipeline.cli.watch import watch_command
from vector_pipeline.errors import PipelineError

app = typer.Typer(
    name="vector-pipeline",
    help="Keeps a Qdrant collection exactly in step with its sources.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
app.command("sync")(sync_command)
app.command("status")(status_command)
app.add_typer(queue_app, name="queue", help="Steer Dagster's queue: look, pause, resume, cancel, retry.")
app.command("watch")(watch_command)
app.command("health")(health_command)
app.command("monitor")(monitor_command)
app.command("serve")(serve_command)
app.command("stats")(stats_command)
app.command("performance")(performance_command)
app.command("report")(report_command)
app.command("logs")(logs_command)
app.command("search")(search_command)
app.command("check")(check_command)
app.command("repair")(repair_command)
app.command("rebuild")(rebuild_command)
app.command("reset")(reset_command)
app.command("adopt")(adopt_command)
app.add_typer(documents_app, name="documents", help="Look at documents; bring in, read again or take out one.")
app.add_typer(quarantine_app, name="quarantine", help="Documents that could not be brought in, and why.")
app.command("prune")(prune_command)
app.command("init")(init_command)
app.command("import-config")(import_config_command)
app.command("config")(config_command)
app.command("dev")(dev_command)
app.add_typer(alerts_app, name="alerts", help="Who is told of troubles: try the channels, see what is open.")
app.command("collections")(collections_command)
app.command("switch")(switch_command)
app.command("rollback")(rollback_command)
app.add_typer(state_app, name="state", help="Upgrade the state store, or go back.")
app.command("backup")(backup_command)
app.command("restore")(restore_command)
app.add_typer(backups_app, name="backups", help="List, verify and remove backups.")


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        console.out.print(version("vector-pipeline"))
        raise typer.Exit


@app.callback()
def options(
    config: Annotated[
        Path | None, typer.Option("--config", "-c", help="Settings file; else pipeline.yaml here or above.")
    ] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    _: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Keeps a Qdrant collection exactly in step with its sources.

    Example: vector-pipeline --config ~/knowledge/pipeline.yaml status
    """
    console.state.config = config
    console.state.debug = debug


def run() -> None:
    """Runs the command line and exits: 0 all done, 1 something failed, 2 wrong use."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A character that the terminal's encoding lacks must not end the command.
            stream.reconfigure(errors="backslashreplace")
    try:
        try:
            app()
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read the output has gone (`| head`): the interpreter must not complain at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(console.FAILED)
    except PipelineError as error:
        if console.state.debug:
            raise
        console.print_error(error)
        sys.exit(console.WRONG_USE if _is_wrong_use(error) else console.FAILED)


def _is_wrong_use(error: PipelineError) -> bool:
    """Whether the settings file is missing or wrong: nothing can be done until someone mends it."""
    from vector_pipeline.settings_yaml import SettingsError

    return isinstance(error, SettingsError)
