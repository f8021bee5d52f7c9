"""Texts that stand in several documents: how many, how large, where. Grouped in the database: only groups come out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from vector_pipeline.state.part import Part
from vector_pipeline.state.schema import Tables

DOCUMENT, CHUNK = "document", "chunk"


@dataclass(frozen=True, slots=True)
class SharedText:
    """A text of `size` bytes that is the whole of several documents, or a chunk of several whose texts differ."""

    text_no: int
    size: int
    documents: int


@dataclass(frozen=True, slots=True)
class SharedTotals:
    """How many texts are shared, by how many documents in all, and the bytes that are there more than once."""

    groups: int
    documents: int
    repeated: int


@dataclass(frozen=True, slots=True)
class Place:
    """A document that holds a text."""

    partition: str
    document_id: bytes
    native_id: bytes


class SharedTextsPart(Part):
    """The part of the store about texts that several live documents hold."""

    def shared_texts(
        self, kind: str, above: int, partition_id: int | None, chunking: int, limit: int
    ) -> tuple[SharedTotals, list[SharedText]]:
        """All groups in numbers, and the `limit` that repeat the most bytes.

        `kind` is DOCUMENT or CHUNK (of one chunking); texts of at least `above` bytes; with a partition those that it
        has a share in.
        """
        groups = (_in_documents(self._t) if kind == DOCUMENT else _in_chunks(self._t, chunking)).subquery()
        x = self._t.texts
        size = sa.func.length(x.c.body)
        sized = (
            sa.select(groups.c.text_no, size.label("size"), groups.c.documents)
            .join(x, x.c.text_no == groups.c.text_no)
            .where(size >= above)
        )
        if partition_id is not None:
            sized = sized.where(groups.c.text_no.in_(_held_by(self._t, kind, partition_id, chunking)))
        found = sized.subquery()
        repeated = found.c.size * (found.c.documents - 1)
        totals = sa.select(
            sa.func.count(),
            sa.func.coalesce(sa.func.sum(found.c.documents), 0),
            sa.func.coalesce(sa.func.sum(repeated), 0),
        )
        largest = sa.select(found).order_by(repeated.desc(), found.c.text_no).limit(limit)
        with self._db.read() as connection:
            numbers = connection.execute(totals).one()
            rows = [SharedText(*row) for row in connection.execute(largest)]
        return SharedTotals(*(int(number) for number in numbers)), rows

    def places(self, kind: str, text_no: int, chunking: int, limit: int) -> list[Place]:
        """At most `limit` of the live documents that hold a text, by partition and id."""
        d, k, p = self._t.documents, self._t.chunks, self._t.partitions
        statement = (
            sa.select(p.c.name, d.c.document_id, d.c.native_id)
            .join(p, p.c.partition_id == d.c.partition_id)
            .where(d.c.deleted == 0)
            .order_by(p.c.name, d.c.native_id, d.c.document_id)
            .limit(limit)
        )
        if kind == DOCUMENT:
            statement = statement.where(d.c.text_no == text_no)
        else:
            statement = statement.where(
                d.c.document_no.in_(
                    sa.select(k.c.document_no).where(k.c.chunking_id == chunking, k.c.text_no == text_no)
                )
            )
        with self._db.read() as connection:
            return [Place(*row) for row in connection.execute(statement)]


def _in_documents(t: Tables) -> sa.Select[Any]:
    d = t.documents
    return (
        sa.select(d.c.text_no, sa.func.count().label("documents"))
        .where(d.c.deleted == 0)
        .group_by(d.c.text_no)
        .having(sa.func.count() > 1)
    )


def _in_chunks(t: Tables, chunking: int) -> sa.Select[Any]:
    """What whole documents share is said of them already: the documents' texts must differ."""
    d, k = t.documents, t.chunks
    mine = k.c.chunking_id == chunking
    several = sa.select(k.c.text_no).where(mine).group_by(k.c.text_no).having(sa.func.count() > 1)
    return (
        sa.select(k.c.text_no, sa.func.count(sa.distinct(d.c.document_no)).label("documents"))
        .join(d, d.c.document_no == k.c.document_no)
        .where(mine, d.c.deleted == 0, k.c.text_no.in_(several))
        .group_by(k.c.text_no)
        .having(sa.func.count(sa.distinct(d.c.text_no)) > 1)
    )


def _held_by(t: Tables, kind: str, partition_id: int, chunking: int) -> sa.Select[Any]:
    d, k = t.documents, t.chunks
    mine = sa.and_(d.c.partition_id == partition_id, d.c.deleted == 0)
    if kind == DOCUMENT:
        return sa.select(d.c.text_no).where(mine)
    joined = sa.select(k.c.text_no).join(d, d.c.document_no == k.c.document_no)
    return joined.where(mine, k.c.chunking_id == chunking)
