"""Numbers and small samples that runs report and check: cheap questions about one partition."""

from __future__ import annotations

import sqlalchemy as sa

from vector_pipeline.state.part import Part


class CountsPart(Part):
    """The part of the store about how much there is."""

    def count_documents(self, partition_id: int) -> int:
        """Number of live documents."""
        d = self._t.documents
        return self._count(
            sa.select(sa.func.count()).select_from(d).where(d.c.partition_id == partition_id, d.c.deleted == 0)
        )

    def count_chunks(self, partition_id: int, chunking: int) -> int:
        """Number of chunks of live documents in a chunking."""
        d, c = self._t.documents, self._t.chunked
        total = sa.func.coalesce(sa.func.sum(c.c.chunk_count), 0)
        joined = d.join(c, c.c.document_no == d.c.document_no)
        return self._count(
            sa.select(total)
            .select_from(joined)
            .where(d.c.partition_id == partition_id, d.c.deleted == 0, c.c.chunking_id == chunking)
        )

    def count_embedded(self, chunking: int, model: int) -> int:
        """Number of chunks of live documents in a chunking whose text has a vector of the model."""
        d, k, e = self._t.documents, self._t.chunks, self._t.embeddings
        return self._count(
            sa.select(sa.func.count())
            .select_from(
                k.join(d, d.c.document_no == k.c.document_no).join(
                    e, sa.and_(e.c.text_no == k.c.text_no, e.c.model_id == model)
                )
            )
            .where(k.c.chunking_id == chunking, d.c.deleted == 0)
        )

    def count_pointed_documents(self, target: int) -> int:
        """Number of documents that have points in a collection."""
        p = self._t.points
        return self._count(sa.select(sa.func.count(p.c.document_no.distinct())).where(p.c.target_id == target))

    def latest_points(self, target: int, partition_id: int, limit: int) -> list[bytes]:
        """Ids of at most `limit` points in a collection, of the documents that changed last."""
        p, d = self._t.points, self._t.documents
        latest = (
            sa.select(d.c.document_no)
            .where(d.c.partition_id == partition_id, d.c.deleted == 0)
            .order_by(d.c.revision.desc(), d.c.document_no.desc())
            .limit(limit)
            .subquery()
        )
        statement = (
            sa.select(p.c.chunk_id)
            .join(latest, latest.c.document_no == p.c.document_no)
            .where(p.c.target_id == target)
            .limit(limit)
        )
        with self._db.read() as connection:
            return list(connection.execute(statement).scalars())

    def missing_documents(self, target: int, other: int, chunking: int, limit: int) -> tuple[int, list[str]]:
        """How many live documents have points in the collection `other` and none in `target` though their text was not
        cut into nothing by its chunking, and the uris of the first of them, at most `limit`.
        """
        d, c, p = self._t.documents, self._t.chunked, self._t.points
        blank = sa.exists().where(
            c.c.chunking_id == chunking,
            c.c.document_no == d.c.document_no,
            c.c.content_hash == d.c.content_hash,
            c.c.error == "",
            c.c.chunk_count == 0,
        )
        has = sa.exists().where(p.c.document_no == d.c.document_no, p.c.target_id == other)
        lacks = ~sa.exists().where(p.c.document_no == d.c.document_no, p.c.target_id == target)
        statement = sa.select(d.c.uri).where(d.c.deleted == 0, has, lacks, ~blank).order_by(d.c.document_no)
        with self._db.read() as connection:
            total = connection.execute(sa.select(sa.func.count()).select_from(statement.subquery())).scalar_one()
            return int(total), list(connection.execute(statement.limit(limit)).scalars())

    def documents_without_chunks(self, partition_id: int, chunking: int, limit: int) -> list[bytes]:
        """Ids of at most `limit` live documents that were cut into nothing though their text is not blank."""
        d, c, t = self._t.documents, self._t.chunked, self._t.texts
        statement = (
            sa.select(d.c.document_id, t.c.body)
            .join(c, c.c.document_no == d.c.document_no)
            .join(t, t.c.text_no == d.c.text_no)
            .where(
                d.c.partition_id == partition_id,
                d.c.deleted == 0,
                c.c.chunking_id == chunking,
                c.c.chunk_count == 0,
                c.c.error == "",
            )
        )
        found: list[bytes] = []
        with self._db.read() as connection:
            for document_id, body in connection.execute(statement):
                if bytes(body).decode("utf-8", "surrogatepass").strip():
                    found.append(document_id)
                    if len(found) == limit:
                        break
        return found

    def _count(self, statement: sa.Select[int]) -> int:
        with self._db.read() as connection:
            return int(connection.execute(statement).scalar_one())
