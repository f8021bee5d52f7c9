"""What checks read of contents: some recorded points, stored vectors as bytes, and how documents were cut.

Reads only. Nothing here trusts what it reads: rows may be damaged, and that is what is looked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from vector_pipeline.state.column_types import to_text
from vector_pipeline.state.errors import StateCorrupt
from vector_pipeline.state.part import Part
from vector_pipeline.state.rows import AnyRow, AnySelect, batches, rows_by


@dataclass(frozen=True, slots=True)
class RecordedPoint:
    """A point that the store says is in a collection."""

    point_id: bytes
    partition_id: int
    document_no: int
    fingerprint: bytes


@dataclass(frozen=True, slots=True)
class HashedDocument:
    """A live document without its text: how its source knows it, and what was recorded of what it says."""

    partition: str
    document_id: bytes
    native_id: bytes
    version: str
    uri: str
    metadata: Mapping[str, Any]
    content_hash: bytes
    metadata_hash: bytes


@dataclass(frozen=True, slots=True)
class Outline:
    """How a document was cut, without its text.

    `counted` chunks were recorded when it was cut (None: it never was), from the content it has now or (not `current`)
    another; `rows` are there, numbered up to `last`, `backward` of which begin before the one before ends. `size` is
    the length of its text in bytes, None where the store has lost it.
    """

    document_no: int
    document_id: bytes
    revision: int
    deleted: bool
    size: int | None
    counted: int | None
    current: bool
    failed: bool
    rows: int
    last: int
    backward: int


@dataclass(frozen=True, slots=True)
class Cut:
    """A document's text with what it was cut into. `hash` and the hashes of pieces are what the texts should have."""

    document_no: int
    hash: bytes
    text: str
    pieces: Sequence[Piece]


@dataclass(frozen=True, slots=True)
class Piece:
    """A chunk as it is stored, its text with the heading path in front (`prefix` characters).

    Both `hash` and text are empty where the store has lost the text.
    """

    hash: bytes
    text: str
    prefix: int
    start: int
    end: int


class ContentsPart(Part):
    """The part of the store about contents, as checks look at them."""

    def sample_points(self, target: int, partition_id: int | None, *, start: bytes, limit: int) -> list[RecordedPoint]:
        """At most `limit` points of a collection, in the order of their ids from `start` on, and around.

        Ids are hashes: another `start` gives another random sample.
        """
        p = self._t.points
        statement = self._recorded(target, partition_id).order_by(p.c.chunk_id)
        with self._db.read() as connection:
            rows: list[AnyRow] = list(connection.execute(statement.where(p.c.chunk_id >= start).limit(limit)))
            if len(rows) < limit:
                before = statement.where(p.c.chunk_id < start).limit(limit - len(rows))
                rows = [*rows, *connection.execute(before).all()]
        return [RecordedPoint(*row) for row in rows]

    def sample_documents(self, partition_id: int | None, *, start: bytes, limit: int) -> list[HashedDocument]:
        """At most `limit` live documents, in the order of their ids from `start` on, and around.

        Those that are marked to be read again are left out.
        """
        d, found = self._t.documents, list[HashedDocument]()
        statement = self._hashed(partition_id).order_by(d.c.document_id)
        with self._db.read() as connection:
            for place in (d.c.document_id >= start, d.c.document_id < start):
                rows = connection.execute(statement.where(place).limit(limit - len(found)))
                found += [HashedDocument(*row) for row in rows]
        return found

    def hashed_documents(self, partition_id: int | None, ids: Sequence[bytes]) -> list[HashedDocument]:
        """Those of the documents that are live and not marked to be read again."""
        statement = self._hashed(partition_id)
        with self._db.read() as connection:
            rows = rows_by(connection, statement, self._t.documents.c.document_id, ids)
            return [HashedDocument(*row) for row in rows]

    def _hashed(self, partition_id: int | None) -> AnySelect:
        d, p = self._t.documents, self._t.partitions
        statement: AnySelect = (
            sa.select(
                p.c.name,
                d.c.document_id,
                d.c.native_id,
                d.c.version,
                d.c.uri,
                d.c.metadata,
                d.c.content_hash,
                d.c.metadata_hash,
            )
            .select_from(d.join(p, p.c.partition_id == d.c.partition_id))
            .where(d.c.deleted == 0, d.c.version != "")
        )
        return statement if partition_id is None else statement.where(d.c.partition_id == partition_id)

    def recorded_points(
        self, target: int, partition_id: int | None, *, batch: int = 1_000
    ) -> Iterator[list[RecordedPoint]]:
        """All points of a collection by document, about `batch` at a time; no transaction stays open in between."""
        p, d = self._t.points, self._t.documents
        documents = sa.select(d.c.document_no).order_by(d.c.document_no).limit(max(1, batch // 5))
        if partition_id is not None:
            documents = documents.where(d.c.partition_id == partition_id)
        statement = self._recorded(target, partition_id)
        last = -1
        while True:
            with self._db.read() as connection:
                numbers = list(connection.execute(documents.where(d.c.document_no > last)).scalars())
                rows = list(rows_by(connection, statement, p.c.document_no, numbers))
            for position in range(0, len(rows), batch):
                yield [RecordedPoint(*row) for row in rows[position : position + batch]]
            if not numbers:
                return
            last = numbers[-1]

    def find_points(self, target: int, point_ids: Sequence[bytes]) -> list[RecordedPoint]:
        """Those of the points that are recorded for a collection."""
        statement = self._recorded(target, None)
        with self._db.read() as connection:
            return [RecordedPoint(*row) for row in rows_by(connection, statement, self._t.points.c.chunk_id, point_ids)]

    def vector_bytes(self, model: int, text_nos: Sequence[int]) -> dict[int, bytes]:
        """The stored vectors by text, as they lie there."""
        e = self._t.embeddings
        statement = sa.select(e.c.text_no, e.c.vector).where(e.c.model_id == model)
        with self._db.read() as connection:
            return {number: bytes(vector) for number, vector in rows_by(connection, statement, e.c.text_no, text_nos)}

    def outlines(
        self, chunking: int, partition_id: int, *, document_nos: Sequence[int] | None = None, batch: int = 5_000
    ) -> Iterator[list[Outline]]:
        """How every document of a partition (or some of them), deleted ones too, was cut in a chunking, in batches."""
        d, k = self._t.documents, self._t.chunks
        if document_nos is not None:
            for some in batches(sorted(set(document_nos))):
                yield self._outlines(chunking, partition_id, d.c.document_no.in_(some), k.c.document_no.in_(some))
            return
        numbers = sa.select(d.c.document_no).where(d.c.partition_id == partition_id).order_by(d.c.document_no)
        last = -1
        while True:
            with self._db.read() as connection:
                page = list(connection.execute(numbers.where(d.c.document_no > last).limit(batch)).scalars())
            if page:
                ends = page[0], page[-1]
                yield self._outlines(
                    chunking, partition_id, d.c.document_no.between(*ends), k.c.document_no.between(*ends)
                )
            if len(page) < batch:
                return
            last = page[-1]

    def document_numbers(
        self, partition_id: int, *, latest: int | None = None, ids: Sequence[bytes] | None = None
    ) -> list[int]:
        """Numbers of documents of a partition: the `latest` that changed, or those with the ids given."""
        d = self._t.documents
        statement = sa.select(d.c.document_no).where(d.c.partition_id == partition_id)
        with self._db.read() as connection:
            if ids is not None:
                return [row[0] for row in rows_by(connection, statement, d.c.document_id, ids)]
            newest = statement.order_by(d.c.revision.desc(), d.c.document_no.desc()).limit(latest)
            return list(connection.execute(newest).scalars())

    def cut_texts(self, chunking: int, document_nos: Sequence[int]) -> list[Cut]:
        """The texts of documents with their chunks of a chunking in order; documents whose text is lost are left out.

        All in memory: ask for some at a time.
        """
        d, k, x = self._t.documents, self._t.chunks, self._t.texts
        bodies = sa.select(d.c.document_no, x.c.hash, x.c.body).join(x, x.c.text_no == d.c.text_no)
        pieces = (
            sa.select(k.c.document_no, x.c.hash, x.c.body, k.c.prefix, k.c.start_offset, k.c.end_offset)
            .select_from(k.outerjoin(x, x.c.text_no == k.c.text_no))
            .where(k.c.chunking_id == chunking)
            .order_by(k.c.document_no, k.c.idx)
        )
        held: dict[int, list[Piece]] = {}
        with self._db.read() as connection:
            for number, digest, body, prefix, start, end in rows_by(connection, pieces, k.c.document_no, document_nos):
                held.setdefault(number, []).append(Piece(digest or b"", _readable(body or b""), prefix, start, end))
            return [
                Cut(number, digest, _readable(body), held.get(number, []))
                for number, digest, body in rows_by(connection, bodies, d.c.document_no, document_nos)
            ]

    def unowned_chunks(self, chunking: int) -> dict[int, bytes]:
        """By number of each document that there is no row of, though there are chunks of it: the id of one of them."""
        d, k = self._t.documents, self._t.chunks
        owned = sa.exists().where(d.c.document_no == k.c.document_no)
        statement = sa.select(k.c.document_no, k.c.chunk_id).where(k.c.chunking_id == chunking, ~owned)
        with self._db.read() as connection:
            return dict(map(tuple, connection.execute(statement)))

    def document_names(self, document_ids: Sequence[bytes]) -> dict[bytes, str]:
        """What people call these documents: the source's own id where it is readable, else the address."""
        d = self._t.documents
        statement = sa.select(d.c.document_id, d.c.native_id, d.c.uri)
        with self._db.read() as connection:
            rows = rows_by(connection, statement, d.c.document_id, set(document_ids))
            return {document_id: _name(native_id, uri) for document_id, native_id, uri in rows}

    def _recorded(self, target: int, partition_id: int | None) -> AnySelect:
        p, d = self._t.points, self._t.documents
        statement = (
            sa.select(p.c.chunk_id, d.c.partition_id, p.c.document_no, p.c.fingerprint)
            .select_from(p.join(d, d.c.document_no == p.c.document_no))
            .where(p.c.target_id == target)
        )
        return statement if partition_id is None else statement.where(d.c.partition_id == partition_id)

    def _outlines(
        self,
        chunking: int,
        partition_id: int,
        documents: sa.ColumnElement[bool],
        chunks: sa.ColumnElement[bool],
    ) -> list[Outline]:
        """The outlines of some documents of the partition; `chunks` is the same condition on their chunks."""
        d, c, k, x = self._t.documents, self._t.chunked, self._t.chunks, self._t.texts
        cut = sa.and_(c.c.chunking_id == chunking, c.c.document_no == d.c.document_no)
        statement: AnySelect = (
            sa.select(
                d.c.document_no,
                d.c.document_id,
                d.c.revision,
                d.c.deleted,
                sa.func.length(x.c.body),
                c.c.chunk_count,
                sa.func.coalesce(c.c.content_hash == d.c.content_hash, sa.false()),
                sa.func.coalesce(c.c.error != "", sa.false()),
            )
            .select_from(d.outerjoin(c, cut).outerjoin(x, x.c.text_no == d.c.text_no))
            .where(d.c.partition_id == partition_id, documents)
        )
        with self._db.read() as connection:
            rows = connection.execute(statement).all()
            found = self._pieces(connection, sa.and_(k.c.chunking_id == chunking, chunks))
        return [
            Outline(number, document_id, revision, bool(deleted), size, counted, bool(current), bool(failed), *pieces)
            for number, document_id, revision, deleted, size, counted, current, failed in rows
            for pieces in (found.get(number, (0, -1, 0)),)
        ]

    def _pieces(self, connection: sa.Connection, wanted: sa.ColumnElement[bool]) -> dict[int, tuple[int, int, int]]:
        """Of each document with chunks: how many, the highest number, how many begin before the one before ends."""
        k = self._t.chunks
        ended = sa.func.lag(k.c.end_offset).over(partition_by=k.c.document_no, order_by=k.c.idx)
        placed = sa.select(k.c.document_no, k.c.idx, (k.c.start_offset < ended).label("backward"))
        inner = placed.where(wanted).subquery()
        statement = sa.select(
            inner.c.document_no,
            sa.func.count(),
            sa.func.max(inner.c.idx),
            sa.func.sum(sa.case((inner.c.backward, 1), else_=0)),
        ).group_by(inner.c.document_no)
        rows = connection.execute(statement)
        return {number: (int(count), int(last), int(backward)) for number, count, last, backward in rows}


def _readable(body: bytes) -> str:
    """The text; where its bytes are damaged beyond reading, what is left of it."""
    try:
        return to_text(body)
    except StateCorrupt:
        return body.decode("utf-8", "replace")


def _name(native_id: bytes, uri: str) -> str:
    """A path is a name that people know; a number or bytes that are no text are not. Whatever the source put there."""
    try:
        name = native_id.decode("utf-8")
    except UnicodeDecodeError:
        name = ""
    return (not name.isdigit() and name) or uri or native_id.decode("utf-8", "backslashreplace")
