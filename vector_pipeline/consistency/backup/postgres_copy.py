"""Copies of a PostgreSQL state store by the server's own programs, `pg_dump` and `pg_restore`.

The dump is of the snapshot that a transaction of ours exports, so it fits what that transaction counts. Passwords
go through the environment of the child, where other users can't see them.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import sqlalchemy as sa

from vector_pipeline.consistency.backup.errors import BackupDamaged, BackupError
from vector_pipeline.state.location import Location
from vector_pipeline.state.schema import tables

_MESSAGE_LENGTH = 200
_LONGEST_SECONDS = 6 * 3600


def dump(location: Location, snapshot: str, target: Path) -> None:
    """Writes our tables, as a snapshot shows them, to a new file. Raises BackupError."""
    os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    chosen = [f"--table={name}" for name in table_names(location.prefix)]
    _run(
        location,
        ["pg_dump", "--format=custom", "--compress=0", f"--snapshot={snapshot}", f"--file={target}", *chosen],
    )


def load(location: Location, copy: Path) -> None:
    """Replaces our tables by those of a dump, in one transaction. Raises BackupError; nothing is changed then."""
    _run(
        location,
        ["pg_restore", "--clean", "--if-exists", "--single-transaction", "--no-owner", "--no-privileges", str(copy)],
    )


def check_dump(copy: Path, prefix: str) -> None:
    """Reads a dump's list of contents. Raises BackupDamaged where one of our tables is missing."""
    try:
        listed = _output(["pg_restore", "--list", str(copy)], {})
    except BackupError as error:
        raise BackupDamaged(f"{copy}: {error.message}", hint="use another backup") from error
    data = {line.split()[6] for line in listed.splitlines() if " TABLE DATA " in line and len(line.split()) > 6}
    if missing := sorted(set(table_names(prefix)) - data):
        raise BackupDamaged(f"{copy} lacks the tables {', '.join(missing)}", hint="use another backup")


def table_names(prefix: str) -> list[str]:
    """The tables of a store."""
    return [*(table.name for table in tables(prefix).metadata.sorted_tables), f"{prefix}alembic_version"]


def _run(location: Location, command: list[str]) -> None:
    url = location.engine_url()
    query = dict(url.query)
    given = query.pop("password", None) or url.password
    address = sa.URL.create("postgresql", url.username, None, url.host, url.port, url.database, query)
    environment = {
        "PGOPTIONS": f"-c lock_timeout={max(1, int(location.timeout_s * 1000))}",
        "PGCONNECT_TIMEOUT": str(max(2, round(location.timeout_s))),
    }
    if given:
        environment["PGPASSWORD"] = str(given)
    _output([*command, "--no-password", f"--dbname={address.render_as_string()}"], environment)


def _output(command: list[str], environment: dict[str, str]) -> str:
    """What a program prints. Raises BackupError where it is missing or fails."""
    program = shutil.which(command[0])
    if program is None:
        raise BackupError(
            f"{command[0]} is not installed, and a state store in PostgreSQL needs it",
            hint="install PostgreSQL's client programs (postgresql-client), at least as new as the server",
        )
    try:
        done = subprocess.run(
            [program, *command[1:]],
            env={**os.environ, "LC_ALL": "C", **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_LONGEST_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise BackupError(f"{command[0]} did not end within {_LONGEST_SECONDS // 3600} hours") from error
    if done.returncode:
        lines = done.stderr.decode("utf-8", "replace").strip().splitlines()
        said = next(iter(lines), f"exit code {done.returncode}")[:_MESSAGE_LENGTH]
        raise BackupError(f"{command[0]} failed: {said}", hint="check state.url, and that its version fits the server")
    return done.stdout.decode("utf-8", "replace")
