"""Whether what is stored is what its hashes say: texts, the documents made of them, vectors.

Reads only. The one idea: a hash is stored beside everything that others are made from, so damage can be told from a
change without asking anybody.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import sqlalchemy as sa

from vector_pipeline.documents import Document, content_hash, metadata_hash, text_hash
from vector_pipeline.state.column_types import to_text
from vector_pipeline.state.errors import StateCorrupt
from vector_pipeline.state.part import Part
from vector_pipeline.state.rows import AnyRow, batches, rows_by

_DOCUMENTS_AT_ONCE = 50
_FLOAT_BYTES = 4


_CONTENT = ("kind", "language", "context")
_FACTS = ("uri", "title", "metadata", "source_updated_at")


class Damaged(NamedTuple):
    """Documents whose content, and whose other facts, are not what was read at the source."""

    contents: set[bytes]
    facts: set[bytes]


class SoundnessPart(Part):
    """The part of the store that looks for damage."""

    def damaged_documents(self, partition_id: int, document_ids: Iterable[bytes]) -> Damaged:
        """Those live documents whose row or text is not what their hashes were made of."""
        d, x = self._t.documents, self._t.texts
        columns = ("document_id", "content_hash", "metadata_hash", *_CONTENT, *_FACTS)
        statement = (
            sa.select(*(d.c[name] for name in columns), x.c.body)
            .select_from(d.outerjoin(x, x.c.text_no == d.c.text_no))
            .where(d.c.partition_id == partition_id, d.c.deleted == 0)
        )
        found = Damaged(set(), set())
        for row in self._by_document(statement, document_ids):
            if row.body is None or text_hash_of(row.body) is None or _content_hash(row) != row.content_hash:
                found.contents.add(row.document_id)
            if _facts_hash(row) != row.metadata_hash:
                found.facts.add(row.document_id)
        return found

    def unknown_documents(self, partition_id: int, document_ids: Iterable[bytes]) -> set[bytes]:
        """Those of the documents that there is no row of, deleted or not."""
        d, ids = self._t.documents, set(document_ids)
        statement = sa.select(d.c.document_id).where(d.c.partition_id == partition_id)
        return ids - {row.document_id for row in self._by_document(statement, ids)}

    def damaged_texts(self, partition_id: int, chunking: int, document_ids: Iterable[bytes]) -> dict[int, set[bytes]]:
        """Texts of these live documents and of their chunks that are missing or are not what their hash says, with the
        documents whose chunks hold them (none for a text that is only a document's own).
        """
        d, k, x = self._t.documents, self._t.chunks, self._t.texts
        live = (d.c.partition_id == partition_id, d.c.deleted == 0)
        own = (
            sa.select(d.c.document_id, d.c.text_no, x.c.hash, x.c.body)
            .select_from(d.outerjoin(x, x.c.text_no == d.c.text_no))
            .where(*live)
        )
        cut = (
            sa.select(d.c.document_id, k.c.text_no, x.c.hash, x.c.body)
            .select_from(d.join(k, k.c.document_no == d.c.document_no).outerjoin(x, x.c.text_no == k.c.text_no))
            .where(*live, k.c.chunking_id == chunking)
        )
        found: dict[int, set[bytes]] = {}
        ids = list(document_ids)
        for statement, is_chunk in ((own, False), (cut, True)):
            for row in self._by_document(statement, ids):
                if row.body is None or text_hash_of(row.body) != row.hash:
                    holders = found.setdefault(row.text_no, set())
                    holders.update((row.document_id,) if is_chunk else ())
        return found

    def unsound_vectors(
        self, partition_id: int, chunking: int, model: int, dimension: int, document_ids: Iterable[bytes]
    ) -> set[int]:
        """Chunk texts of these live documents whose vector is not of `dimension` numbers, not finite, or all zeros."""
        d, k, e = self._t.documents, self._t.chunks, self._t.embeddings
        statement = (
            sa.select(k.c.text_no, e.c.vector)
            .select_from(
                d.join(k, k.c.document_no == d.c.document_no).join(
                    e, sa.and_(e.c.model_id == model, e.c.text_no == k.c.text_no)
                )
            )
            .where(d.c.partition_id == partition_id, d.c.deleted == 0, k.c.chunking_id == chunking)
        )
        return {row.text_no for row in self._by_document(statement, document_ids) if not _is_sound(row[1], dimension)}

    def unready_documents(self, partition_id: int, chunking: int, model: int) -> set[bytes]:
        """The live documents that could not be cut, or with a chunk that has no vector of this model."""
        d, c, k, e = self._t.documents, self._t.chunked, self._t.chunks, self._t.embeddings
        embedded = sa.exists().where(e.c.model_id == model, e.c.text_no == k.c.text_no)
        lacking = sa.exists().where(
            k.c.chunking_id == chunking, k.c.document_no == d.c.document_no, ~embedded.correlate(k)
        )
        cut = sa.and_(c.c.chunking_id == chunking, c.c.document_no == d.c.document_no)
        statement = (
            sa.select(d.c.document_id)
            .select_from(d.outerjoin(c, cut))
            .where(d.c.partition_id == partition_id, d.c.deleted == 0, sa.or_(c.c.error != "", lacking.correlate(d)))
        )
        with self._db.read() as connection:
            return set(connection.execute(statement).scalars())

    def all_document_ids(self, partition_id: int, *, batch: int = 1_000) -> Iterator[list[bytes]]:
        """The ids of all documents of a partition, deleted ones too, in batches."""
        d = self._t.documents
        statement = sa.select(d.c.document_no, d.c.document_id).where(d.c.partition_id == partition_id)
        last = -1
        while True:
            with self._db.read() as connection:
                page = connection.execute(
                    statement.where(d.c.document_no > last).order_by(d.c.document_no).limit(batch)
                ).all()
            if page:
                yield [document_id for _, document_id in page]
                last = page[-1][0]
            if len(page) < batch:
                return

    def derived_texts(self, partition_id: int, chunking: int, point_ids: Sequence[bytes]) -> dict[bytes, int]:
        """Of these points those that are a chunk of a live document, with the text of the chunk."""
        d, k = self._t.documents, self._t.chunks
        statement = (
            sa.select(k.c.chunk_id, k.c.text_no)
            .select_from(k.join(d, d.c.document_no == k.c.document_no))
            .where(d.c.partition_id == partition_id, d.c.deleted == 0, k.c.chunking_id == chunking)
        )
        with self._db.read() as connection:
            return {row[0]: row[1] for row in rows_by(connection, statement, k.c.chunk_id, point_ids)}

    def documents_of_points(
        self, partition_id: int, target: int, chunking: int, point_ids: Sequence[bytes]
    ) -> dict[bytes, bytes]:
        """The document of each point of the partition that is recorded for the target, or is a chunk of it."""
        d, k, p = self._t.documents, self._t.chunks, self._t.points
        recorded = (
            sa.select(p.c.chunk_id, d.c.document_id)
            .select_from(p.join(d, d.c.document_no == p.c.document_no))
            .where(d.c.partition_id == partition_id, p.c.target_id == target)
        )
        derived = (
            sa.select(k.c.chunk_id, d.c.document_id)
            .select_from(k.join(d, d.c.document_no == k.c.document_no))
            .where(d.c.partition_id == partition_id, k.c.chunking_id == chunking)
        )
        with self._db.read() as connection:
            found = {row[0]: row[1] for row in rows_by(connection, recorded, p.c.chunk_id, point_ids)}
            return found | {row[0]: row[1] for row in rows_by(connection, derived, k.c.chunk_id, point_ids)}

    def points_of_documents(
        self, partition_id: int, target: int, document_ids: Iterable[bytes]
    ) -> dict[bytes, tuple[bytes, bytes]]:
        """The points recorded for these documents in a collection, with their document and fingerprint."""
        d, p = self._t.documents, self._t.points
        statement = (
            sa.select(p.c.chunk_id, d.c.document_id, p.c.fingerprint)
            .select_from(p.join(d, d.c.document_no == p.c.document_no))
            .where(d.c.partition_id == partition_id, p.c.target_id == target)
        )
        return {row[0]: (row[1], row[2]) for row in self._by_document(statement, document_ids)}

    def recorded_among(self, target: int, point_ids: Sequence[bytes]) -> set[bytes]:
        """Those of these points that are recorded for a collection."""
        p = self._t.points
        statement = sa.select(p.c.chunk_id).where(p.c.target_id == target)
        with self._db.read() as connection:
            return {row[0] for row in rows_by(connection, statement, p.c.chunk_id, point_ids)}

    def _by_document(self, statement: sa.Select[*tuple[object, ...]], ids: Iterable[bytes]) -> Iterator[AnyRow]:
        """The rows of `statement` about these documents; no transaction stays open between some and the next."""
        d = self._t.documents
        for some in batches(ids, _DOCUMENTS_AT_ONCE):
            with self._db.read() as connection:
                rows = list(connection.execute(statement.where(d.c.document_id.in_(some))))
            yield from rows


def text_hash_of(body: bytes) -> bytes | None:
    """The hash of a stored body; None for bytes that are no text at all."""
    try:
        return text_hash(to_text(body))
    except StateCorrupt:
        return None


def _content_hash(row: AnyRow) -> bytes:
    """The content hash of what is stored."""
    return content_hash(Document(b"", "", "", "", to_text(row.body), row.kind, row.language, row.context))


def _facts_hash(row: AnyRow) -> bytes:
    """The metadata hash of what is stored."""
    return metadata_hash(
        Document(
            b"",
            "",
            row.uri,
            row.title,
            "",
            metadata=row.metadata,
            source_updated_at=row.source_updated_at,
        )
    )


def _is_sound(vector: bytes, dimension: int) -> bool:
    if len(vector) != _FLOAT_BYTES * dimension:
        return False
    values = np.frombuffer(vector, dtype="<f4")
    return bool(np.isfinite(values).all() and values.any())
