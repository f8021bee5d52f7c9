"""Processes of the project are found, with their children, and others are not."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import psutil

from vector_pipeline.monitoring.processes import Processes, is_gone
from vector_pipeline_tests.cli.command import wait_until

WAITING = "import sys; print('up', flush=True); sys.stdin.read()  # vector_pipeline"


def started(**environment: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", WAITING],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "up\n"
    return process


def ended(process: subprocess.Popen[str]) -> None:
    process.communicate(timeout=120)


def test_a_process_of_this_project_is_ours_and_that_of_another_is_not(tmp_path: Path) -> None:
    home = str(tmp_path / "dagster")
    ours, other = started(DAGSTER_HOME=home), started(DAGSTER_HOME=str(tmp_path / "other"))
    looking = Processes({home})
    assert looking.is_ours(psutil.Process(ours.pid))
    assert not looking.is_ours(psutil.Process(other.pid))
    # Both are children of this process, which is ours in any case.
    found = {line.pid: line for line in looking.look()}
    assert {os.getpid(), ours.pid, other.pid} <= set(found)
    assert found[os.getpid()].memory > 1_000_000
    ended(ours)
    ended(other)
    wait_until(lambda: ours.pid not in {line.pid for line in looking.look()})
    assert is_gone(socket.gethostname(), ours.pid)


def test_nothing_is_known_of_processes_of_another_machine() -> None:
    assert not is_gone("another machine", 1)
