"""The state store's part of a backup: pinned at one moment, counted, written, checked, and put back.

Both databases alike: a SQLite file is copied page by page, PostgreSQL by its own programs.
"""

from __future__ import annotations

import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from vector_pipeline.consistency.backup import postgres_copy, sqlite_copy
from vector_pipeline.consistency.backup.archive import compress_file, unpack_file
from vector_pipeline.consistency.backup.errors import BackupDamaged
from vector_pipeline.consistency.backup.manifest import PartitionFacts, StateFacts, StateKind
from vector_pipeline.state.engine import Database
from vector_pipeline.state.location import Location
from vector_pipeline.state.migrate import status, upgrade
from vector_pipeline.state.schema import Tables

FILES: Mapping[StateKind, str] = {"sqlite": "state.sqlite3.zst", "postgresql": "state.pgdump.zst"}


@dataclass(frozen=True, slots=True)
class StateCounts:
    """What a state store held: by partition, and points recorded by collection."""

    revision: str
    partitions: Mapping[str, PartitionFacts]
    recorded: Mapping[str, int]


class PinnedState(ABC):
    """A state store as it was when it was pinned."""

    @abstractmethod
    def write(self, scratch: Path, target: Path) -> StateCounts:
        """Writes the compressed copy to `target`, by way of a new file `scratch`; what is in it."""


@contextmanager
def pinned_state(location: Location) -> Iterator[PinnedState]:
    """The store as it is at this moment. Runs may go on writing. Raises StateError."""
    if location.path is not None:
        with sqlite_copy.pinned(location.path) as connection:
            yield _PinnedSqlite(location, connection)
    else:
        database = Database(location)
        try:
            with database.read() as connection:
                snapshot = connection.execute(sa.select(sa.func.pg_export_snapshot())).scalar_one()
                yield _PinnedPostgres(location, connection, str(snapshot))
        finally:
            database.close()


def state_kind(location: Location) -> StateKind:
    """Which database it is."""
    return "postgresql" if location.path is None else "sqlite"


def check_state(file: Path, facts: StateFacts, scratch: Path) -> StateCounts | None:
    """Opens the copy in a backup by way of a new file `scratch`, which stays, migrated to this version; what is in it,
    None where only a server could tell. Raises BackupDamaged, StateError or BackupError.
    """
    unpack_file(file, scratch)
    if facts.kind == "postgresql":
        postgres_copy.check_dump(scratch, facts.table_prefix)
        return None
    sqlite_copy.check_copy(scratch)
    location = Location.file(scratch, facts.table_prefix)
    if (found := status(location).current) != facts.revision:
        raise BackupDamaged(f"{file} has revision {found}, the manifest says {facts.revision}")
    upgrade(location)
    return counts_of_file(scratch, facts.table_prefix)


def put_state_back(copy: Path, location: Location) -> None:
    """Makes the store what an unpacked copy is, in one transaction. Raises StateError or BackupError."""
    if location.path is None:
        postgres_copy.load(location, copy)
    else:
        sqlite_copy.put_copy_back(copy, location.path, location.timeout_s)


class _PinnedSqlite(PinnedState):
    def __init__(self, location: Location, connection: sqlite3.Connection) -> None:
        self._location, self._connection = location, connection

    def write(self, scratch: Path, target: Path) -> StateCounts:
        sqlite_copy.copy_pinned(self._connection, scratch)
        compress_file(scratch, target)
        return counts_of_file(scratch, self._location.prefix)


class _PinnedPostgres(PinnedState):
    def __init__(self, location: Location, connection: sa.Connection, snapshot: str) -> None:
        self._location, self._connection, self._snapshot = location, connection, snapshot

    def write(self, scratch: Path, target: Path) -> StateCounts:
        postgres_copy.dump(self._location, self._snapshot, scratch)
        compress_file(scratch, target)
        return _counts(self._connection, Database(self._location).tables)


def counts_of_file(path: Path, prefix: str) -> StateCounts:
    """What is in a SQLite store. Raises StateError."""
    database = Database(Location.file(path, prefix))
    try:
        with database.read() as connection:
            return _counts(connection, database.tables)
    finally:
        database.close()


def _counts(connection: sa.Connection, t: Tables) -> StateCounts:
    d = t.documents
    named = sa.select(t.partitions.c.name)
    live = t.partitions.join(d, sa.and_(d.c.partition_id == t.partitions.c.partition_id, d.c.deleted == 0))
    questions = {
        "documents": named.add_columns(sa.func.count()).select_from(live),
        "chunks": named.add_columns(sa.func.sum(t.chunked.c.chunk_count)).select_from(
            live.join(t.chunked, t.chunked.c.document_no == d.c.document_no)
        ),
        "points": named.add_columns(sa.func.count()).select_from(
            t.partitions.join(d, d.c.partition_id == t.partitions.c.partition_id).join(
                t.points, t.points.c.document_no == d.c.document_no
            )
        ),
    }
    found: dict[str, dict[str, int]] = {name: {} for name in connection.execute(named).scalars()}
    for what, question in questions.items():
        for name, number in connection.execute(question.group_by(t.partitions.c.name)):
            found[name][what] = int(number or 0)
    recorded = connection.execute(
        sa.select(t.targets.c.collection, sa.func.count(t.points.c.chunk_id))
        .select_from(t.targets.outerjoin(t.points, t.points.c.target_id == t.targets.c.target_id))
        .group_by(t.targets.c.collection)
    )
    version: sa.ColumnElement[str] = sa.column("version_num")
    revision = connection.execute(sa.select(version).select_from(sa.table(f"{t.prefix}alembic_version"))).scalar_one()
    return StateCounts(
        str(revision),
        {name: PartitionFacts(**numbers) for name, numbers in found.items()},
        {collection: int(number) for collection, number in recorded},
    )
