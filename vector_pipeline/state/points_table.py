"""Points: what each collection should hold, and what was written to it, with a fingerprint per point.

A target is one physical collection; its rows are written after the index has confirmed the points.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import polars as pl
import sqlalchemy as sa

from vector_pipeline.state.column_types import to_text
from vector_pipeline.state.part import Part
from vector_pipeline.state.records import DERIVED, EXPECTED, DesiredChunk, DesiredDocument
from vector_pipeline.state.rows import BATCH, batches, delete_rows, frame, insert_rows, rows_by

CHUNKS_PER_BATCH = 1_500
NOT_CUT = "not cut yet"
"""Stands for the reason where a document's present text is still to be cut, or was not because that failed."""


class PointsPart(Part):
    """The part of the store about points."""

    def documents_to_point(
        self,
        partition_id: int,
        *,
        after: int,
        chunking: int,
        batch: int = 200,
        until: int | None = None,
        most_chunks: Callable[[], int] = lambda: CHUNKS_PER_BATCH,
    ) -> Iterator[list[int]]:
        """Documents (deleted ones too) changed after revision `after` (up to `until`, if given), oldest change first.

        At most `batch` documents or about `most_chunks()` chunks (1,500) of this chunking at a time, more only of one
        document; no transaction is open between two batches.
        """
        d, c = self._t.documents, self._t.chunked
        statement = (
            sa.select(d.c.revision, d.c.document_no, sa.func.coalesce(c.c.chunk_count, 0).label("chunks"))
            .select_from(d.outerjoin(c, sa.and_(c.c.document_no == d.c.document_no, c.c.chunking_id == chunking)))
            .where(d.c.partition_id == partition_id)
        )
        if until is not None:
            statement = statement.where(d.c.revision <= until)
        for page in self._pages(statement, after, batch):
            some: list[int] = []
            size, most = 0, most_chunks()
            for row in page:
                if some and size + row.chunks > most:
                    yield some
                    some, size = [], 0
                some.append(row.document_no)
                size += row.chunks
            yield some

    def desired_points(self, document_nos: Sequence[int], model: int, chunking: int) -> list[DesiredDocument]:
        """What the index should hold of these documents, by document number; unknown numbers are left out."""
        d, c = self._t.documents, self._t.chunked
        statement = sa.select(
            d.c.document_no,
            d.c.document_id,
            d.c.native_id,
            d.c.uri,
            d.c.title,
            d.c.kind,
            d.c.language,
            d.c.version,
            d.c.metadata,
            d.c.source_updated_at,
            d.c.deleted,
            sa.case((c.c.content_hash == d.c.content_hash, c.c.error), else_=NOT_CUT).label("chunk_error"),
        ).select_from(d.outerjoin(c, sa.and_(c.c.document_no == d.c.document_no, c.c.chunking_id == chunking)))
        with self._db.read() as connection:
            rows = sorted(rows_by(connection, statement, d.c.document_no, document_nos))
            live = [row.document_no for row in rows if not row.deleted]
            chunks = self._desired_chunks(connection, live, model, chunking)
        return [DesiredDocument(*[*row[:10], bool(row[10]), row[11], chunks.get(row[0], [])]) for row in rows]

    def applied_points(self, target: int, document_nos: Sequence[int]) -> dict[int, dict[bytes, bytes]]:
        """Per document the points written to a collection, with their fingerprints; documents without are left out."""
        p = self._t.points
        statement = sa.select(p.c.document_no, p.c.chunk_id, p.c.fingerprint).where(p.c.target_id == target)
        found: dict[int, dict[bytes, bytes]] = {}
        with self._db.read() as connection:
            for document_no, chunk_id, fingerprint in rows_by(connection, statement, p.c.document_no, document_nos):
                found.setdefault(document_no, {})[chunk_id] = fingerprint
        return found

    def record_points(
        self, target: int, upserted: Sequence[tuple[bytes, int, bytes]], deleted: Sequence[bytes]
    ) -> None:
        """Records points (id, document number, fingerprint) that a collection has confirmed, and ids it has removed."""
        p = self._t.points
        rows = {chunk_id: (target, chunk_id, document_no, print_) for chunk_id, document_no, print_ in upserted}
        with self._db.write() as connection:
            delete_rows(connection, p, ("target_id", "chunk_id"), [(target, chunk_id) for chunk_id in set(deleted)])
            insert_rows(
                connection,
                p,
                ("target_id", "chunk_id", "document_no", "fingerprint"),
                rows.values(),
                key=("target_id", "chunk_id"),
                update=("document_no", "fingerprint"),
            )

    def count_points(self, target: int, partition_id: int | None = None) -> int:
        """Number of points recorded for a collection, of one partition or of all."""
        p, d = self._t.points, self._t.documents
        statement = sa.select(sa.func.count()).select_from(p).where(p.c.target_id == target)
        if partition_id is not None:
            statement = (
                sa.select(sa.func.count())
                .select_from(d.join(p, p.c.document_no == d.c.document_no))
                .where(d.c.partition_id == partition_id, p.c.target_id == target)
            )
        with self._db.read() as connection:
            return int(connection.execute(statement).scalar_one())

    def expected_points(
        self, target: int, partition_id: int | None = None, batch: int = 50_000
    ) -> Iterator[pl.DataFrame]:
        """What the store says is in a collection, as EXPECTED frames of about `batch` rows."""
        p, d = self._t.points, self._t.documents
        statement = (
            sa.select(d.c.document_id, p.c.chunk_id, p.c.fingerprint)
            .select_from(p.join(d, d.c.document_no == p.c.document_no))
            .where(p.c.target_id == target)
        )
        return self._frames(statement, p.c.document_no, partition_id, EXPECTED, batch, live=False)

    def derived_points(
        self, chunking: int, partition_id: int | None = None, batch: int = 50_000
    ) -> Iterator[pl.DataFrame]:
        """Every chunk of every live document in a chunking, as DERIVED frames of about `batch` rows."""
        k, d = self._t.chunks, self._t.documents
        statement = (
            sa.select(d.c.document_id, k.c.chunk_id)
            .select_from(k.join(d, d.c.document_no == k.c.document_no))
            .where(k.c.chunking_id == chunking)
        )
        return self._frames(statement, k.c.document_no, partition_id, DERIVED, batch, live=True)

    def _frames(
        self,
        statement: sa.Select[tuple[bytes, bytes]] | sa.Select[tuple[bytes, bytes, bytes]],
        column: sa.ColumnElement[int],
        partition_id: int | None,
        schema: pl.Schema,
        batch: int,
        *,
        live: bool,
    ) -> Iterator[pl.DataFrame]:
        """Rows of `statement` by partition and some documents at a time: no read stays open between frames."""
        d = self._t.documents
        with self._db.read() as connection:
            names = self._names(connection, partition_id)
        rows: list[tuple[str | bytes, ...]] = []
        for number, name in names.items():
            documents = sa.select(d.c.document_no).where(d.c.partition_id == number).order_by(d.c.document_no)
            if live:
                documents = documents.where(d.c.deleted == 0)
            with self._db.read() as connection:
                numbers = list(connection.execute(documents).scalars())
            for some in batches(numbers, BATCH):
                with self._db.read() as connection:
                    rows.extend((name, *row) for row in connection.execute(statement.where(column.in_(some))))
                if len(rows) >= batch:
                    yield frame(rows, schema)
                    rows = []
        if rows:
            yield frame(rows, schema)

    def _desired_chunks(
        self, connection: sa.Connection, document_nos: Sequence[int], model: int, chunking: int
    ) -> dict[int, list[DesiredChunk]]:
        k, x, e = self._t.chunks, self._t.texts, self._t.embeddings
        statement = (
            sa.select(
                k.c.document_no,
                k.c.chunk_id,
                k.c.idx,
                k.c.text_no,
                x.c.hash,
                x.c.body,
                k.c.prefix,
                k.c.headings,
                k.c.start_offset,
                k.c.end_offset,
                sa.exists().where(e.c.model_id == model, e.c.text_no == k.c.text_no),
            )
            .select_from(k.join(x, x.c.text_no == k.c.text_no))
            .where(k.c.chunking_id == chunking)
            .order_by(k.c.document_no, k.c.idx)
        )
        chunks: dict[int, list[DesiredChunk]] = {}
        for row in rows_by(connection, statement, k.c.document_no, document_nos):
            document_no, chunk_id, idx, text_no, digest, body, prefix, headings, start, end, embedded = row
            chunks.setdefault(document_no, []).append(
                DesiredChunk(
                    chunk_id,
                    idx,
                    text_no,
                    digest,
                    to_text(body),
                    prefix,
                    tuple(headings),
                    start,
                    end,
                    bool(embedded),
                )
            )
        return chunks
