"""Chunks: which documents have to be cut, and what they were cut into.

Every chunking (a way of cutting, by the hash of its configuration) has chunks of its own, so that two collections can
be kept up side by side. `chunked` holds what a document was last cut from, so that empty and failing documents count
as done too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import sqlalchemy as sa

from vector_pipeline.documents import Chunk
from vector_pipeline.state.column_types import to_text
from vector_pipeline.state.errors import StateCorrupt
from vector_pipeline.state.part import Part
from vector_pipeline.state.records import READING_STAGE, Chunked, ToChunk
from vector_pipeline.state.rows import AnyRow, delete_rows, insert_rows, intern_texts, rows_by, text_bodies
from vector_pipeline.state.schema import Tables

CHUNKS_PER_TRANSACTION = 20_000
BYTES_PER_BATCH = 16_000_000
"""Text handed out in one batch of documents, so that a batch of large documents fits in memory."""

_CHUNK = (
    "chunking_id",
    "document_no",
    "idx",
    "chunk_id",
    "text_no",
    "headings",
    "prefix",
    "start_offset",
    "end_offset",
)
_CHUNK_ID = ("chunking_id", "chunk_id")


def columns_to_cut(t: Tables) -> list[sa.ColumnElement[Any]]:
    """What is read of a document to cut it but its text, whose length is `size`; both tables are still to be joined."""
    names = (
        "document_no",
        "document_id",
        "native_id",
        "version",
        "uri",
        "content_hash",
        "kind",
        "language",
        "context",
        "deleted",
        "text_no",
    )
    return [*(t.documents.c[name] for name in names), sa.func.length(t.texts.c.body).label("size")]


class ChunksPart(Part):
    """The part of the store about chunks."""

    def chunking_no(self, config_hash: bytes) -> int:
        """The number of a way of cutting documents, given on first use."""
        table = self._t.chunkings
        statement = sa.select(table.c.chunking_id).where(table.c.config_hash == config_hash)
        with self._db.read() as connection:
            found = connection.execute(statement).scalar()
        if found is None:
            with self._db.write() as connection:
                insert_rows(connection, table, ("config_hash",), [(config_hash,)], key=("config_hash",))
                found = connection.execute(statement).scalar_one()
        return int(found)

    def documents_to_chunk(
        self,
        partition_id: int,
        *,
        after: int,
        chunking: int,
        batch: int = 500,
        until: int | None = None,
        most_text: Callable[[], int] = lambda: BYTES_PER_BATCH,
    ) -> Iterator[list[ToChunk]]:
        """Documents changed after revision `after` (up to `until`, if given) whose chunks do not come from this
        content, could not be cut, or belong to a deleted document.

        At most `batch` documents and about `most_text()` characters (16 million) at a time, more only in one document;
        no transaction is open between two batches.
        """
        d, c, x = self._t.documents, self._t.chunked, self._t.texts
        stale = sa.or_(
            c.c.document_no.is_(None),
            c.c.content_hash != d.c.content_hash,
            c.c.error != "",
        )
        statement = (
            sa.select(d.c.revision, *columns_to_cut(self._t))
            .select_from(
                d.outerjoin(c, sa.and_(c.c.document_no == d.c.document_no, c.c.chunking_id == chunking)).outerjoin(
                    x, x.c.text_no == d.c.text_no
                )
            )
            .where(
                d.c.partition_id == partition_id,
                sa.or_(
                    sa.and_(d.c.deleted == 0, stale),
                    sa.and_(d.c.deleted == 1, c.c.document_no.is_not(None)),
                ),
            )
        )
        if until is not None:
            statement = statement.where(d.c.revision <= until)
        for page in self._pages(statement, after, batch):
            for rows in by_size(page, most_text):
                yield self._with_text(rows)

    def replace_chunks(self, partition_id: int, chunking: int, rows: Sequence[Chunked]) -> int:
        """Stores what documents were cut into; returns the number of chunk rows written or removed.

        Only chunks that differ are written. A document is replaced whole in one transaction of at most 20,000
        chunks (more only if it alone has more). A result for content that is no longer current is left out.
        """
        written = 0
        some: list[Chunked] = []
        size = 0
        for row in {row.document_no: row for row in rows}.values():
            chunks = len(row.chunks or ())
            if some and size + chunks > CHUNKS_PER_TRANSACTION:
                written += self._replace(partition_id, chunking, some)
                some, size = [], 0
            some.append(row)
            size += chunks
        return written + (self._replace(partition_id, chunking, some) if some else 0)

    def document_chunks(self, document_no: int, chunking: int) -> list[Chunk]:
        """The chunks of a document, in order."""
        k, x = self._t.chunks, self._t.texts
        statement = (
            sa.select(
                k.c.chunk_id, x.c.hash, k.c.idx, x.c.body, k.c.prefix, k.c.headings, k.c.start_offset, k.c.end_offset
            )
            .join(x, x.c.text_no == k.c.text_no)
            .where(k.c.chunking_id == chunking, k.c.document_no == document_no)
            .order_by(k.c.idx)
        )
        with self._db.read() as connection:
            return [
                Chunk(chunk_id, digest, idx, to_text(body), prefix, tuple(headings), start, end)
                for chunk_id, digest, idx, body, prefix, headings, start, end in connection.execute(statement)
            ]

    def _with_text(self, rows: Sequence[AnyRow]) -> list[ToChunk]:
        with self._db.read() as connection:
            try:
                bodies = self._bodies(connection, rows)
            except StateCorrupt:
                # What will be read again is cut then; of anything else nobody knows yet that its text is damaged.
                due = self._to_be_read(connection, rows)
                rows = [row for row in rows if row.document_id not in due or self._is_whole(connection, row)]
                bodies = self._bodies(connection, rows)
        return [
            ToChunk(
                row.document_no,
                row.document_id,
                row.native_id,
                row.version,
                row.uri,
                row.content_hash,
                "" if row.deleted else bodies[row.text_no],
                row.kind,
                row.language,
                row.context,
                bool(row.deleted),
            )
            for row in rows
        ]

    def _bodies(self, connection: sa.Connection, rows: Sequence[AnyRow]) -> dict[int, str]:
        """The texts of those that are not deleted. Raises StateCorrupt."""
        return text_bodies(connection, self._t.texts, {row.text_no for row in rows if not row.deleted})

    def _is_whole(self, connection: sa.Connection, row: AnyRow) -> bool:
        try:
            self._bodies(connection, [row])
        except StateCorrupt:
            return False
        return True

    def _to_be_read(self, connection: sa.Connection, rows: Sequence[AnyRow]) -> set[bytes]:
        """Those of the documents that could not be read at their source last time, or are marked to be read again."""
        q = self._t.quarantine
        found = rows_by(
            connection,
            sa.select(q.c.document_id).where(q.c.stage == READING_STAGE),
            q.c.document_id,
            (row.document_id for row in rows),
        )
        return {row.document_id for row in found}

    def _replace(self, partition_id: int, chunking: int, rows: Sequence[Chunked]) -> int:
        t = self._t
        with self._db.write() as connection:
            self._locked_revision(connection, partition_id)
            d = t.documents
            statement = sa.select(d.c.document_no, d.c.content_hash, d.c.deleted)
            statement = statement.where(d.c.partition_id == partition_id)
            current = {
                number: (content, bool(deleted))
                for number, content, deleted in rows_by(
                    connection, statement, d.c.document_no, (row.document_no for row in rows)
                )
            }
            removed = [r for r in rows if not r.chunks and not r.error and current.get(r.document_no, (b"", False))[1]]
            valid = [r for r in rows if current.get(r.document_no) == (r.content_hash, False)]
            written = self._write_chunks(connection, chunking, [*removed, *(r for r in valid if r.chunks is not None)])
            keys = [(chunking, row.document_no) for row in removed]
            delete_rows(connection, t.chunked, ("chunking_id", "document_no"), keys)
            self._record_chunked(connection, chunking, valid)
        return written

    def _write_chunks(self, connection: sa.Connection, chunking: int, rows: Sequence[Chunked]) -> int:
        k = self._t.chunks
        bodies = {chunk.chunk_hash: chunk.text for row in rows for chunk in row.chunks or ()}
        numbers = intern_texts(connection, self._t.texts, bodies)
        old: dict[tuple[int, int], tuple[Any, ...]] = {}
        columns = sa.select(*(k.c[name] for name in _CHUNK)).where(k.c.chunking_id == chunking)
        for held in rows_by(connection, columns, k.c.document_no, (row.document_no for row in rows)):
            values = tuple(held)
            old[values[1], values[2]] = values
        new: list[tuple[Any, ...]] = []
        for row in rows:
            for chunk in row.chunks or ():
                values = (
                    chunking,
                    row.document_no,
                    chunk.idx,
                    chunk.chunk_id,
                    numbers[chunk.chunk_hash],
                    list(chunk.headings),
                    chunk.prefix,
                    chunk.start,
                    chunk.end,
                )
                if old.get((row.document_no, chunk.idx)) == values:
                    del old[row.document_no, chunk.idx]
                else:
                    new.append(values)
        # Removed first: a chunk that moved to another place keeps its id, which is unique.
        delete_rows(connection, k, _CHUNK[:3], [(chunking, *key) for key in old])
        # Chunk ids are made of their document's: one that is held elsewhere was left by a row lost behind our back.
        others = [name for name in _CHUNK if name not in _CHUNK_ID]
        insert_rows(connection, k, _CHUNK, new, key=_CHUNK_ID, update=others)
        return len(new) + len(old.keys() - {(values[1], values[2]) for values in new})

    def _record_chunked(self, connection: sa.Connection, chunking: int, rows: Sequence[Chunked]) -> None:
        columns = ("chunking_id", "document_no", "content_hash", "error", "chunk_count")
        done = [(chunking, r.document_no, r.content_hash, r.error, len(r.chunks)) for r in rows if r.chunks is not None]
        failed = [(chunking, r.document_no, r.content_hash, r.error, 0) for r in rows if r.chunks is None]
        table, key = self._t.chunked, columns[:2]
        insert_rows(connection, table, columns, done, key=key, update=columns[2:])
        # The count stays what it was: the former chunks are kept.
        insert_rows(connection, table, columns, failed, key=key, update=columns[2:4])


def by_size(page: Sequence[AnyRow], most_text: Callable[[], int] = lambda: BYTES_PER_BATCH) -> Iterator[list[AnyRow]]:
    """Rows of documents (`size`, `deleted`) in lists of at most about `most_text()` characters (16 million)."""
    some: list[AnyRow] = []
    size, most = 0, most_text()
    for row in page:
        length = 0 if row.deleted else int(row.size or 0)
        if some and size + length > most:
            yield some
            some, size, most = [], 0, most_text()
        some.append(row)
        size += length
    if some:
        yield some
