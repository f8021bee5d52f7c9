"""Partitions, what their sources last were, and how far each stage has come."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from vector_pipeline.state.part import Part
from vector_pipeline.state.records import Cursor, Partition, SourceState
from vector_pipeline.state.rows import BATCH, insert_rows


class PartitionsPart(Part):
    """The part of the store about whole partitions."""

    def partition(self, name: str) -> Partition:
        """The partition of this name ("git/handbook"), created where missing."""
        found = self._partition(name)
        if found is None:
            with self._db.write() as connection:
                insert_rows(connection, self._t.partitions, ("name", "revision"), [(name, 0)], key=("name",))
            found = self._partition(name)
        if found is None:
            return self.partition(name)  # removed between the two transactions
        return found

    def partitions(self) -> list[Partition]:
        """All partitions, by name."""
        table = self._t.partitions
        with self._db.read() as connection:
            rows = connection.execute(
                sa.select(table.c.partition_id, table.c.name, table.c.revision).order_by(table.c.name)
            )
            return [Partition(*row) for row in rows]

    def drop_partition(self, name: str) -> None:
        """Removes the partition and all its rows; texts and embeddings stay for others that use them.

        Works in bounded transactions. The scan state goes first: were the process to die halfway and the source
        be synced again, everything would be compared from the beginning.
        """
        t = self._t
        found = self._partition(name)
        if found is None:
            return
        number = found.partition_id
        self.forget_scan(number)
        with self._db.write() as connection:
            connection.execute(sa.delete(t.cursors).where(t.cursors.c.partition_id == number))
        with self._db.read() as connection:
            # Named one by one: the rows are found by the key, which begins with the chunking.
            chunkings = list(connection.execute(sa.select(t.chunkings.c.chunking_id)).scalars())
        some = sa.select(t.documents.c.document_no).where(t.documents.c.partition_id == number).limit(BATCH)
        while True:
            with self._db.write() as connection:
                documents = list(connection.execute(some).scalars())
                for table in (t.chunks, t.chunked):
                    mine = table.c.chunking_id.in_(chunkings), table.c.document_no.in_(documents)
                    connection.execute(sa.delete(table).where(*mine))
                for table in (t.points, t.document_history, t.documents):
                    connection.execute(sa.delete(table).where(table.c.document_no.in_(documents)))
            if not documents:
                break
        runs = sa.select(t.ingestion_history.c.ingestion_no).where(t.ingestion_history.c.partition_id == number)
        with self._db.write() as connection:
            connection.execute(sa.delete(t.durations).where(t.durations.c.ingestion_no.in_(runs)))
            for table in (
                *(t.quarantine, t.kept_out, t.progress, t.cursors, t.source_cursors, t.observations),
                *(t.ingestion_history, t.partitions),
            ):
                connection.execute(sa.delete(table).where(table.c.partition_id == number))

    def source_state(self, partition_id: int) -> SourceState:
        """What the source was at the last fully applied scan; empty values if there is none."""
        table = self._t.source_cursors
        statement = sa.select(table.c.built_version, table.c.cursor, table.c.census_at, table.c.settings_hash)
        with self._db.read() as connection:
            row = connection.execute(statement.where(table.c.partition_id == partition_id)).first()
        return SourceState(*row) if row is not None else SourceState()

    def record_scan(
        self,
        partition_id: int,
        *,
        version: str,
        cursor: Mapping[str, Any],
        settings_hash: bytes,
        census_at: datetime | None,
    ) -> None:
        """Records that a scan has been applied whole; `census_at` None keeps the time of the last census."""
        columns = ["built_version", "cursor", "settings_hash"] + (["census_at"] if census_at is not None else [])
        row = [version, dict(cursor), settings_hash] + ([census_at] if census_at is not None else [])
        with self._db.write() as connection:
            self._locked_revision(connection, partition_id)
            insert_rows(
                connection,
                self._t.source_cursors,
                ("partition_id", *columns),
                [(partition_id, *row)],
                key=("partition_id",),
                update=columns,
            )

    def forget_scan(self, partition_id: int) -> None:
        """Makes the next sync take a census from nothing."""
        table = self._t.source_cursors
        with self._db.write() as connection:
            connection.execute(sa.delete(table).where(table.c.partition_id == partition_id))

    def record_observation(self, partition_id: int, version: str, at: datetime) -> None:
        """Records what a probe saw, and when."""
        with self._db.write() as connection:
            insert_rows(
                connection,
                self._t.observations,
                ("partition_id", "version", "observed_at"),
                [(partition_id, version, at)],
                key=("partition_id",),
                update=("version", "observed_at"),
            )

    def observation(self, partition_id: int) -> tuple[str, datetime] | None:
        """The last observation: version and time."""
        table = self._t.observations
        statement = sa.select(table.c.version, table.c.observed_at).where(table.c.partition_id == partition_id)
        with self._db.read() as connection:
            row = connection.execute(statement).first()
        return (row[0], row[1]) if row is not None else None

    def cursor(self, partition_id: int, stage: str) -> Cursor | None:
        """How far a stage has come, or None where it has never finished."""
        table = self._t.cursors
        statement = sa.select(table.c.config_hash, table.c.revision)
        with self._db.read() as connection:
            row = connection.execute(
                statement.where(table.c.partition_id == partition_id, table.c.stage == stage)
            ).first()
        return Cursor(*row) if row is not None else None

    def set_cursor(self, partition_id: int, stage: str, config_hash: bytes, revision: int) -> None:
        """Records how far a stage has come: `revision` must be one read before the stage looked for its work."""
        with self._db.write() as connection:
            self._locked_revision(connection, partition_id)
            insert_rows(
                connection,
                self._t.cursors,
                ("partition_id", "stage", "config_hash", "revision"),
                [(partition_id, stage, config_hash, revision)],
                key=("partition_id", "stage"),
                update=("config_hash", "revision"),
            )

    def _partition(self, name: str) -> Partition | None:
        table = self._t.partitions
        statement = sa.select(table.c.partition_id, table.c.name, table.c.revision).where(table.c.name == name)
        with self._db.read() as connection:
            row = connection.execute(statement).first()
        return Partition(*row) if row is not None else None
