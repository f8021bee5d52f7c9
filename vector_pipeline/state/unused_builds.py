"""Chunks and cursors of builds that no collection needs any more.

They go partition by partition under the partition's lock: a cursor says that the chunks before it are there, so both
go while no stage runs that might set it.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

import sqlalchemy as sa

from vector_pipeline.state.part import Part
from vector_pipeline.state.rows import batches

_DOCUMENTS_AT_ONCE = 1_000


class UnusedBuildsPart(Part):
    """The part of the store about builds that have had their time."""

    def cursor_stages(self) -> set[str]:
        """The stages that there are cursors of."""
        with self._db.read() as connection:
            return set(connection.execute(sa.select(self._t.cursors.c.stage).distinct()).scalars())

    def retire_targets(self, collections: Collection[str], now: datetime) -> None:
        """Records that searches do not use these collections since `now`, where it is not recorded since when."""
        t = self._t.targets
        with self._db.write() as connection:
            connection.execute(
                sa.update(t).where(t.c.collection.in_(collections), t.c.retired_at.is_(None)).values(retired_at=now)
            )

    def count_unused_chunks(self, kept: Collection[bytes]) -> int:
        """Number of chunks that were cut under other configurations than those `kept`."""
        k = self._t.chunks
        with self._db.read() as connection:
            return sum(
                int(
                    connection.execute(
                        sa.select(sa.func.count()).select_from(k).where(k.c.chunking_id == number)
                    ).scalar_one()
                )
                for number in self._unused_chunkings(connection, kept)
            )

    def drop_unused_chunks(self, partition_id: int, kept: Collection[bytes], stages: Collection[str]) -> int:
        """Removes a partition's chunks of other configurations than those `kept`, and its cursors of these `stages`;
        the number of chunks. Call it while holding the partition's `lock`.

        Works in bounded transactions. The cursors go first: what dies half way is compared from the beginning.
        """
        t = self._t
        with self._db.read() as connection:
            numbers = self._unused_chunkings(connection, kept)
            documents = sa.select(t.documents.c.document_no).where(t.documents.c.partition_id == partition_id)
            document_nos = list(connection.execute(documents).scalars()) if numbers else []
        if stages:
            with self._db.write() as connection:
                connection.execute(
                    sa.delete(t.cursors).where(t.cursors.c.partition_id == partition_id, t.cursors.c.stage.in_(stages))
                )
        dropped = 0
        for number in numbers:
            for some in batches(document_nos, _DOCUMENTS_AT_ONCE):
                with self._db.write() as connection:
                    for few in batches(some):
                        for table in (t.chunks, t.chunked):
                            rows = table.c.chunking_id == number, table.c.document_no.in_(few)
                            gone = connection.execute(sa.delete(table).where(*rows)).rowcount
                            dropped += gone if table is t.chunks else 0
        return dropped

    def _unused_chunkings(self, connection: sa.Connection, kept: Collection[bytes]) -> list[int]:
        c = self._t.chunkings
        return list(connection.execute(sa.select(c.c.chunking_id).where(c.c.config_hash.not_in(kept))).scalars())
