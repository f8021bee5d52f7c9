"""Connections to the state store: pragmas, transactions, errors.

The one idea: a transaction says beforehand whether it writes. SQLite then takes its write lock at the beginning
(`BEGIN IMMEDIATE`) instead of failing in the middle, and PostgreSQL gives readers one consistent snapshot.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event, exc
from sqlalchemy.pool import ConnectionPoolEntry, NullPool

from vector_pipeline.state.errors import StateError, StateUnreachable, translated
from vector_pipeline.state.location import Location
from vector_pipeline.state.schema import Tables, tables

PAGE_SIZE = 8192
_PRAGMAS = (
    "synchronous=FULL",
    "wal_autocheckpoint=16384",
    "temp_store=memory",
)
_COLLECTING = 0x76705F6763
"""Advisory lock that every PostgreSQL writer shares and garbage collection takes alone."""


def backups_of(path: Path | None) -> list[Path]:
    """The backups beside a SQLite file, newest first."""
    if path is None or not path.parent.is_dir():
        return []
    start = f"{path.name}.backup-"
    found = [p for p in path.parent.iterdir() if p.name.startswith(start) and not p.name.endswith(".partial")]
    return sorted(found, key=lambda p: p.name.rsplit("-", 1)[-1], reverse=True)


class Database:
    """One store: transactions for readers and writers, and the tables under their prefix.

    Safe to share between threads. Every database error leaves as a StateError.
    """

    def __init__(self, location: Location) -> None:
        self.location = location
        self.tables: Tables = tables(location.prefix)
        self.where = location.safe
        with self.translating():
            self._engine = _sqlite_engine(location) if location.path is not None else _postgres_engine(location)
        self._writer = self._engine.execution_options(writes=True)
        self._reader = self._engine
        if location.path is None:
            self._reader = self._engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)

    @property
    def postgres(self) -> bool:
        """Whether this is PostgreSQL."""
        return self.location.path is None

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """A transaction that only reads, from one snapshot. Keep it short."""
        with self.translating(), self._reader.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """A transaction that writes: all of it is stored when the block ends, or nothing."""
        with self.translating(), self._writer.connect() as connection, connection.begin():
            if self.postgres:
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock_shared(_COLLECTING)))
            yield connection

    @contextmanager
    def collect(self) -> Iterator[sa.Connection]:
        """Like `write`, while no other transaction writes: all that was ever written is seen. Keep it short.

        SQLite has one writer at a time in any case.
        """
        with self.translating(), self._writer.connect() as connection, connection.begin():
            if self.postgres:
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_COLLECTING)))
            yield connection

    @contextmanager
    def translating(self) -> Iterator[None]:
        """Turns database errors of the block into StateError; other exceptions pass."""
        try:
            yield
        except (exc.SQLAlchemyError, sqlite3.Error) as error:
            raise translated(error, self.where, backups_of(self.location.path)) from error
        except Exception as error:
            # psycopg is optional and can't be named in an except clause; its errors are known by their module.
            if type(error).__module__.startswith("psycopg"):
                raise translated(error, self.where) from error
            raise

    def close(self) -> None:
        """Closes all connections; may be called twice."""
        self._engine.dispose()


def _sqlite_engine(location: Location) -> sa.Engine:
    # Five connections serve the threads of one process; more would only wait for the write lock.
    engine = sa.create_engine(
        location.engine_url(),
        hide_parameters=True,
        pool_timeout=location.timeout_s,
        connect_args={"timeout": location.timeout_s},
    )

    @event.listens_for(engine, "connect")
    def _set_pragmas(connection: sqlite3.Connection, entry: ConnectionPoolEntry) -> None:
        connection.isolation_level = None  # transactions begin below, not where the driver guesses
        for pragma in (*_PRAGMAS, f"cache_size=-{location.cache // 1024}"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        writes = connection.get_execution_options().get("writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _postgres_engine(location: Location, **options: Any) -> sa.Engine:
    milliseconds = max(1, int(location.timeout_s * 1000))
    pool: dict[str, Any] = {"pool_size": location.pool_size, "pool_timeout": location.timeout_s, "pool_pre_ping": True}
    try:
        engine = sa.create_engine(
            location.engine_url(),
            hide_parameters=True,
            connect_args={"connect_timeout": max(2, round(location.timeout_s))},
            **(options or pool),
        )
    except ModuleNotFoundError as error:
        raise StateUnreachable(
            "state.url needs the PostgreSQL driver", hint="pip install 'vector-pipeline[postgres]'"
        ) from error

    @event.listens_for(engine, "connect")
    def _set_timeouts(connection: Any, entry: ConnectionPoolEntry) -> None:
        connection.execute(f"SET lock_timeout = {milliseconds}")
        connection.commit()

    return engine


def connect_file(location: Location) -> sqlite3.Connection:
    """A bare connection to a SQLite store that waits as long as the others, for what no transaction may hold."""
    return sqlite3.connect(str(location.path), timeout=location.timeout_s, isolation_level=None)


def lonely_connection(location: Location) -> sa.Engine:
    """An engine whose connections are closed after use and commit by themselves: for locks held in PostgreSQL."""
    return _postgres_engine(location, poolclass=NullPool, isolation_level="AUTOCOMMIT")


def prepare_folder(path: Path) -> None:
    """Creates the folder of a SQLite file where missing, for its owner only. Raises StateUnreachable."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise _out_of_reach(path, error) from error


def prepare_file(path: Path) -> None:
    """Creates an empty SQLite file in WAL mode, mode 0600 (which -wal and -shm inherit).

    Does nothing to a file that has content but to take rights of others away. Raises StateError.
    """
    try:
        os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
        facts = path.stat()
        if facts.st_mode & 0o077 and facts.st_uid == os.geteuid():
            path.chmod(0o600)
    except OSError as error:
        raise _out_of_reach(path, error) from error
    if facts.st_size == 0:
        connection = sqlite3.connect(path)
        try:
            connection.execute(f"PRAGMA page_size={PAGE_SIZE}")
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.Error as error:
            raise translated(error, str(path)) from error
        finally:
            connection.close()


def _out_of_reach(path: Path, error: OSError) -> StateUnreachable:
    return StateUnreachable(
        f"state store {path}: {error.strerror}", hint="give this user write rights to the folder, or set state.path"
    )


def missing(location: Location) -> bool:
    """Whether there is no SQLite file yet, or only an empty one. Never creates it."""
    path = location.path
    try:
        return path is not None and (not path.exists() or path.stat().st_size == 0)
    except OSError as error:
        raise StateError(f"state store {path}: {error.strerror}", hint="check the rights of the folder") from error
