"""Documents: what the sources say, compared by hash, and which revision last changed them.

A deleted document stays as a tombstone, so that later stages see in the same way that they have work.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple, Protocol

import polars as pl
import sqlalchemy as sa

from vector_pipeline.documents import Document, text_hash
from vector_pipeline.state.part import Part
from vector_pipeline.state.records import KNOWN, Applied, DocumentRow
from vector_pipeline.state.rows import delete_rows, frame, insert_rows, intern_texts, rows_by, update_rows

_TOLD = ("native_id", "version", "uri", "title", "kind", "language", "context", "metadata", "source_updated_at")
_FACTS = ("content_hash", "metadata_hash", "text_no", "revision", "deleted", *_TOLD, "ingested_at")
_HISTORY = ("document_no", "revision", "change", "version", "content_hash", "metadata_hash", "run_id", "changed_at")


class _Held(NamedTuple):
    """What the store holds of a document."""

    document_id: bytes
    document_no: int
    content_hash: bytes
    metadata_hash: bytes
    text_no: int
    deleted: int
    version: str
    native_id: bytes


class DocumentsPart(Part):
    """The part of the store about documents."""

    def known_documents(self, partition_id: int) -> pl.DataFrame:
        """The live documents as a KNOWN frame."""
        d = self._t.documents
        statement = sa.select(d.c.document_id, d.c.native_id, d.c.version, d.c.content_hash, d.c.metadata_hash)
        with self._db.read() as connection:
            rows = connection.execute(statement.where(d.c.partition_id == partition_id, d.c.deleted == 0)).all()
        return frame(rows, KNOWN)

    def apply_documents(self, partition_id: int, documents: Sequence[DocumentRow], run_id: str) -> Applied:
        """Stores documents in one transaction and says how many were what; a deleted one that returns is added.

        The revision grows by one if anything but a version changed. Of an id given twice the last wins.
        """
        rows = {row.document_id: row for row in documents}
        if not rows:
            return Applied()
        with self._db.write() as connection:
            revision = self._locked_revision(connection, partition_id) + 1
            held = self._held(connection, partition_id, rows)
            change = {key: classified(row, held.get(key)) for key, row in rows.items()}
            same = [(rows[key], held[key]) for key, what in change.items() if what == "unchanged"]
            self._restore(connection, same)
            moved = [key for key, what in change.items() if what != "unchanged"]
            if moved:
                self._write(connection, partition_id, [rows[key] for key in moved], held, revision)
                self._record_history(connection, partition_id, {key: change[key] for key in moved}, revision, run_id)
                self._apply_revision(connection, partition_id, revision)
        counts = list(change.values())
        return Applied(
            counts.count("added"), counts.count("changed"), counts.count("metadata"), counts.count("unchanged")
        )

    def delete_documents(
        self,
        partition_id: int,
        document_ids: Sequence[bytes],
        run_id: str,
        reasons: Mapping[bytes, str] | None = None,
    ) -> int:
        """Marks documents as deleted and returns how many were live; forgets what stands in quarantine of them.

        `reasons` says by document id why it went, for its history.
        """
        t = self._t
        with self._db.write() as connection:
            revision = self._locked_revision(connection, partition_id) + 1
            held = self._held(connection, partition_id, dict.fromkeys(document_ids))
            live = {key: _deletion((reasons or {}).get(key, "")) for key, row in held.items() if not row.deleted}
            update_rows(
                connection,
                t.documents,
                ("deleted", "revision", "ingested_at"),
                [(1, revision, _now(), held[key].document_no) for key in live],
                key="document_no",
            )
            delete_rows(
                connection,
                t.quarantine,
                ("partition_id", "document_id"),
                [(partition_id, key) for key in set(document_ids)],
            )
            if live:
                self._record_history(connection, partition_id, live, revision, run_id)
                self._apply_revision(connection, partition_id, revision)
        return len(live)

    def settle_deletions(self, partition_id: int, run_id: str) -> int:
        """Deletes once more, with a place in the history, what is marked as deleted though no run did that.

        For documents that their source has no more; others are added when they are listed. Returns how many.
        """
        d, h = self._t.documents, self._t.document_history
        later = h.alias()
        is_last = ~sa.exists().where(later.c.document_no == h.c.document_no, later.c.history_no > h.c.history_no)
        statement = (
            sa.select(d.c.document_id, d.c.document_no)
            .join(h, h.c.document_no == d.c.document_no)
            .where(d.c.partition_id == partition_id, d.c.deleted == 1, is_last, ~h.c.change.startswith("deleted"))
        )
        with self._db.write() as connection:
            found = {row.document_id: row.document_no for row in connection.execute(statement)}
            if found:
                revision = self._locked_revision(connection, partition_id) + 1
                rows = [(revision, number) for number in found.values()]
                update_rows(connection, self._t.documents, ("revision",), rows, key="document_no")
                changes = dict.fromkeys(found, _deletion("found so, by no run"))
                self._record_history(connection, partition_id, changes, revision, run_id)
                self._apply_revision(connection, partition_id, revision)
        return len(found)

    def live_names(self, partition_id: int) -> dict[bytes, tuple[str, str]]:
        """Address and title of the live documents, by native id."""
        d = self._t.documents
        statement = sa.select(d.c.native_id, d.c.uri, d.c.title).where(d.c.partition_id == partition_id)
        with self._db.read() as connection:
            rows = connection.execute(statement.where(d.c.deleted == 0)).all()
        return {native_id: (uri, title) for native_id, uri, title in rows}

    def touch_documents(self, partition_id: int, document_ids: Sequence[bytes]) -> int:
        """Makes later stages look at these documents again, deleted ones too; returns how many there are."""
        with self._db.write() as connection:
            revision = self._locked_revision(connection, partition_id) + 1
            held = self._held(connection, partition_id, dict.fromkeys(document_ids))
            update_rows(
                connection,
                self._t.documents,
                ("revision",),
                [(revision, row.document_no) for row in held.values()],
                key="document_no",
            )
            if held:
                self._apply_revision(connection, partition_id, revision)
        return len(held)

    def _held(self, connection: sa.Connection, partition_id: int, keys: Iterable[bytes]) -> dict[bytes, _Held]:
        d = self._t.documents
        statement = sa.select(*(d.c[name] for name in _Held._fields)).where(d.c.partition_id == partition_id)
        return {row[0]: _Held(*row) for row in rows_by(connection, statement, d.c.document_id, keys)}

    def _restore(self, connection: sa.Connection, same: Iterable[tuple[DocumentRow, _Held]]) -> None:
        """Writes what is held already, with its new version: nothing that a later stage reads, unless it was altered
        or lost behind our back, of which its hashes know nothing.
        """
        whole = [(row.document, text_hash(row.document.text), held.document_no) for row, held in same]
        numbers = intern_texts(connection, self._t.texts, {digest: document.text for document, digest, _ in whole})
        rows = [(numbers[digest], *_told(document), document_no) for document, digest, document_no in whole]
        update_rows(connection, self._t.documents, ("text_no", *_TOLD), rows, key="document_no")

    def _write(
        self,
        connection: sa.Connection,
        partition_id: int,
        rows: Sequence[DocumentRow],
        held: Mapping[bytes, _Held],
        revision: int,
    ) -> None:
        now = _now()
        digests: dict[bytes, bytes] = {}
        bodies: dict[bytes, str] = {}
        for row in rows:
            known = held.get(row.document_id)
            if known is None or known.content_hash != row.content_hash:
                digest = digests[row.document_id] = text_hash(row.document.text)
                bodies[digest] = row.document.text
        numbers = intern_texts(connection, self._t.texts, bodies)
        ready: list[tuple[Any, ...]] = []
        for row in rows:
            key = row.document_id
            ready.append(
                (
                    partition_id,
                    key,
                    row.content_hash,
                    row.metadata_hash,
                    numbers[digests[key]] if key in digests else held[key].text_no,
                    revision,
                    0,
                    *_told(row.document),
                    now,
                )
            )
        insert_rows(
            connection,
            self._t.documents,
            ("partition_id", "document_id", *_FACTS),
            ready,
            key=("partition_id", "document_id"),
            update=_FACTS,
        )

    def _record_history(
        self, connection: sa.Connection, partition_id: int, change: Mapping[bytes, str], revision: int, run_id: str
    ) -> None:
        now = _now()
        stored = self._held(connection, partition_id, change)
        rows = [
            (
                stored[key].document_no,
                revision,
                what,
                stored[key].version,
                stored[key].content_hash,
                stored[key].metadata_hash,
                run_id,
                now,
            )
            for key, what in change.items()
        ]
        insert_rows(connection, self._t.document_history, _HISTORY, rows)


class Comparable(Protocol):
    """What of a held document decides what became of it."""

    @property
    def content_hash(self) -> bytes:
        """Of its text."""
        ...

    @property
    def metadata_hash(self) -> bytes:
        """Of the rest."""
        ...

    @property
    def deleted(self) -> int:
        """Whether it is only a tombstone."""
        ...


def _told(document: Document) -> tuple[Any, ...]:
    """What a source told of a document, as in `_TOLD`."""
    return (
        document.native_id,
        document.version,
        document.uri,
        document.title,
        document.kind,
        document.language,
        document.context,
        dict(document.metadata),
        document.source_updated_at,
    )


def classified(row: DocumentRow, held: Comparable | None) -> str:
    """What storing a document is: "added", "changed", "metadata" (its text stays) or "unchanged"."""
    if held is None or held.deleted:
        return "added"
    if held.content_hash != row.content_hash:
        return "changed"
    return "unchanged" if held.metadata_hash == row.metadata_hash else "metadata"


def _deletion(reason: str) -> str:
    return f"deleted: {reason}" if reason else "deleted"


def _now() -> datetime:
    return datetime.now(UTC)
