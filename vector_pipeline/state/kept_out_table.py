"""Documents that a person keeps out: their sources go on listing them, nothing takes them in.

The version in which a source listed one last is kept, so that the source can be told that it is known.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import NamedTuple

import sqlalchemy as sa

from vector_pipeline.state.part import Part
from vector_pipeline.state.rows import delete_rows, insert_rows, rows_by

_KEY = ("partition_id", "native_id")


class KeptOut(NamedTuple):
    """A document that is kept out of a partition ("git/handbook"), and since when.

    `version` is the one its source listed last, "" where it lists it no more or has not listed it yet.
    """

    partition: str
    native_id: bytes
    uri: str
    version: str
    since: datetime


class KeptOutPart(Part):
    """The part of the store about documents that are kept out."""

    def keep_out(self, partition_id: int, documents: Mapping[bytes, tuple[str, str]]) -> int:
        """Records native ids, with uri and version, as kept out; how many were not before, whose time begins now."""
        table = self._t.kept_out
        now = datetime.now(UTC)
        with self._db.write() as connection:
            self._locked_revision(connection, partition_id)
            held = self._kept_among(connection, partition_id, documents)
            rows = [(partition_id, native_id, *facts, now) for native_id, facts in documents.items()]
            columns = (*_KEY, "uri", "version", "since")
            insert_rows(connection, table, columns, rows, key=_KEY, update=("uri", "version"))
        return len(documents.keys() - held)

    def allow(self, partition_id: int, native_ids: Iterable[bytes]) -> int:
        """Takes native ids back in; how many were kept out."""
        with self._db.write() as connection:
            self._locked_revision(connection, partition_id)
            found = self._kept_among(connection, partition_id, set(native_ids))
            keys = [(partition_id, native_id) for native_id in found]
            delete_rows(connection, self._t.kept_out, _KEY, keys)
        return len(found)

    def kept_out(self, partition_id: int | None = None) -> list[KeptOut]:
        """What is kept out, of one partition or of all, by partition and uri."""
        k, p = self._t.kept_out, self._t.partitions
        statement = (
            sa.select(p.c.name, k.c.native_id, k.c.uri, k.c.version, k.c.since)
            .join(p, p.c.partition_id == k.c.partition_id)
            .order_by(p.c.name, k.c.uri, k.c.native_id)
        )
        if partition_id is not None:
            statement = statement.where(k.c.partition_id == partition_id)
        with self._db.read() as connection:
            return [KeptOut(*row) for row in connection.execute(statement)]

    def _kept_among(self, connection: sa.Connection, partition_id: int, native_ids: Iterable[bytes]) -> set[bytes]:
        table = self._t.kept_out
        statement = sa.select(table.c.native_id).where(table.c.partition_id == partition_id)
        return {row[0] for row in rows_by(connection, statement, table.c.native_id, native_ids)}
