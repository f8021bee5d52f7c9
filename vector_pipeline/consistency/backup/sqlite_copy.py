"""Copies of a SQLite state store while it is in use, and back.

A copy shows one moment: the read transaction that pins it begins in an instant and keeps nobody from writing. The
way back is one transaction too, in the very file, so that processes that have it open go on with the restored rows.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from vector_pipeline.state.engine import prepare_file, prepare_folder
from vector_pipeline.state.errors import StateCorrupt, StateLocked, translated

_PAGES = 4096


@contextmanager
def pinned(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection that sees the store as it is now, whatever is written within the block. Raises StateError."""
    try:
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.execute("BEGIN")
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
            yield connection
    except sqlite3.Error as error:
        raise translated(error, str(path)) from error


def copy_pinned(pinned_store: sqlite3.Connection, target: Path) -> None:
    """Writes what a pinned connection sees to a new file that stands alone. Raises sqlite3.Error, OSError."""
    os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    with closing(sqlite3.connect(target)) as copy:
        pinned_store.backup(copy, pages=_PAGES)
        copy.execute("PRAGMA journal_mode=DELETE")


def check_copy(path: Path) -> None:
    """Looks at every page of a copy. Raises StateCorrupt where the database is damaged."""
    try:
        with closing(sqlite3.connect(f"file:{_quoted(path)}?mode=ro", uri=True)) as connection:
            found = connection.execute("PRAGMA integrity_check(1)").fetchone()
    except sqlite3.Error as error:
        raise translated(error, str(path)) from error
    if found != ("ok",):
        raise StateCorrupt(f"state store {path}: damaged", hint="use another backup")


def put_copy_back(copy: Path, path: Path, timeout_s: float) -> None:
    """Makes the store at `path` what the copy is, in one transaction; creates it where it is missing.

    Waits at most `timeout_s` seconds for whoever writes. Raises StateError; the store is then as it was.
    """
    prepare_folder(path)
    prepare_file(path)
    deadline = time.monotonic() + timeout_s

    def progress(status: int, remaining: int, total: int) -> None:
        # The library itself would ask for ever.
        if status in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED) and time.monotonic() > deadline:
            raise StateLocked(f"state store {path}: another process kept it locked", hint="end it and restore again")

    try:
        with closing(sqlite3.connect(copy)) as source, closing(sqlite3.connect(path)) as live:
            source.backup(live, progress=progress)
    except sqlite3.Error as error:
        raise translated(error, str(path)) from error


def _quoted(path: Path) -> str:
    from urllib.parse import quote

    return quote(str(path.absolute()))
