"""The processes that work for us on this machine, with the CPU and memory they take.

Ours are this one, those that runs name in their progress, those whose command line names this package and whose
environment names this project, and the children of all of them. A process is looked at closely once.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable
from dataclasses import dataclass

import psutil

_WORDS = ("vector_pipeline", "vector-pipeline")
_NAMES_US = ("VECTOR_PIPELINE_CONFIG", "DAGSTER_HOME")


@dataclass(frozen=True, slots=True)
class ProcessLine:
    """One process: CPU as a share of one core (1.0: one core in full), memory in bytes."""

    pid: int
    what: str
    cpu: float
    memory: int


class Processes:
    """Looks at processes again and again. CPU is measured between two looks: the first says 0.0."""

    def __init__(self, places: Iterable[str]) -> None:
        """`places`: the settings file and the Dagster home of the project, as environments name them."""
        self._places = set(places)
        self._ours: dict[int, psutil.Process] = {}
        self._others: set[int] = set()
        self._host = socket.gethostname()

    def look(self, named: Iterable[tuple[str, int]] = ()) -> list[ProcessLine]:
        """Our processes, by memory, the largest first; `named` are (host, pid) of runs under way."""
        present = set(psutil.pids())
        self._others &= present
        wanted = {os.getpid(), *(pid for host, pid in named if host == self._host)} & present
        for pid in sorted((present - self._others) | wanted):
            if pid not in self._ours:
                self._meet(pid, is_named=pid in wanted)
        lines = []
        for pid, process in list(self._ours.items()):
            try:
                with process.oneshot():
                    line = ProcessLine(pid, _what(process), process.cpu_percent() / 100, process.memory_info().rss)
                if not process.is_running() or process.status() == psutil.STATUS_ZOMBIE:
                    raise psutil.NoSuchProcess(pid)
            except psutil.Error:
                del self._ours[pid]
                continue
            lines.append(line)
        return sorted(lines, key=lambda line: (-line.memory, line.pid))

    def _meet(self, pid: int, *, is_named: bool) -> None:
        """Finds out whether a process is ours; its children are, too, those from before included."""
        self._others.add(pid)
        try:
            process = psutil.Process(pid)
            if not (is_named or process.ppid() in self._ours or self.is_ours(process)):
                return
            for one in (process, *process.children(recursive=True)):
                self._ours.setdefault(one.pid, one)
                self._others.discard(one.pid)
        except psutil.Error:
            return

    def is_ours(self, process: psutil.Process) -> bool:
        """Whether a process says by its command line and environment that it works for this project."""
        if not any(word in part for part in process.cmdline() for word in _WORDS):
            return False
        environment = process.environ()
        return any(environment.get(name) in self._places for name in _NAMES_US)


def is_gone(host: str, pid: int) -> bool:
    """Whether a process of this machine has ended; False for those of another, of which nothing is known."""
    return host == socket.gethostname() and not psutil.pid_exists(pid)


def _what(process: psutil.Process) -> str:
    """What a process does, in a word or two of its command line."""
    line = " ".join(process.cmdline())
    known = (
        ("dagster_webserver", "web interface"),
        ("dagster-webserver", "web interface"),
        ("dagster._daemon", "daemon"),
        ("dagster-daemon", "daemon"),
        ("execute_run", "run"),
        ("api grpc", "code server"),
        ("conversion.worker", "conversion"),
        ("dagster dev", "dev"),
        (" monitor", "monitor"),
        (" serve", "serve"),
        (" sync", "sync"),
    )
    return next((what for part, what in known if part in line), process.name())
