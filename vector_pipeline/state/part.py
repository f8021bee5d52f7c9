"""What the parts of the store share: the database, and the lock on a partition's row.

Every part writes rows of documents only while it holds the partition's row, so a revision that a reader sees
means that everything up to it is committed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import sqlalchemy as sa

from vector_pipeline.state.engine import Database
from vector_pipeline.state.errors import ConcurrentUpdateError
from vector_pipeline.state.rows import AnyRow, AnySelect
from vector_pipeline.state.schema import Tables


class Part:
    """Some methods of the store, over its database."""

    def __init__(self, database: Database) -> None:
        self._db = database

    @property
    def _t(self) -> Tables:
        return self._db.tables

    def _locked_revision(self, connection: sa.Connection, partition_id: int) -> int:
        """The partition's revision, its row locked until the transaction ends. Raises ConcurrentUpdateError."""
        partitions = self._t.partitions
        found = connection.execute(
            sa.select(partitions.c.revision).where(partitions.c.partition_id == partition_id).with_for_update()
        ).scalar_one_or_none()
        if found is None:
            raise ConcurrentUpdateError(
                f"state store {self._db.where}: the partition was removed meanwhile", hint="run again"
            )
        return int(found)

    def _apply_revision(self, connection: sa.Connection, partition_id: int, revision: int) -> None:
        partitions = self._t.partitions
        connection.execute(
            sa.update(partitions).where(partitions.c.partition_id == partition_id).values(revision=revision)
        )

    def _pages(self, statement: AnySelect, after: int, batch: int) -> Iterator[Sequence[AnyRow]]:
        """Rows of `statement` about documents changed after revision `after`, oldest change first, by pages.

        `statement` must select `revision` and `document_no`. Pages go by both, so a document that changes between two
        pages moves behind them and is never missed; each page is a read of its own.
        """
        d = self._t.documents
        ordered = statement.order_by(d.c.revision, d.c.document_no)
        revision, last = after, None
        while True:
            page: list[AnyRow] = []
            with self._db.read() as connection:
                # Two queries and not one over pairs: SQLite would look at all documents of a revision for each page.
                if last is not None:
                    same = ordered.where(d.c.revision == revision, d.c.document_no > last)
                    page.extend(connection.execute(same.limit(batch)).all())
                if len(page) < batch:
                    page.extend(
                        connection.execute(ordered.where(d.c.revision > revision).limit(batch - len(page))).all()
                    )
            if page:
                yield page
            if len(page) < batch:
                return
            revision, last = page[-1].revision, page[-1].document_no

    def _names(self, connection: sa.Connection, partition_id: int | None) -> dict[int, str]:
        """Partition names by number: of one partition (nothing if it is gone) or of all."""
        partitions = self._t.partitions
        statement = sa.select(partitions.c.partition_id, partitions.c.name).order_by(partitions.c.name)
        if partition_id is not None:
            statement = statement.where(partitions.c.partition_id == partition_id)
        return dict(connection.execute(statement).all())
