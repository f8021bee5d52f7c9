"""Embeddings: vectors by (model, text), shared by every partition that holds the text."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa

from vector_pipeline.state.part import Part
from vector_pipeline.state.rows import batches, insert_rows, rows_by, text_bodies

Vectors = npt.NDArray[np.float32]

ROWS_PER_TRANSACTION = 20_000


class EmbeddingsPart(Part):
    """The part of the store about embeddings."""

    def model_no(self, identity: str) -> int:
        """The number of an embedding model, given on first use. Its vectors count as used from now on."""
        table = self._t.models
        statement = sa.select(table.c.model_id, table.c.unused_since).where(table.c.identity == identity)
        with self._db.read() as connection:
            found = connection.execute(statement).first()
        if found is None or found.unused_since is not None:
            with self._db.write() as connection:
                row = (identity, None)
                key, mark = ("identity",), ("unused_since",)
                insert_rows(connection, table, ("identity", "unused_since"), [row], key=key, update=mark)
                found = connection.execute(statement).one()
        return int(found.model_id)

    def texts_to_embed(self, partition_id: int, *, after: int, model: int, chunking: int) -> list[int]:
        """Distinct texts, in order, of a chunking of live documents changed after revision `after` that the model
        lacks."""
        d, k, e = self._t.documents, self._t.chunks, self._t.embeddings
        embedded = sa.exists().where(e.c.model_id == model, e.c.text_no == k.c.text_no)
        statement = (
            sa.select(k.c.text_no)
            .distinct()
            .select_from(d.join(k, k.c.document_no == d.c.document_no))
            .where(
                d.c.partition_id == partition_id,
                d.c.revision > after,
                d.c.deleted == 0,
                k.c.chunking_id == chunking,
                ~embedded,
            )
        )
        with self._db.read() as connection:
            return sorted(connection.execute(statement).scalars())

    def text_bodies(self, text_nos: Sequence[int]) -> dict[int, str]:
        """The texts by number, all in memory: ask for some at a time. Raises StateCorrupt where one can't be read."""
        with self._db.read() as connection:
            return text_bodies(connection, self._t.texts, text_nos)

    def add_embeddings(self, model: int, text_nos: Sequence[int], vectors: Vectors) -> None:
        """Stores one vector per text; a text that has one already keeps it.

        Raises ValueError where `vectors` is not of shape (len(text_nos), dimension) and finite.
        """
        if vectors.ndim != 2 or len(vectors) != len(text_nos) or not vectors.shape[1]:
            raise ValueError(f"{len(text_nos)} texts need as many vectors, not an array of shape {vectors.shape}")
        if not np.isfinite(vectors).all():
            raise ValueError("a vector that is not finite can't be stored")
        ready = np.ascontiguousarray(vectors, dtype="<f4")
        numbers = {number: position for position, number in enumerate(text_nos)}
        for some in batches(sorted(numbers), ROWS_PER_TRANSACTION):
            rows = ((model, number, ready[numbers[number]].tobytes()) for number in some)
            with self._db.write() as connection:
                insert_rows(
                    connection,
                    self._t.embeddings,
                    ("model_id", "text_no", "vector"),
                    rows,
                    key=("model_id", "text_no"),
                )

    def vectors(self, model: int, text_nos: Sequence[int]) -> dict[int, Vectors]:
        """The stored vectors (read-only arrays) by text; texts without one are left out."""
        e = self._t.embeddings
        statement = sa.select(e.c.text_no, e.c.vector).where(e.c.model_id == model)
        with self._db.read() as connection:
            rows = rows_by(connection, statement, e.c.text_no, text_nos)
            return {number: np.frombuffer(vector, dtype="<f4") for number, vector in rows}

    def documents_of_texts(
        self, partition_id: int, text_nos: Sequence[int], chunking: int
    ) -> list[tuple[int, int, bytes, str, str, bytes]]:
        """(text, document number, native id, version, uri, document id) of every live document that holds a text in
        this chunking."""
        d, k = self._t.documents, self._t.chunks
        statement = (
            sa.select(k.c.text_no, d.c.document_no, d.c.native_id, d.c.version, d.c.uri, d.c.document_id)
            .distinct()
            .select_from(k.join(d, d.c.document_no == k.c.document_no))
            .where(d.c.partition_id == partition_id, d.c.deleted == 0, k.c.chunking_id == chunking)
        )
        with self._db.read() as connection:
            return [
                (text_no, document_no, native_id, version, uri, document_id)
                for text_no, document_no, native_id, version, uri, document_id in rows_by(
                    connection, statement, k.c.text_no, text_nos
                )
            ]
