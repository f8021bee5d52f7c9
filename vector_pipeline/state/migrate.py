"""The schema's migrations: upgrade, roll back, status. A SQLite file is backed up before it is changed.

One migration runs in one transaction under an exclusive lock: it happens whole or not at all, and processes that
open a fresh store together make it once.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import sqlalchemy as sa

from vector_pipeline.state.engine import Database, backups_of, missing, prepare_file, prepare_folder
from vector_pipeline.state.errors import MigrationError, translated
from vector_pipeline.state.location import Location
from vector_pipeline.state.locks import exclusive
from vector_pipeline.state.schema import HEAD

BACKUPS_KEPT = 3
_FOLDER = Path(__file__).parent / "migrations"
_LOCK = "migration"
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class MigrationStatus:
    """Where the schema stands. `current` is None before the first upgrade; `pending` in the order they will run.

    `backups` are the files beside a SQLite store, newest first; for PostgreSQL none is ever made.
    """

    current: str | None
    head: str
    pending: tuple[str, ...]
    backups: list[Path]


def status(location: Location) -> MigrationStatus:
    """Where the schema stands; changes nothing, not even an absent file. Raises StateError."""
    current = None if missing(location) else _with_database(location, current_revision)
    pending = _pending(current) if current != HEAD else ()
    return MigrationStatus(current, HEAD, pending, backups_of(location.path))


def upgrade(location: Location) -> MigrationStatus:
    """Brings the schema to the newest revision. A SQLite store with content is backed up first.

    Raises MigrationError when the store is newer than the code or a step fails; the store is then unchanged.
    """
    if location.path is not None:
        prepare_folder(location.path)
    _with_database(location, _apply_upgrade)
    return status(location)


def check_known(revision: str) -> None:
    """Raises MigrationError for a revision that this code does not know: a newer version's."""
    _pending(revision)


def rollback(location: Location, revision: str = "-1") -> MigrationStatus:
    """Takes the schema back to `revision` ("-1": one step, "base": no tables), after a backup of a SQLite file.

    What only the newer schema held is lost; a sync builds it again. Raises MigrationError.
    """

    def apply(database: Database) -> None:
        with exclusive(database, _LOCK):
            current = current_revision(database)
            if current is None:
                raise MigrationError(f"state store {database.where}: there is no revision to go back from")
            record_backup(location, current)
            _run(database, "downgrade", revision)

    if missing(location):
        raise MigrationError(f"state store {location.safe}: there is no state yet")
    _with_database(location, apply)
    return status(location)


def current_revision(database: Database) -> str | None:
    """The revision the store has, or None where it has no tables yet."""
    table = f"{database.location.prefix}alembic_version"
    with database.read() as connection:
        if not sa.inspect(connection).has_table(table):
            return None
        found = connection.execute(sa.select(sa.column("version_num")).select_from(sa.table(table))).scalar()
        return None if found is None else str(found)


def record_backup(location: Location, revision: str) -> Path | None:
    """Copies a SQLite store while it may be in use, and keeps the newest three copies; None for PostgreSQL."""
    path = location.path
    if path is None:
        return None
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
    target = path.with_name(f"{path.name}.backup-{revision}-{stamp}")
    partial = target.with_name(f"{target.name}.partial")
    try:
        os.close(os.open(partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(partial)) as copy:
            source.backup(copy, pages=4096, sleep=0.01)
            copy.execute("PRAGMA journal_mode=DELETE")  # one file that stands alone
        partial.rename(target)
    except sqlite3.Error as error:
        partial.unlink(missing_ok=True)
        raise translated(error, str(path), backups_of(path)) from error
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise MigrationError(
            f"state store {path}: no backup could be made ({error.strerror})", hint="free space beside the file"
        ) from error
    for old in backups_of(path)[BACKUPS_KEPT:]:
        old.unlink(missing_ok=True)
    return target


def _apply_upgrade(database: Database) -> None:
    with exclusive(database, _LOCK):
        if database.location.path is not None:
            prepare_file(database.location.path)
        current = current_revision(database)
        if current == HEAD:
            return
        _pending(current)  # refuses a store newer than the code
        if current is not None:
            record_backup(database.location, current)
        _run(database, "upgrade", HEAD)


def _with_database(location: Location, action: Callable[[Database], T]) -> T:
    database = Database(location)
    try:
        return action(database)
    finally:
        database.close()


def _pending(current: str | None) -> tuple[str, ...]:
    """The revisions above `current`, oldest first. Raises MigrationError for one this code does not know."""
    from alembic.script import ScriptDirectory  # costs 50 ms, which an up-to-date store never pays

    steps = [step.revision for step in ScriptDirectory(str(_FOLDER)).walk_revisions()]
    if current is None:
        return tuple(reversed(steps))
    if current not in steps:
        raise MigrationError(
            f"the state store has revision {current}, this version knows up to {HEAD}",
            hint="install the newer version again, or restore a backup made before it",
        )
    return tuple(reversed(steps[: steps.index(current)]))


def _run(database: Database, direction: str, revision: str) -> None:
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    config.attributes["prefix"] = database.location.prefix
    with database.write() as connection:
        config.attributes["connection"] = connection
        try:
            getattr(command, direction)(config, revision)
        except CommandError as error:
            raise MigrationError(
                f"state store {database.where}: {error}", hint="see the revisions with status"
            ) from error
