"""What people ask the store: a summary per source, documents by name, sizes."""

from __future__ import annotations

import heapq
from typing import Any

import polars as pl
import sqlalchemy as sa

from vector_pipeline.state.chunks_table import ChunksPart
from vector_pipeline.state.column_types import to_text
from vector_pipeline.state.history_table import looked, said
from vector_pipeline.state.records import SUMMARIES, StoredDocument
from vector_pipeline.state.rows import AnyRow, AnySelect, frame, rows_by

_PAGE = 2_000
_LIVE = 0


class ReportsPart(ChunksPart):
    """The part of the store that answers people."""

    def summaries(self, target: int | None = None, chunking: int | None = None) -> pl.DataFrame:
        """One row per partition, by name, as a SUMMARIES frame; `points` counts those in the collection `target`,
        `chunks` those of the chunking."""
        t = self._t
        p, o, s = t.partitions, t.observations, t.source_cursors
        with self._db.read() as connection:
            documents, chunks = self._live_counts(connection, chunking)
            points = self._point_counts(connection, target)
            quarantined = self._quarantine_counts(connection)
            runs = self._last_runs(connection)
            successes = self._last_successes(connection)
            rows = connection.execute(
                sa.select(p.c.partition_id, p.c.name, p.c.revision, s.c.built_version, o.c.version, o.c.observed_at)
                .select_from(
                    p.outerjoin(s, s.c.partition_id == p.c.partition_id).outerjoin(
                        o, o.c.partition_id == p.c.partition_id
                    )
                )
                .order_by(p.c.name)
            ).all()
        return frame(
            [
                (
                    number,
                    name,
                    revision,
                    documents.get(number, 0),
                    None if chunking is None else chunks.get(number, 0),
                    None if target is None else points.get(number, 0),
                    quarantined.get(number, 0),
                    successes.get(number),
                    *runs.get(number, (None, None, None)),
                    built,
                    observed,
                    observed_at,
                )
                for number, name, revision, built, observed, observed_at in rows
            ],
            SUMMARIES,
        )

    def find_documents(
        self,
        *,
        partition: str | None = None,
        pattern: str | None = None,
        limit: int = 50,
        chunking: int | None = None,
    ) -> list[StoredDocument]:
        """The first live documents by partition and uri whose uri, title or native id contains `pattern` in any case;
        without text and chunks."""
        d, p = self._t.documents, self._t.partitions
        wanted = (pattern or "").casefold()
        names = (
            sa.select(p.c.name, d.c.uri, d.c.document_no, d.c.title, d.c.native_id)
            .join(p, p.c.partition_id == d.c.partition_id)
            .where(d.c.deleted == _LIVE)
        )
        if partition is not None:
            names = names.where(p.c.name == partition)
        with self._db.read() as connection:
            # Compared here and not in SQL: SQLite folds the case of ASCII only.
            matching = (
                (name, uri, number)
                for name, uri, number, title, native_id in connection.execute(names.execution_options(yield_per=_PAGE))
                if wanted in f"{uri}\n{title}\n{native_id.decode(errors='replace')}".casefold()
            )
            numbers = [number for _, _, number in heapq.nsmallest(limit, matching)]
            rows = rows_by(connection, self._documents(chunking), d.c.document_no, numbers)
            found = {row[0]: stored_document(row) for row in rows}
        return [found[number] for number in numbers]

    def document(self, document_id: bytes, chunking: int | None = None) -> StoredDocument | None:
        """One document with its text, deleted ones too; None where it was never stored. With its chunks of a chunking,
        where one is named."""
        d, x = self._t.documents, self._t.texts
        statement = (
            self._documents(chunking).where(d.c.document_id == document_id).order_by(d.c.deleted, d.c.document_no)
        )
        with self._db.read() as connection:
            row = connection.execute(statement.limit(1)).first()
            if row is None:
                return None
            body = connection.execute(
                sa.select(x.c.body).join(d, d.c.text_no == x.c.text_no).where(d.c.document_no == row.document_no)
            ).scalar()
        chunks = () if chunking is None else tuple(self.document_chunks(row.document_no, chunking))
        return stored_document(row, "" if body is None else to_text(body), chunks)

    def sizes(self) -> dict[str, int]:
        """Rows per table, and "bytes" on disk (of a SQLite file with its log)."""
        t = self._t
        with self._db.read() as connection:
            found = {
                table.name.removeprefix(t.prefix): int(
                    connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
                )
                for table in t.metadata.sorted_tables
            }
            if self._db.postgres:
                total = sum(
                    int(connection.execute(sa.select(sa.func.pg_total_relation_size(table.name))).scalar_one())
                    for table in t.metadata.sorted_tables
                )
                return {**found, "bytes": total}
        path = self._db.location.path
        files = [] if path is None else [path, path.with_name(f"{path.name}-wal")]
        return {**found, "bytes": sum(file.stat().st_size for file in files if file.exists())}

    def _documents(self, chunking: int | None) -> AnySelect:
        d, p, c = self._t.documents, self._t.partitions, self._t.chunked
        cut = sa.and_(c.c.document_no == d.c.document_no, c.c.chunking_id == chunking)
        return sa.select(
            d.c.document_no,
            p.c.name,
            d.c.document_id,
            d.c.native_id,
            d.c.uri,
            d.c.title,
            d.c.kind,
            d.c.language,
            d.c.context,
            d.c.version,
            d.c.metadata,
            d.c.source_updated_at,
            d.c.ingested_at,
            d.c.revision,
            d.c.deleted,
            sa.func.coalesce(c.c.chunk_count, 0),
            sa.func.coalesce(c.c.error, ""),
        ).select_from(d.join(p, p.c.partition_id == d.c.partition_id).outerjoin(c, cut))

    def _live_counts(self, connection: sa.Connection, chunking: int | None) -> tuple[dict[int, int], dict[int, int]]:
        d, c = self._t.documents, self._t.chunked
        rows = connection.execute(
            sa.select(d.c.partition_id, sa.func.count(), sa.func.sum(sa.func.coalesce(c.c.chunk_count, 0)))
            .select_from(d.outerjoin(c, sa.and_(c.c.document_no == d.c.document_no, c.c.chunking_id == chunking)))
            .where(d.c.deleted == _LIVE)
            .group_by(d.c.partition_id)
        ).all()
        return {row[0]: int(row[1]) for row in rows}, {row[0]: int(row[2]) for row in rows}

    def _point_counts(self, connection: sa.Connection, target: int | None) -> dict[int, int]:
        d, p = self._t.documents, self._t.points
        if target is None:
            return {}
        rows = connection.execute(
            sa.select(d.c.partition_id, sa.func.count())
            .select_from(p.join(d, d.c.document_no == p.c.document_no))
            .where(p.c.target_id == target)
            .group_by(d.c.partition_id)
        )
        return {number: int(count) for number, count in rows}

    def _quarantine_counts(self, connection: sa.Connection) -> dict[int, int]:
        q = self._t.quarantine
        rows = connection.execute(
            sa.select(q.c.partition_id, sa.func.count(q.c.document_id.distinct())).group_by(q.c.partition_id)
        )
        return {number: int(count) for number, count in rows}

    def _last_runs(self, connection: sa.Connection) -> dict[int, tuple[Any, ...]]:
        h = self._t.ingestion_history
        latest = sa.select(sa.func.max(h.c.ingestion_no)).where(looked(h)).group_by(h.c.partition_id)
        rows = connection.execute(
            sa.select(h.c.partition_id, h.c.status, h.c.started_at, said(h)).where(h.c.ingestion_no.in_(latest))
        )
        return {row[0]: tuple(row[1:]) for row in rows}

    def _last_successes(self, connection: sa.Connection) -> dict[int, Any]:
        h = self._t.ingestion_history
        rows = connection.execute(
            sa.select(h.c.partition_id, sa.func.max(h.c.finished_at))
            .where(h.c.status.in_(("success", "partial")), looked(h))
            .group_by(h.c.partition_id)
        )
        return dict(rows.all())


def stored_document(row: AnyRow, text: str = "", chunks: tuple[Any, ...] = ()) -> StoredDocument:
    """A row of documents as people ask for it."""
    values = list(row)
    values[14] = bool(values[14])
    return StoredDocument(*[*values, text, chunks])
