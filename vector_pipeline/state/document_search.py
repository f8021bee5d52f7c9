"""Finding documents by what a person knows of them, and what became of one over time."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa

from vector_pipeline.state.document_filters import Filter, facts_of, wants_kept_out
from vector_pipeline.state.records import StoredDocument
from vector_pipeline.state.reports import ReportsPart, stored_document
from vector_pipeline.state.rows import rows_by

_PAGE = 2_000


class FoundDocuments(NamedTuple):
    """One page of documents, without text and chunks, and how many there are in all."""

    documents: list[StoredDocument]
    total: int


class DocumentVersion(NamedTuple):
    """One change of a document: "added", "changed", "metadata", "deleted" or "deleted: in the trash"."""

    change: str
    version: str
    changed_at: datetime
    run_id: str
    revision: int


class Place(NamedTuple):
    """Where a document lies in its source: its path, or its address where it has none."""

    document_id: bytes
    path: str
    uri: str
    title: str


class DocumentSearchPart(ReportsPart):
    """The part of the store that finds documents."""

    def search_documents(
        self,
        filters: Sequence[Filter] = (),
        *,
        partition: str | None = None,
        pattern: str | None = None,
        limit: int = 50,
        offset: int = 0,
        chunking: int | None = None,
        deleted: bool = False,
    ) -> FoundDocuments:
        """Documents that meet all filters and whose uri, title or native id contains `pattern` in any case, by
        partition and uri.

        Live ones; with `deleted`, or a filter that asks for what is kept out, those whose rows are still kept.
        """
        wanted = (pattern or "").casefold()
        matching = (
            (name, uri, number)
            for name, uri, number, words, takes in self._candidates(filters, partition, deleted)
            if takes and wanted in words
        )
        counted = _Counted(matching)
        page = heapq.nsmallest(offset + limit, counted)[offset:]
        numbers = [number for _, _, number in page]
        with self._db.read() as connection:
            rows = rows_by(connection, self._documents(chunking), self._t.documents.c.document_no, numbers)
            found = {row[0]: stored_document(row) for row in rows}
        return FoundDocuments([found[number] for number in numbers if number in found], counted.number)

    def document_versions(self, document_no: int, limit: int = 100) -> list[DocumentVersion]:
        """The changes of a document, the latest first, as far back as they are kept."""
        h = self._t.document_history
        statement = (
            sa.select(h.c.change, h.c.version, h.c.changed_at, h.c.run_id, h.c.revision)
            .where(h.c.document_no == document_no)
            .order_by(h.c.history_no.desc())
            .limit(limit)
        )
        with self._db.read() as connection:
            return [DocumentVersion(*row) for row in connection.execute(statement)]

    def document_places(self, partition: str) -> list[Place]:
        """Where the live documents of a partition lie."""
        d, p = self._t.documents, self._t.partitions
        statement = (
            sa.select(d.c.document_id, d.c.metadata, d.c.uri, d.c.title)
            .join(p, p.c.partition_id == d.c.partition_id)
            .where(p.c.name == partition, d.c.deleted == 0)
        )
        with self._db.read() as connection:
            rows = connection.execute(statement.execution_options(yield_per=_PAGE))
            return [Place(key, str(metadata.get("path") or uri), uri, title) for key, metadata, uri, title in rows]

    def _candidates(
        self, filters: Sequence[Filter], partition: str | None, deleted: bool
    ) -> Iterator[tuple[str, str, int, str, bool]]:
        """Documents with the text that patterns are looked for in, and whether the filters take them.

        Compared here and not in SQL: SQLite folds the case of ASCII only.
        """
        d, p, q, k = self._t.documents, self._t.partitions, self._t.quarantine, self._t.kept_out
        kept_out = wants_kept_out(filters)
        failed = sa.exists().where(q.c.partition_id == d.c.partition_id, q.c.document_id == d.c.document_id)
        statement = (
            sa.select(
                *(p.c.name, d.c.uri, d.c.document_no, d.c.title, d.c.native_id, d.c.kind, d.c.language),
                *(d.c.source_updated_at, d.c.ingested_at),
                failed if any(one.field == "quarantined" for one in filters) else sa.false(),
                # Most of what a row takes: read only where it is looked at.
                d.c.metadata if filters else sa.null(),
            )
            .join(p, p.c.partition_id == d.c.partition_id)
            .where(d.c.deleted == (1 if deleted or kept_out else 0))
        )
        if kept_out:
            same = k.c.partition_id == d.c.partition_id, k.c.native_id == d.c.native_id
            statement = statement.where(sa.exists().where(*same))
        if partition is not None:
            statement = statement.where(p.c.name == partition)
        with self._db.read() as connection:
            for row in connection.execute(statement.execution_options(yield_per=_PAGE)):
                name, uri, number, title, native_id, kind, language, updated, ingested, failing, metadata = row
                facts = facts_of(
                    metadata or {},
                    native_id,
                    source=name,
                    uri=uri,
                    title=title,
                    kind=kind,
                    language=language,
                    updated=updated,
                    ingested=ingested,
                    quarantined=bool(failing),
                )
                words = f"{uri}\n{title}\n{native_id.decode(errors='replace')}".casefold()
                yield name, uri, number, words, all(one.takes(facts) for one in filters)


class _Counted:
    """An iterable that counts what went through."""

    def __init__(self, rows: Iterator[tuple[str, str, int]]) -> None:
        self._rows, self.number = rows, 0

    def __iter__(self) -> Iterator[tuple[str, str, int]]:
        for row in self._rows:
            self.number += 1
            yield row
