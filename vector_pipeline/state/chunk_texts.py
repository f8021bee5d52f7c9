"""Chunk texts as wholes: which ones the live documents of a partition consist of, and which have a vector already."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import sqlalchemy as sa

from vector_pipeline.state.part import Part


@dataclass(frozen=True, slots=True)
class ChunkText:
    """A text that chunks hold: how many of them, how long its heading path is, whether the model has a vector of it.

    Headings may differ where the whole text is the same; then `prefix` is the shortest.
    """

    text_no: int
    prefix: int
    chunks: int
    embedded: bool


class ChunkTextsPart(Part):
    """The part of the store about the texts of chunks."""

    def chunk_texts(
        self, partition_id: int, *, chunking: int, model: int, batch: int = 2_000
    ) -> Iterator[list[ChunkText]]:
        """The distinct texts of all chunks of live documents in a chunking, in order.

        No transaction is open between two batches.
        """
        d, k, e = self._t.documents, self._t.chunks, self._t.embeddings
        embedded = sa.exists().where(e.c.model_id == model, e.c.text_no == k.c.text_no)
        statement = (
            sa.select(k.c.text_no, sa.func.min(k.c.prefix), sa.func.count(), embedded.correlate(k).label("embedded"))
            .select_from(d.join(k, k.c.document_no == d.c.document_no))
            .where(d.c.partition_id == partition_id, d.c.deleted == 0, k.c.chunking_id == chunking)
            .group_by(k.c.text_no)
            .order_by(k.c.text_no)
            .limit(batch)
        )
        last = -1
        while True:
            with self._db.read() as connection:
                rows = connection.execute(statement.where(k.c.text_no > last)).all()
            if rows:
                yield [ChunkText(number, prefix, chunks, bool(known)) for number, prefix, chunks, known in rows]
                last = rows[-1][0]
            if len(rows) < batch:
                return

    def live_uris(self, partition_id: int, *, batch: int = 10_000) -> Iterator[list[str]]:
        """The addresses of all live documents, in batches."""
        d = self._t.documents
        statement = (
            sa.select(d.c.document_no, d.c.uri)
            .where(d.c.partition_id == partition_id, d.c.deleted == 0)
            .order_by(d.c.document_no)
            .limit(batch)
        )
        last = -1
        while True:
            with self._db.read() as connection:
                rows = connection.execute(statement.where(d.c.document_no > last)).all()
            if rows:
                yield [uri for _, uri in rows]
                last = rows[-1][0]
            if len(rows) < batch:
                return
