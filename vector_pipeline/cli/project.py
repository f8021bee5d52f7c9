"""Commands about the project itself: write a settings file, show it resolved, start Dagster."""

from __future__ import annotations

import errno
import os
import signal
import socket
import sys
from pathlib import Path
from typing import Annotated

import typer

from vector_pipeline.cli import console
from vector_pipeline.errors import PipelineError


def init_command(
    folder: Annotated[Path, typer.Argument(help="Where to write it.")] = Path("."),
    force: Annotated[bool, typer.Option("--force", help="Replace an existing file.")] = False,
) -> None:
    """Write a commented pipeline.yaml.

    Example: vector-pipeline init ~/knowledge
    """
    from vector_pipeline.settings_template import render

    target = folder / "pipeline.yaml"
    if target.exists() and not force:
        console.wrong_use(f"{target} exists; --force replaces it")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        target.write_text(render(), "utf-8")
    except OSError as error:
        console.wrong_use(f"{target} can't be written: {error.strerror}")
    console.out.print(
        f"wrote {console.plain(target)}; name your sources there, then run `vector-pipeline sync`",
        markup=False,
        soft_wrap=True,
    )


def config_command(
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Print the settings in force, with every default and with secrets masked.

    Example: vector-pipeline config --json
    """
    import yaml

    from vector_pipeline.settings_file import resolved

    loaded = console.load()
    values = {"settings_file": str(loaded.path), "data_dir": str(loaded.data_dir), **resolved(loaded.settings)}
    if as_json:
        console.print_json(values)
    else:
        sys.stdout.write(yaml.safe_dump(values, sort_keys=False, allow_unicode=True))


def dev_command(
    port: Annotated[int, typer.Option(help="Port of the web interface.", min=1, max=65_535)] = 3000,
    host: Annotated[str, typer.Option(help="Address the web interface listens on.")] = "127.0.0.1",
) -> None:
    """Start Dagster: web interface, daemon, sensors and schedules.

    Example: vector-pipeline dev --port 3001
    """
    from vector_pipeline.cli.serve import start_with
    from vector_pipeline.orchestration.instance import make_storage, prepare_dagster_home

    loaded = console.load()
    _refuse_port_in_use(host, port)
    make_storage(prepare_dagster_home(loaded))
    workspace = loaded.project_dir / "workspace.yaml"
    where = ["-w", str(workspace)] if workspace.exists() else ["-m", "vector_pipeline.definitions"]
    console.out.print(f"Dagster on http://{host}:{port}, home {os.environ['DAGSTER_HOME']}", soft_wrap=True)
    command = [sys.executable, "-m", "dagster", "dev", *where, "-h", host, "-p", str(port)]
    if loaded.settings.monitoring.serve_with_dev:
        start_with(loaded.path)
    # Started in the background of a shell, SIGINT is ignored; Dagster makes SIGTERM do as SIGINT does and could not be
    # stopped. A handler, unlike being ignored, does not outlast what follows.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.chdir(loaded.project_dir)
    os.execv(sys.executable, command)


def _refuse_port_in_use(host: str, port: int) -> None:
    """Raises PipelineError where another program listens there: Dagster would start everything and then fail."""
    try:
        socket.create_server((host, port)).close()
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise PipelineError(f"port {port} of {host} is in use", hint="name another one with --port") from error
