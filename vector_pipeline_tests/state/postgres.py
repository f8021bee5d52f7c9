"""A PostgreSQL server of the tests' own: on a Unix socket and loopback, in a temporary folder, gone afterwards."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from vector_pipeline_tests.listening import closed_port


def _binary(name: str) -> str | None:
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return shutil.which(name, path=os.pathsep.join([*map(str, folders), os.environ.get("PATH", "")]))


def _as_server_user(folder: Path) -> list[str]:
    """What to put before a command: PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return []
    names = [entry.pw_name for entry in pwd.getpwall()]
    user = "postgres" if "postgres" in names else "nobody"
    shutil.chown(folder, user)
    return ["setpriv", f"--reuid={user}", f"--regid={pwd.getpwnam(user).pw_gid}", "--clear-groups"]


@contextlib.contextmanager
def running_postgres() -> Iterator[str]:
    """The URL of a fresh server's database; the server ends with the block."""
    initdb, postgres = _binary("initdb"), _binary("postgres")
    if initdb is None or postgres is None:
        pytest.skip("this machine has no PostgreSQL binaries")
    folder = Path(tempfile.mkdtemp(prefix="vp-pg-"))
    before = _as_server_user(folder)
    data = folder / "data"
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": "/"}
    make = [initdb, "-D", str(data), "-U", "tester", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"]
    server, held = None, contextlib.ExitStack()
    try:
        subprocess.run([*before, *make], check=True, env={"PATH": os.defpath}, **quiet)
        port = held.enter_context(closed_port())
        options = ["fsync=off", "full_page_writes=off", "synchronous_commit=off", "shared_buffers=64MB"]
        options += ["listen_addresses=127.0.0.1", f"unix_socket_directories={folder}", "max_connections=60"]
        flags = [part for option in options for part in ("-c", option)]
        server = subprocess.Popen([*before, postgres, "-D", str(data), "-p", str(port), *flags], **quiet)
        url = f"postgresql://tester@127.0.0.1:{port}/postgres"
        _wait_until_ready(url, server)
        yield url
    finally:
        if server is not None:
            server.terminate()
            try:
                server.wait(20)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()
        held.close()
        shutil.rmtree(folder, ignore_errors=True)


def _wait_until_ready(url: str, server: subprocess.Popen[bytes]) -> None:
    import psycopg

    deadline = time.monotonic() + 60
    while True:
        try:
            psycopg.connect(url, connect_timeout=5).close()
        except psycopg.OperationalError:
            if server.poll() is not None or time.monotonic() > deadline:
                raise
            time.sleep(0.05)  # the only way to learn that a server has started is to ask again
        else:
            return


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A PostgreSQL for the whole test session (one per xdist worker)."""
    with running_postgres() as url:
        yield url
