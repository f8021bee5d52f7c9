"""What a plan asks of the store before anything is written: reads only, and no number is given out by asking."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import sqlalchemy as sa

from vector_pipeline.state.chunks_table import ChunksPart, by_size, columns_to_cut
from vector_pipeline.state.records import Partition, ToChunk
from vector_pipeline.state.rows import AnySelect, batches, rows_by


class HeldDocument(NamedTuple):
    """What the store holds of a document, deleted ones too.

    `cut_from` is the content its chunks come from (None: it was never cut in this chunking), `chunk_error` why it
    could not be cut, `chunks` how many there are.
    """

    revision: int
    document_no: int
    document_id: bytes
    uri: str
    content_hash: bytes
    metadata_hash: bytes
    deleted: bool
    cut_from: bytes | None
    chunk_error: str
    chunks: int

    @property
    def is_stale(self) -> bool:
        """Whether a document that is there has to be cut."""
        return self.cut_from != self.content_hash or bool(self.chunk_error)


class OutlookPart(ChunksPart):
    """The part of the store that answers plans. A number that was never given is asked for as one that does not exist:
    -1 finds no rows."""

    def find_partition(self, name: str) -> Partition | None:
        """The partition of this name, None where there is none yet."""
        p = self._t.partitions
        statement = sa.select(p.c.partition_id, p.c.name, p.c.revision).where(p.c.name == name)
        with self._db.read() as connection:
            row = connection.execute(statement).first()
        return Partition(*row) if row is not None else None

    def find_chunking(self, config_hash: bytes) -> int | None:
        """The number of a way of cutting documents, None where nothing was ever cut like that."""
        c = self._t.chunkings
        with self._db.read() as connection:
            return connection.execute(sa.select(c.c.chunking_id).where(c.c.config_hash == config_hash)).scalar()

    def find_model(self, identity: str) -> int | None:
        """The number of an embedding model, None where it was never used."""
        m = self._t.models
        with self._db.read() as connection:
            return connection.execute(sa.select(m.c.model_id).where(m.c.identity == identity)).scalar()

    def held_documents(self, partition_id: int, ids: Iterable[bytes], chunking: int) -> dict[bytes, HeldDocument]:
        """The documents of these ids that are or were held, by id."""
        with self._db.read() as connection:
            rows = rows_by(connection, self._held_rows(partition_id, chunking), self._t.documents.c.document_id, ids)
            found = [HeldDocument(*row) for row in rows]
        return {one.document_id: one for one in found}

    def documents_after(
        self, partition_id: int, *, after: int, chunking: int, batch: int = 200
    ) -> Iterator[list[HeldDocument]]:
        """Documents, deleted ones too, changed after revision `after`, oldest change first."""
        for page in self._pages(self._held_rows(partition_id, chunking), after, batch):
            yield [HeldDocument(*row) for row in page]

    def count_stale(self, partition_id: int, *, after: int, chunking: int) -> int:
        """How many live documents changed after revision `after` have to be cut."""
        d, c = self._t.documents, self._t.chunked
        stale = sa.or_(c.c.document_no.is_(None), c.c.content_hash != d.c.content_hash, c.c.error != "")
        mine = sa.and_(c.c.document_no == d.c.document_no, c.c.chunking_id == chunking)
        statement = (
            sa.select(sa.func.count())
            .select_from(d.outerjoin(c, mine))
            .where(d.c.partition_id == partition_id, d.c.revision > after, d.c.deleted == 0, stale)
        )
        with self._db.read() as connection:
            return int(connection.execute(statement).scalar_one())

    def to_cut(self, document_nos: Iterable[int]) -> Iterator[list[ToChunk]]:
        """Live documents with their texts, about 16 MB at a time."""
        d, x = self._t.documents, self._t.texts
        statement = sa.select(*columns_to_cut(self._t)).select_from(d.join(x, x.c.text_no == d.c.text_no))
        for numbers in batches(document_nos):
            with self._db.read() as connection:
                rows = connection.execute(statement.where(d.c.document_no.in_(numbers))).all()
            for some in by_size(rows):
                yield self._with_text(some)

    def lacking_vectors(self, model: int, digests: Sequence[bytes]) -> set[bytes]:
        """Those of the texts, by hash, that have no vector of the model."""
        x, e = self._t.texts, self._t.embeddings
        statement = sa.select(x.c.hash).join(e, sa.and_(e.c.text_no == x.c.text_no, e.c.model_id == model))
        with self._db.read() as connection:
            have = {row[0] for row in rows_by(connection, statement, x.c.hash, set(digests))}
        return set(digests) - have

    def _held_rows(self, partition_id: int, chunking: int) -> AnySelect:
        d, c = self._t.documents, self._t.chunked
        mine = sa.and_(c.c.document_no == d.c.document_no, c.c.chunking_id == chunking)
        return (
            sa.select(
                d.c.revision,
                d.c.document_no,
                d.c.document_id,
                d.c.uri,
                d.c.content_hash,
                d.c.metadata_hash,
                d.c.deleted,
                c.c.content_hash.label("cut_from"),
                sa.func.coalesce(c.c.error, "").label("chunk_error"),
                sa.func.coalesce(c.c.chunk_count, 0).label("chunks"),
            )
            .select_from(d.outerjoin(c, mine))
            .where(d.c.partition_id == partition_id)
        )
