"""Marking what is wrong as not done, so that the ordinary stages do it again, and nothing else.

The one idea: each mark is one transaction after which the next run of the stages finds that work by itself. Whoever
marks may die right after.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

import sqlalchemy as sa

from vector_pipeline.documents import hash16
from vector_pipeline.state.records import READING_STAGE
from vector_pipeline.state.rows import batches, delete_rows, insert_rows, rows_by, update_rows
from vector_pipeline.state.soundness import SoundnessPart

AT_ONCE = 5_000
"""Rows marked in one transaction."""

_NAMES = ("partition_id", "document_id", "stage", "native_id", "uri", "version", "reason")
_QUARANTINE = (*_NAMES, "permanent", "attempts", "first_at", "last_at", "retry_at")


class MendingPart(SoundnessPart):
    """The part of the store that marks rows to be made again."""

    def forget_points(
        self, partition_id: int, target: int, point_ids: Iterable[bytes], document_ids: Iterable[bytes]
    ) -> None:
        """Takes back that points were written, and has the later stages look at documents again.

        `document_ids` must include those of the points, or nobody looks at them, unless the partition is doubted. They
        go first: who dies in between leaves some points as wrong as they were, and none forgotten that nobody looks at.
        Call it while holding the partition's `lock`.
        """
        for some in batches(sorted(set(document_ids)), AT_ONCE):
            with self._db.write() as connection:
                self._touch(connection, partition_id, some)
        for some in batches(sorted(set(point_ids)), AT_ONCE):
            with self._db.write() as connection:
                keys = [(target, point_id) for point_id in some]
                delete_rows(connection, self._t.points, ("target_id", "chunk_id"), keys)

    def forget_chunked(self, partition_id: int, chunking: int, document_ids: Iterable[bytes]) -> int:
        """Takes back that documents were cut; the chunks stay until others replace them. Returns how many there are.

        Of deleted documents, which are never cut again, what is left of their chunks goes at once.
        """
        t, number = self._t, 0
        for some in batches(sorted(set(document_ids)), AT_ONCE):
            with self._db.write() as connection:
                held = self._touch(connection, partition_id, some)
                number += len(held)
                key = ("chunking_id", "document_no")
                delete_rows(connection, t.chunked, key, [(chunking, one) for one in held])
                delete_rows(connection, t.chunks, key, [(chunking, one) for one, deleted in held.items() if deleted])
        return number

    def send_again(self, partition_id: int, document_ids: Iterable[bytes]) -> int:
        """Takes for stale what was cut from live documents and what was written of them, for every collection, so that
        it is made again though it is the same. Returns how many there are.

        Chunks and points stay until others replace them, and are known all the while.
        """
        t, number = self._t, 0
        for some in batches(sorted(set(document_ids)), AT_ONCE):
            with self._db.write() as connection:
                live = [one for one, deleted in self._touch(connection, partition_id, some).items() if not deleted]
                number += len(live)
                for few in batches(live):
                    connection.execute(sa.delete(t.chunked).where(t.chunked.c.document_no.in_(few)))
                    # The point's own id: no fingerprint equals it.
                    stale = sa.update(t.points).where(t.points.c.document_no.in_(few))
                    connection.execute(stale.values(fingerprint=t.points.c.chunk_id))
        return number

    def drop_unowned(self) -> int:
        """Removes the chunks and the records of points of documents that there is no row of, under every chunking and
        for every collection; the number of documents. No document ever gets a number again, so nobody misses them.
        """
        t = self._t
        tables = (t.chunks, t.chunked, t.points)
        unowned: set[int] = set()
        with self._db.read() as connection:
            for table in tables:
                owned = sa.exists().where(t.documents.c.document_no == table.c.document_no)
                unowned.update(connection.execute(sa.select(table.c.document_no).where(~owned).distinct()).scalars())
        for some in batches(sorted(unowned)):
            with self._db.write() as connection:
                for table in tables:
                    connection.execute(sa.delete(table).where(table.c.document_no.in_(some)))
        return len(unowned)

    def drop_vectors(self, model: int, text_nos: Iterable[int]) -> None:
        """Drops the vectors that a model has for texts, so that they are embedded again."""
        for some in batches(sorted(set(text_nos)), AT_ONCE):
            with self._db.write() as connection:
                keys = [(model, number) for number in some]
                delete_rows(connection, self._t.embeddings, ("model_id", "text_no"), keys)

    def disown_texts(self, text_nos: Iterable[int]) -> None:
        """Takes the hash from damaged texts, so that the right text, when it is stored, gets a row of its own."""
        for some in batches(sorted(set(text_nos)), AT_ONCE):
            rows = [(hash16(b"damaged text", number.to_bytes(8, "big")), number) for number in some]
            with self._db.write() as connection:
                update_rows(connection, self._t.texts, ("hash",), rows, key="text_no")

    def read_again(
        self, partition_id: int, document_ids: Iterable[bytes], damaged: Iterable[bytes] = (), *, reason: str
    ) -> int:
        """Makes live documents due at their source, whatever version it shows, as if they had failed; how many.

        Nothing that is held of them is taken for what the source said; of `damaged` ones the content neither, nor what
        was cut from it. They stay as they are until they have been read.
        """
        t, now, number = self._t, datetime.now(UTC), 0
        fresh, unlike = (0, 0, now, now, now), set(damaged)
        columns = ("document_id", "document_no", "native_id", "uri", "version")
        wanted = sa.select(*(t.documents.c[name] for name in columns)).where(
            t.documents.c.partition_id == partition_id, t.documents.c.deleted == 0
        )
        for some in batches(sorted(set(document_ids)), AT_ONCE):
            with self._db.write() as connection:
                self._locked_revision(connection, partition_id)
                held = list(rows_by(connection, wanted, t.documents.c.document_id, some))
                number += len(held)
                due = [
                    (partition_id, row.document_id, READING_STAGE, row.native_id, row.uri, row.version, reason, *fresh)
                    for row in held
                ]
                insert_rows(
                    connection,
                    t.quarantine,
                    _QUARANTINE,
                    due,
                    key=("partition_id", "document_id", "stage"),
                    update=("reason", "last_at", "retry_at"),
                )
                self._forget_facts(connection, [row.document_no for row in held], version="")
                self._forget_content(connection, [row.document_no for row in held if row.document_id in unlike])
        return number

    def forget_documents(self, partition_id: int, document_ids: Iterable[bytes], damaged: Iterable[bytes] = ()) -> None:
        """Takes back what is held of live documents but their versions: read again, they count as changed.

        Of `damaged` ones the content is not believed either.
        """
        d, unlike = self._t.documents, set(damaged)
        wanted = sa.select(d.c.document_id, d.c.document_no).where(d.c.partition_id == partition_id, d.c.deleted == 0)
        for some in batches(sorted(set(document_ids)), AT_ONCE):
            with self._db.write() as connection:
                self._locked_revision(connection, partition_id)
                held = dict(map(tuple, rows_by(connection, wanted, d.c.document_id, some)))
                self._forget_facts(connection, list(held.values()))
                self._forget_content(connection, [number for key, number in held.items() if key in unlike])

    def forget_progress(self, partition_id: int) -> None:
        """Takes back how far the stages have come in a partition, and what stands in its quarantine: all is compared
        again, and the source is asked for everything.
        """
        t = self._t
        with self._db.write() as connection:
            self._locked_revision(connection, partition_id)
            for table in (t.source_cursors, t.cursors, t.quarantine):
                connection.execute(sa.delete(table).where(table.c.partition_id == partition_id))

    def _touch(self, connection: sa.Connection, partition_id: int, document_ids: Sequence[bytes]) -> dict[int, bool]:
        """Has later stages look at documents again; their numbers, with whether they are deleted."""
        d = self._t.documents
        revision = self._locked_revision(connection, partition_id) + 1
        wanted = sa.select(d.c.document_no, d.c.deleted).where(d.c.partition_id == partition_id)
        held = {row[0]: bool(row[1]) for row in rows_by(connection, wanted, d.c.document_id, document_ids)}
        update_rows(connection, d, ("revision",), [(revision, number) for number in held], key="document_no")
        if held:
            self._apply_revision(connection, partition_id, revision)
        return held

    def _forget_facts(self, connection: sa.Connection, document_nos: Sequence[int], **besides: str) -> None:
        """The facts are not known any more. The document's own id stands for their hash: no hash equals it."""
        d = self._t.documents
        for some in batches(document_nos):
            connection.execute(
                sa.update(d).where(d.c.document_no.in_(some)).values(metadata_hash=d.c.document_id, **besides)
            )

    def _forget_content(self, connection: sa.Connection, document_nos: Sequence[int]) -> None:
        """The content is not known any more; until it is read, nothing is cut from what is stored instead of it."""
        d, c = self._t.documents, self._t.chunked
        own = sa.select(d.c.document_id).where(d.c.document_no == c.c.document_no).scalar_subquery()
        for some in batches(document_nos):
            connection.execute(sa.update(d).where(d.c.document_no.in_(some)).values(content_hash=d.c.document_id))
            connection.execute(sa.update(c).where(c.c.document_no.in_(some)).values(content_hash=own))
