"""Exclusive locks across processes, for a partition or for a migration.

SQLite: a locked file beside the database; PostgreSQL: an advisory lock on a connection of its own. Either way
the lock is gone when its process is, however it died.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa
from filelock import FileLock, Timeout

from vector_pipeline.documents import hash16
from vector_pipeline.state.engine import Database, lonely_connection
from vector_pipeline.state.errors import StateLocked, StateUnreachable

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.02, 0.5


@contextmanager
def exclusive(database: Database, name: str, timeout_s: float | None = None) -> Iterator[None]:
    """Holds the lock `name` of this store for the block. Not reentrant.

    Waits `timeout_s` seconds (the store's timeout if None, 0 for one attempt), then raises StateLocked.
    """
    wait = database.location.timeout_s if timeout_s is None else timeout_s
    digest = hash16(database.location.prefix.encode(), name.encode("utf-8", "surrogatepass"))
    busy = StateLocked(
        f"state store {database.where}: {name} is locked by another run (waited {wait:g} s)",
        hint="wait until that run has ended",
    )
    if database.location.path is not None:
        with _locked_file(database.location.path, digest.hex(), wait, busy):
            yield
    else:
        with _advisory_lock(database, int.from_bytes(digest[:8], "big", signed=True), wait, busy):
            yield


@contextmanager
def _locked_file(path: Path, name: str, wait: float, busy: StateLocked) -> Iterator[None]:
    folder = path.with_name(f"{path.name}.locks")
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        # A lock of its own per call: two threads of one process exclude each other like two processes.
        lock = FileLock(folder / f"{name}.lock", timeout=wait, mode=0o600, thread_local=False, poll_interval=0.05)
        lock.acquire()
    except Timeout:
        raise busy from None
    except OSError as error:
        raise StateUnreachable(
            f"state store {path}: can't lock {folder}: {error.strerror}",
            hint="give this user write rights to the folder",
        ) from error
    try:
        yield
    finally:
        lock.release()


@contextmanager
def _advisory_lock(database: Database, key: int, wait: float, busy: StateLocked) -> Iterator[None]:
    deadline = time.monotonic() + wait
    pause = _FIRST_PAUSE_S
    with database.translating():
        engine = lonely_connection(database.location)
        connection = engine.connect()
    try:
        # Asked again and again: waiting in the server would keep its timeout and a dead client's place in the queue.
        while True:
            with database.translating():
                if connection.execute(sa.select(sa.func.pg_try_advisory_lock(key))).scalar_one():
                    break
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                raise busy
            time.sleep(min(pause, remaining))
            pause = min(pause * 2, _LONGEST_PAUSE_S)
        yield
    finally:
        connection.invalidate()  # ends the session, and with it the lock
        connection.close()
        engine.dispose()
