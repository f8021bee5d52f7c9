"""What every test gets: a guard that refuses connections beyond loopback, and a home of its own."""

from __future__ import annotations

import ipaddress
import os
import shutil
import signal
import socket
import sys
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("default", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("repeatable", settings.get_profile("default"), derandomize=True)
settings.load_profile("default")

_MEMORY = Path("/dev/shm")
if os.access(_MEMORY, os.W_OK) and shutil.disk_usage(_MEMORY).free > 6_000_000_000:
    # Nothing in a test has to survive a power cut, and waiting for the disk is most of what a small project costs.
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(_MEMORY))


class BeyondLoopback(AssertionError):
    """A test tried to reach something that is not on this machine."""


def _refuse_beyond_loopback(event: str, arguments: tuple[Any, ...]) -> None:
    """Fails any connection of the test process to another machine. An audit hook: no library can take it out again."""
    if event not in ("socket.connect", "socket.sendto"):
        return
    connection, address = arguments
    if connection.family not in (socket.AF_INET, socket.AF_INET6):
        return
    host = str(address[0])
    if host in ("localhost", ""):
        return
    try:
        inside = ipaddress.ip_address(host.split("%")[0]).is_loopback
    except ValueError:
        inside = False
    if not inside:
        raise BeyondLoopback(f"a test tried to connect to {host}")


sys.addaudithook(_refuse_beyond_loopback)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """What a test logged or printed may be no Unicode, on purpose; reports go from process to process as UTF-8."""
    report = yield
    report.sections = [(name, text.encode("utf-8", "backslashreplace").decode()) for name, text in report.sections]
    return report


@pytest.fixture(autouse=True, scope="session")
def _can_be_interrupted() -> None:
    """Child processes start with the usual signals, also where the tests run in the background of a shell.

    There SIGINT is ignored, Dagster makes SIGTERM do as SIGINT does, and children inherit what is ignored.
    """
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _own_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees or changes the user's home, data folder or Git settings."""
    home: Path = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_DATA_HOME", str(home / "data"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / "cache"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / "config"))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setenv("GIT_AUTHOR_NAME", "Ada")
    monkeypatch.setenv("GIT_AUTHOR_EMAIL", "ada@example.org")
    monkeypatch.setenv("GIT_COMMITTER_NAME", "Ada")
    monkeypatch.setenv("GIT_COMMITTER_EMAIL", "ada@example.org")
    for name in [n for n in os.environ if n.startswith(("DAGSTER_", "VECTOR_PIPELINE_", "QDRANT_", "OPENAI_"))]:
        if not name.startswith("VECTOR_PIPELINE_TEST_"):
            monkeypatch.delenv(name)
