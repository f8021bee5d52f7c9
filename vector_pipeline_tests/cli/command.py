"""The real command line as a process of its own: in a pipe, on a terminal of a given width, or left running."""

from __future__ import annotations

import contextlib
import fcntl
import io
import json
import os
import pty
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

from vector_pipeline.cli import main
from vector_pipeline_tests.cli.json_shape import assert_shape
from vector_pipeline_tests.project import Project

SECONDS = 120
"""Longest time for one command."""


@dataclass(frozen=True)
class Answer:
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str = ""
    asked: tuple[str, ...] = ()

    def json(self) -> Any:
        """Standard output as JSON: one document of the command's documented shape, and nothing else."""
        answer = json.loads(self.out)
        assert_shape(self.asked, answer)
        return answer


class Command:
    """The command line for one project. The environment holds nothing of the user's."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.environment = {
            **{name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL", "TMPDIR") if name in os.environ},
            "HOME": str(project.folder),
            "TERM": "xterm-256color",
            "GIT_CONFIG_NOSYSTEM": "1",
        }

    def __call__(self, *arguments: str, **environment: str) -> Answer:
        """Runs a command to its end, its output in pipes."""
        process = self.start(*arguments, **environment)
        out, err = process.communicate(timeout=SECONDS)
        return Answer(process.returncode, out, err, arguments)

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        """Starts a command and leaves it running, in a process group of its own, as a shell does."""
        return subprocess.Popen(
            self._line(arguments),
            env={**self.environment, **environment},
            cwd=self.project.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            errors="surrogateescape",
            start_new_session=True,
        )

    def inside(self, *arguments: str) -> Answer:
        """Runs a command within this process: quick, where neither a terminal nor signals nor imports matter."""
        out, err = io.StringIO(), io.StringIO()
        line = ["vector-pipeline", "--config", str(self.project.file), *arguments]
        with patch.object(sys, "argv", line), patch.dict(os.environ), redirect_stdout(out), redirect_stderr(err):
            try:
                main()
            except SystemExit as end:
                return Answer(int(end.code or 0), out.getvalue(), err.getvalue(), arguments)
        return Answer(0, out.getvalue(), err.getvalue(), arguments)

    def on_terminal(self, *arguments: str, columns: int = 80, **environment: str) -> Answer:
        """Runs a command to its end on a terminal; `out` is all that the terminal was sent."""
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
        process = subprocess.Popen(
            self._line(arguments),
            env={**self.environment, **environment},
            cwd=self.project.folder,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)
        sent = bytearray()
        with contextlib.suppress(OSError):  # how Linux says that nobody has the terminal open any more
            while data := os.read(ours, 65_536):
                sent += data
        os.close(ours)
        return Answer(process.wait(SECONDS), sent.decode("utf-8", "surrogateescape").replace("\r\n", "\n"))

    def _line(self, arguments: tuple[str, ...]) -> list[str]:
        return [sys.executable, "-m", "vector_pipeline", "--config", str(self.project.file), *arguments]


def wait_until(condition: Callable[[], bool], seconds: float = 120) -> None:
    """Returns when the condition holds; fails after so many seconds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.02)


def write(folder: Path, files: dict[str, str | bytes]) -> None:
    """Writes files below a folder."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
