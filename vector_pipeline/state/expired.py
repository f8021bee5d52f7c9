"""Rows whose time has passed: those of deleted documents, and the history of documents and of runs.

A deleted document's row is what later stages see that they have work by. It goes only where nothing is left of the
document: no chunk, and no point in any collection.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from vector_pipeline.state.engine import connect_file
from vector_pipeline.state.history_table import RUNNING, looked
from vector_pipeline.state.part import Part
from vector_pipeline.state.rows import batches

_AT_ONCE = 5_000
"""Rows that one transaction looks at or removes."""


@dataclass(frozen=True, slots=True)
class Garbage:
    """What of one kind is past its retention: rows, bytes of their content (None: not counted), since when the oldest.

    `waiting` is how many rows more will be, when their time has come.
    """

    number: int = 0
    size: int | None = None
    oldest: datetime | None = None
    waiting: int = 0


class ExpiredPart(Part):
    """The part of the store about what is kept for a while."""

    def expired_documents(self, before: datetime) -> Garbage:
        """Documents deleted by `before` of which nothing but their row is left."""
        d = self._t.documents
        statement = sa.select(sa.func.count(), sa.func.min(d.c.ingested_at)).where(d.c.deleted == 1)
        with self._db.read() as connection:
            number, oldest = connection.execute(statement.where(self._is_gone(connection, before))).one()
            return Garbage(number, oldest=oldest, waiting=connection.execute(statement).one()[0] - number)

    def drop_expired_documents(self, before: datetime) -> Garbage:
        """Removes the rows of documents deleted by `before`, with their history; what was removed.

        One that comes back after that is a new document, with the same id.
        """
        d, h = self._t.documents, self._t.document_history
        last, total = -1, 0
        while True:
            # Alone: nothing is written to a document between the look at it and its end.
            with self._db.collect() as connection:
                page = sa.select(d.c.document_no).where(d.c.document_no > last, self._is_gone(connection, before))
                numbers = list(connection.execute(page.order_by(d.c.document_no).limit(_AT_ONCE)).scalars())
                if not numbers:
                    return Garbage(total)
                for some in batches(numbers):
                    connection.execute(sa.delete(h).where(h.c.document_no.in_(some)))
                    connection.execute(sa.delete(d).where(d.c.document_no.in_(some)))
            last = numbers[-1]
            total += len(numbers)

    def expired_history(self, before: datetime) -> Garbage:
        """Entries of both histories from before `before`; the latest runs of each source do not count."""
        h, i = self._t.document_history, self._t.ingestion_history
        with self._db.read() as connection:
            changes = connection.execute(
                sa.select(sa.func.count(), sa.func.min(h.c.changed_at)).where(h.c.changed_at <= before)
            ).one()
            runs = connection.execute(
                sa.select(sa.func.count(), sa.func.min(i.c.finished_at)).where(
                    i.c.ingestion_no.in_(self._old_runs(before))
                )
            ).one()
        moments = [moment for moment in (changes[1], runs[1]) if moment is not None]
        return Garbage(int(changes[0]) + int(runs[0]), oldest=min(moments, default=None))

    def drop_expired_history(self, before: datetime) -> Garbage:
        """Removes entries of both histories from before `before`, but for the latest runs of each source."""
        h, i = self._t.document_history, self._t.ingestion_history
        changes = sa.select(h.c.history_no).where(h.c.changed_at <= before).order_by(h.c.history_no)
        dropped = self._drop_all(h.c.history_no, changes)
        runs = self._old_runs(before)
        return Garbage(dropped + self._drop_all(i.c.ingestion_no, runs, self._t.durations.c.ingestion_no))

    def free_bytes(self) -> int:
        """Bytes of the SQLite file that nothing uses, which `vacuum` gives back; 0 for PostgreSQL."""
        if self._db.postgres:
            return 0
        with self._db.read() as connection:
            pages, size = (
                int(connection.exec_driver_sql(f"PRAGMA {name}").scalar_one())
                for name in ("freelist_count", "page_size")
            )
        return pages * size

    def vacuum(self) -> int:
        """Writes the SQLite file anew without what nothing uses; the bytes it has become smaller by.

        Needs as much free space beside the file as it has content; others who write wait meanwhile. Nothing
        happens for PostgreSQL, which sees to that itself.
        """
        path = self._db.location.path
        if path is None:
            return 0
        with self._db.translating(), closing(connect_file(self._db.location)) as connection:
            # What was written last stands in the log until now: without it the file would seem to have grown.
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            before = path.stat().st_size
            connection.execute("VACUUM")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return max(0, before - path.stat().st_size)

    def _is_gone(self, connection: sa.Connection, before: datetime) -> sa.ColumnElement[bool]:
        t = self._t
        d = t.documents
        left = [sa.exists().where(t.points.c.document_no == d.c.document_no)]
        # Named one by one: the rows are found by the key, which begins with the chunking.
        for chunking in connection.execute(sa.select(t.chunkings.c.chunking_id)).scalars():
            for table in (t.chunked, t.chunks):
                left.append(sa.exists().where(table.c.chunking_id == chunking, table.c.document_no == d.c.document_no))
        return sa.and_(d.c.deleted == 1, d.c.ingested_at <= before, *(~one for one in left))

    def _old_runs(self, before: datetime) -> sa.Select[int]:
        """Runs that ended by `before`, but for the latest of each source and status, over all of it or a part."""
        i = self._t.ingestion_history
        latest = sa.select(sa.func.max(i.c.ingestion_no)).group_by(i.c.partition_id, i.c.status, looked(i))
        return (
            sa.select(i.c.ingestion_no)
            .where(i.c.finished_at <= before, i.c.status != RUNNING, i.c.ingestion_no.not_in(latest))
            .order_by(i.c.ingestion_no)
        )

    def _drop_all(self, column: sa.Column[int], rows: sa.Select[int], *besides: sa.Column[int]) -> int:
        """Removes the rows whose `column` is selected, in bounded transactions; how many.

        Rows whose column of `besides` has the same value belong to them and go along.
        """
        with self._db.read() as connection:
            numbers: Sequence[int] = list(connection.execute(rows).scalars())
        for some in batches(numbers, _AT_ONCE):
            with self._db.write() as connection:
                for few in batches(some):
                    for one in (*besides, column):
                        connection.execute(sa.delete(one.table).where(one.in_(few)))
        return len(numbers)
