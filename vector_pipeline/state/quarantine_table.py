"""Quarantine: documents that failed in a stage, why, and when they are tried again.

One row per document and stage. A passing failure waits longer each time; a permanent one, and one that came too often
with the same version, waits for a new version or a request.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import polars as pl
import sqlalchemy as sa

from vector_pipeline.documents import Failure, uuid_text
from vector_pipeline.logs.about import RUNS
from vector_pipeline.state.part import Part
from vector_pipeline.state.records import DUE, QUARANTINED
from vector_pipeline.state.rows import batches, delete_rows, frame, insert_rows, rows_by

LONGEST_DELAY = timedelta(days=1)
_MANY_DOUBLINGS = 40
_FACTS = ("native_id", "uri", "version", "reason", "permanent", "attempts", "last_at", "retry_at")


def retry_delay(attempts: int, first_delay: timedelta) -> timedelta:
    """How long to wait after the n-th failed attempt (from 1): doubled each time, at most a day."""
    doublings = min(max(attempts, 1) - 1, _MANY_DOUBLINGS)
    return timedelta(seconds=min(first_delay.total_seconds() * 2**doublings, LONGEST_DELAY.total_seconds()))


class QuarantinePart(Part):
    """The part of the store about failed documents."""

    def quarantine(
        self, partition_id: int, failures: Sequence[tuple[bytes, Failure]], *, first_delay: timedelta
    ) -> None:
        """Records failures by document id: one more attempt at this version, and when the next is due."""
        table = self._t.quarantine
        latest = {(document_id, failure.stage): failure for document_id, failure in failures}
        if not latest:
            return
        for (document_id, stage), failure in latest.items():
            told = {"document": uuid_text(document_id), "stage": stage}
            RUNS.info("in quarantine: %s", failure.reason, extra=told)
        now = datetime.now(UTC)
        with self._db.write() as connection:
            self._locked_revision(connection, partition_id)
            statement = sa.select(table.c.document_id, table.c.stage, table.c.version, table.c.attempts)
            held = {
                (document_id, stage, version): attempts
                for document_id, stage, version, attempts in rows_by(
                    connection,
                    statement.where(table.c.partition_id == partition_id),
                    table.c.document_id,
                    {document_id for document_id, _ in latest},
                )
            }
            rows = []
            for (document_id, stage), failure in latest.items():
                attempts = held.get((document_id, stage, failure.version), 0) + 1
                is_over = failure.permanent or 0 < failure.most_attempts <= attempts
                retry_at = None if is_over else now + retry_delay(attempts, first_delay)
                facts = (failure.native_id, failure.uri, failure.version, failure.reason)
                rows.append(
                    (partition_id, document_id, stage, now, *facts, int(failure.permanent), attempts, now, retry_at)
                )
            insert_rows(
                connection,
                table,
                ("partition_id", "document_id", "stage", "first_at", *_FACTS),
                rows,
                key=("partition_id", "document_id", "stage"),
                update=_FACTS,
            )

    def release(self, partition_id: int, document_ids: Sequence[bytes], stage: str) -> int:
        """Takes documents out of one stage's quarantine; returns how many were in it."""
        table = self._t.quarantine
        wanted = sa.select(table.c.document_id).where(table.c.partition_id == partition_id, table.c.stage == stage)
        # Most often there is nothing to release, which a reader finds out without the write lock.
        with self._db.read() as connection:
            if connection.execute(wanted.limit(1)).first() is None:
                return 0
        with self._db.write() as connection:
            found = [row[0] for row in rows_by(connection, wanted, table.c.document_id, set(document_ids))]
            delete_rows(
                connection,
                table,
                ("partition_id", "document_id", "stage"),
                [(partition_id, document_id, stage) for document_id in found],
            )
        return len(found)

    def release_stage(self, partition_id: int, stage: str) -> int:
        """Takes all of a partition's documents out of one stage's quarantine; returns how many were in it."""
        table = self._t.quarantine
        rows = table.c.partition_id == partition_id, table.c.stage == stage
        with self._db.write() as connection:
            return connection.execute(sa.delete(table).where(*rows)).rowcount

    def quarantined(self, partition_id: int | None = None) -> pl.DataFrame:
        """What is in quarantine, of one partition or of all, latest first, as a QUARANTINED frame."""
        q, p = self._t.quarantine, self._t.partitions
        statement = (
            sa.select(
                p.c.name,
                q.c.document_id,
                q.c.native_id,
                q.c.uri,
                q.c.stage,
                q.c.version,
                q.c.reason,
                q.c.permanent == 1,
                q.c.attempts,
                q.c.first_at,
                q.c.last_at,
                q.c.retry_at,
            )
            .select_from(q.join(p, p.c.partition_id == q.c.partition_id))
            .order_by(q.c.last_at.desc(), q.c.document_id, q.c.stage)
        )
        if partition_id is not None:
            statement = statement.where(q.c.partition_id == partition_id)
        with self._db.read() as connection:
            return frame(connection.execute(statement).all(), QUARANTINED)

    def retry_now(self, partition_id: int | None = None, document_ids: Sequence[bytes] | None = None) -> int:
        """Makes documents due, permanent failures too: all, of one partition, or those named; returns how many rows."""
        table = self._t.quarantine
        change = sa.update(table).values(retry_at=datetime.now(UTC))
        if partition_id is not None:
            change = change.where(table.c.partition_id == partition_id)
        with self._db.write() as connection:
            if document_ids is None:
                return connection.execute(change).rowcount
            some = batches(sorted(set(document_ids)))
            return sum(connection.execute(change.where(table.c.document_id.in_(ids))).rowcount for ids in some)

    def due_for_retry(self, partition_id: int, now: datetime) -> pl.DataFrame:
        """What is to be tried again at `now`, as a DUE frame."""
        q = self._t.quarantine
        statement = (
            sa.select(q.c.document_id, q.c.native_id, q.c.stage)
            .where(q.c.partition_id == partition_id, q.c.retry_at <= now)
            .order_by(q.c.retry_at, q.c.document_id, q.c.stage)
        )
        with self._db.read() as connection:
            return frame(connection.execute(statement).all(), DUE)
