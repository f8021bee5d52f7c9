"""Exclusive locks across processes, for a partition or for a migration.

SQLite: a locked file beside the database; PostgreSQL: an advisory lock on a connection of its own. Either way
the lock is gone when its process is, however it died.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import sqlalchemy as sa
from filelock import FileLock, Timeout

from vector_pipeline.documents import hash16
from vector_pipeline.state.engine import Database, lonely_connection
from vector_pipeline.state.errors import StateLocked, StateUnreachable

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.02, 0.5

_Take = Callable[[bytes, float], bool]
"""Takes the lock of a digest after waiting so many seconds at most; False where it could not be had."""


@contextmanager
def exclusive(database: Database, name: str, timeout_s: float | None = None) -> Iterator[None]:
    """Holds the lock `name` of this store for the block. Not reentrant.

    Waits `timeout_s` seconds (the store's timeout if None, 0 for one attempt), then raises StateLocked.
    """
    wait = database.location.timeout_s if timeout_s is None else timeout_s
    with _holding(database) as take:
        if not take(_digest(database, name), wait):
            raise StateLocked(
                f"state store {database.where}: {name} is locked by another run (waited {wait:g} s)",
                hint="wait until that run has ended",
            )
        yield


@contextmanager
def exclusive_together(database: Database, names: Iterable[str], timeout_s: float) -> Iterator[set[str]]:
    """Holds as many of the locks as can be had within `timeout_s` seconds in all; gives the names of those held.

    On PostgreSQL they share one connection.
    """
    deadline = time.monotonic() + timeout_s
    with _holding(database) as take:
        yield {
            name for name in sorted(set(names)) if take(_digest(database, name), max(0.0, deadline - time.monotonic()))
        }


@contextmanager
def _holding(database: Database) -> Iterator[_Take]:
    """A way to take locks, all of which are given back when the block ends."""
    path = database.location.path
    if path is None:
        with _session(database) as connection:
            yield lambda digest, wait: _take_advisory_lock(database, connection, digest, wait)
    else:
        with ExitStack() as stack:
            yield lambda digest, wait: _take_file_lock(path, stack, digest, wait)


def _digest(database: Database, name: str) -> bytes:
    return hash16(database.location.prefix.encode(), name.encode("utf-8", "surrogatepass"))


def _take_file_lock(path: Path, stack: ExitStack, digest: bytes, wait: float) -> bool:
    folder = path.with_name(f"{path.name}.locks")
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        # A lock of its own per call: two threads of one process exclude each other like two processes.
        lock = FileLock(
            folder / f"{digest.hex()}.lock", timeout=wait, mode=0o600, thread_local=False, poll_interval=0.05
        )
        with suppress(Timeout):
            lock.acquire()
            stack.callback(lock.release)
            return True
    except OSError as error:
        raise StateUnreachable(
            f"state store {path}: can't lock {folder}: {error.strerror}",
            hint="give this user write rights to the folder",
        ) from error
    return False


@contextmanager
def _session(database: Database) -> Iterator[sa.Connection]:
    """A connection whose end is the end of its locks."""
    with database.translating():
        engine = lonely_connection(database.location)
        connection = engine.connect()
    try:
        yield connection
    finally:
        connection.invalidate()  # ends the session, and with it the locks
        connection.close()
        engine.dispose()


def _take_advisory_lock(database: Database, connection: sa.Connection, digest: bytes, wait: float) -> bool:
    key = int.from_bytes(digest[:8], "big", signed=True)
    deadline = time.monotonic() + wait
    pause = _FIRST_PAUSE_S
    # Asked again and again: waiting in the server would keep its timeout and a dead client's place in the queue.
    while True:
        with database.translating():
            if connection.execute(sa.select(sa.func.pg_try_advisory_lock(key))).scalar_one():
                return True
        remaining = deadline - time.monotonic()
        if remaining <= 0:
            return False
        time.sleep(min(pause, remaining))
        pause = min(pause * 2, _LONGEST_PAUSE_S)
