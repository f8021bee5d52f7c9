"""A sync in a process of its own that is watched: where it connects, what it logs, what memory and time it takes.

Names are looked up in a table given by the test, and connections that would leave this machine are refused. Or it is
killed by the site that it visits, when that is asked for the n-th time.
"""

from __future__ import annotations

import ipaddress
import logging
import multiprocessing
import signal
import socket
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from vector_pipeline.errors import PipelineError
from vector_pipeline.logs.about import RUNS
from vector_pipeline.settings_file import load_settings
from vector_pipeline.sync.pipeline import Pipeline
from vector_pipeline.sync.runner import sync_partition
from vector_pipeline.sync.stages import Options
from vector_pipeline_tests.project import Project
from vector_pipeline_tests.simulators.docs_site import DocsSite
from vector_pipeline_tests.simulators.docs_site_http import Reply, Request
from vector_pipeline_tests.sync.measured_docs import peak_memory

_PATIENCE = 300.0

Names = Mapping[str, Sequence[Sequence[str]]]
"""The addresses of each name: those of the first lookup, of the second, …; the last ones stay."""


@dataclass
class Watched:
    """What a sync did. `connections` are (address, port), `lookups` names, `logged` the lines from warnings up, but for
    those that runs tell of themselves.

    `counts` are those of the documents stage, `memory` is the peak in MB, `error` "" when it went through.
    """

    counts: dict[str, int] = field(default_factory=dict)
    connections: list[tuple[str, int]] = field(default_factory=list)
    lookups: list[str] = field(default_factory=list)
    logged: list[str] = field(default_factory=list)
    memory: float = 0.0
    seconds: float = 0.0
    error: str = ""


def sync_watched(project: Project, partition: str, names: Names | None = None) -> Watched:
    """Syncs a partition to its end, or to its error."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_sync, args=(project.file, partition, names or {}, sender), daemon=True)
    process.start()
    try:
        assert receiver.poll(_PATIENCE), f"still running after {_PATIENCE:g} s"
        watched: Watched = receiver.recv()
        process.join(_PATIENCE)
        assert process.exitcode == 0
    finally:
        process.kill()
    return watched


def sync_killed_at_request(project: Project, partition: str, site: DocsSite, number: int) -> None:
    """Syncs a partition until the site is asked for the `number`-th time, and dies then without an answer."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    _, sender = context.Pipe(duplex=False)
    process = context.Process(target=_sync, args=(project.file, partition, {}, sender), daemon=True)
    asked, started, lock = 0, threading.Event(), threading.Lock()

    def kill(_: Request, reply: Reply) -> Reply:
        nonlocal asked
        with lock:
            asked += 1
            if asked < number:
                return reply
        started.wait(_PATIENCE)
        process.kill()
        return Reply(reset=True)

    with site.failing(kill):
        process.start()
        started.set()
        process.join(_PATIENCE)
    if process.is_alive():
        process.kill()
        raise AssertionError(f"still running after {_PATIENCE:g} s")
    assert process.exitcode == -signal.SIGKILL, f"exit code {process.exitcode}: asked only {asked} times"


def _sync(settings_file: Path, partition: str, names: Names, sender: Connection) -> None:
    watched = Watched()
    _watch(watched, names)
    loaded = load_settings(settings_file)
    started = time.perf_counter()
    try:
        with Pipeline(loaded.settings, loaded.data_dir) as pipeline:
            results = sync_partition(pipeline, partition, "watched", Options())
            watched.counts = dict(next(result.counts for result in results if result.stage == "documents"))
    except PipelineError as error:
        watched.error = str(error)
    watched.seconds = time.perf_counter() - started
    watched.memory = peak_memory()
    sender.send(watched)


def _watch(watched: Watched, names: Names) -> None:
    class Lines(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.name != RUNS.name:  # what the run itself tells at its end
                watched.logged.append(record.getMessage())

    def connect(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "socket.connect" and arguments[0].family in (socket.AF_INET, socket.AF_INET6):
            host, port = arguments[1][:2]
            watched.connections.append((str(host), int(port)))
            if not ipaddress.ip_address(host).is_loopback:
                raise ConnectionRefusedError(f"{host} is not on this machine")

    def look_up(host: str, port: int, **_: Any) -> list[Any]:
        watched.lookups.append(host)
        answers = names.get(host)
        if not answers:
            raise socket.gaierror(socket.EAI_NONAME, "unknown name")
        given = answers[min(watched.lookups.count(host), len(answers)) - 1]
        return [(socket.AF_INET6 if ":" in one else socket.AF_INET, 1, 6, "", (one, port)) for one in given]

    logging.getLogger().addHandler(Lines(logging.WARNING))
    sys.addaudithook(connect)
    socket.getaddrinfo = look_up  # type: ignore[assignment]  # as far as it is asked here
