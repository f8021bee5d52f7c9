"""`serve`: the numbers and the state of the project over HTTP, for Prometheus and for load balancers."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Annotated

import typer

from vector_pipeline.cli import console

PARENT = "VECTOR_PIPELINE_SERVE_FOR"
"""Environment variable with the process that this one ends with: set by `dev`."""

_LOOK_SECONDS = 1.0


def serve_command(
    host: Annotated[
        str, typer.Option("--host", help="Address to listen on; else the one of the settings (loopback).")
    ] = "",
    port: Annotated[
        int, typer.Option("--port", help="Port to listen on; 0 takes any, else that of the settings.", max=65_535)
    ] = -1,
) -> None:
    """Serve /healthz, /readyz and Prometheus /metrics over HTTP, read-only, on loopback.

    Example: vector-pipeline serve --port 9464
    """
    from vector_pipeline.cli.looking import automation
    from vector_pipeline.cli.signals import noticed
    from vector_pipeline.monitoring.endpoint import Endpoint, is_loopback
    from vector_pipeline.monitoring.probes import impatient
    from vector_pipeline.monitoring.serving import answers_of
    from vector_pipeline.sync.pipeline import Pipeline

    loaded = console.load()
    settings = loaded.settings.monitoring
    host, port = host or settings.host, settings.port if port < 0 else port
    with (
        Pipeline(impatient(loaded.settings), loaded.data_dir) as pipeline,
        automation(loaded.data_dir, checks=True) as look,
        Endpoint(host, port, answers_of(pipeline, look, str(loaded.path))) as endpoint,
    ):
        if not is_loopback(host):
            console.err.print(
                console.text(f"{host} can be reached from other machines, which see the names of sources", "yellow"),
                soft_wrap=True,
            )
        with noticed() as stops:
            try:
                console.out.print(f"serving /healthz, /readyz and /metrics on http://{_shown(host)}:{endpoint.port}")
                threading.Thread(target=endpoint.serve_forever, name="endpoint", daemon=True).start()
                while not (stops.asked or _is_orphan()):
                    time.sleep(_LOOK_SECONDS)
            except KeyboardInterrupt:
                pass  # how one ends it
        endpoint.shutdown()


def start_with(settings_file: Path) -> None:
    """Starts `serve` in the background, to end with this process, whatever program it becomes."""
    subprocess.Popen(
        [sys.executable, "-m", "vector_pipeline", "--config", str(settings_file), "serve"],
        env={**os.environ, PARENT: str(os.getpid())},
        stdin=subprocess.DEVNULL,
    )


def _is_orphan() -> bool:
    """Whether the process that this one was started for has ended."""
    parent = os.environ.get(PARENT)
    return parent is not None and str(os.getppid()) != parent


def _shown(host: str) -> str:
    """The address as a URL has it."""
    return f"[{host}]" if ":" in host else host
