"""The history of runs: what each did to a partition, how long it took, how it ended."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple

import sqlalchemy as sa

from vector_pipeline.state.part import Part
from vector_pipeline.state.records import Ingestion
from vector_pipeline.state.schema import Tables

RUNNING = "running"

ONE_DOCUMENT = "one document"
"""The mode of runs that brought in, or took out, what a person named."""

LATEST = 10_000
"""Rows of the documents' history that are looked through for the changes of one run."""


class DocumentChange(NamedTuple):
    """What a run did to a document ("added", "changed", "metadata", "deleted: in the trash")."""

    change: str
    native_id: bytes
    uri: str


class HistoryPart(Part):
    """The part of the store about runs."""

    def begin_ingestion(self, partition_id: int, run_id: str, mode: str) -> int:
        """Records that a run begins, and returns its number. Call it while holding the partition's `lock`.

        What still stands as running was killed: it is recorded as failed.
        """
        table = self._t.ingestion_history
        now = datetime.now(UTC)
        with self._db.write() as connection:
            self._locked_revision(connection, partition_id)
            connection.execute(
                sa.update(table)
                .where(table.c.partition_id == partition_id, table.c.status == RUNNING)
                .values(status="failed", finished_at=now, error="the run was ended before it finished")
            )
            number = connection.execute(
                sa.insert(table)
                .values(
                    partition_id=partition_id,
                    run_id=run_id,
                    mode=mode,
                    status=RUNNING,
                    started_at=now,
                    counts={},
                    seconds=0.0,
                    error="",
                    hint="",
                )
                .returning(table.c.ingestion_no)
            ).scalar_one()
        return int(number)

    def document_changes(self, partition_id: int, run_id: str, limit: int) -> list[DocumentChange]:
        """At most `limit` of what a run did to documents of a partition, the latest first.

        Meant for a run that has just ended: it is looked for among the latest changes of all.
        """
        h, d = self._t.document_history, self._t.documents
        latest = sa.select(h).order_by(h.c.history_no.desc()).limit(LATEST).subquery()
        statement = (
            sa.select(latest.c.change, d.c.native_id, d.c.uri)
            .join(d, d.c.document_no == latest.c.document_no)
            .where(latest.c.run_id == run_id, d.c.partition_id == partition_id)
            .order_by(latest.c.history_no.desc())
            .limit(limit)
        )
        with self._db.read() as connection:
            return [DocumentChange(*row) for row in connection.execute(statement)]

    def finish_ingestion(
        self,
        ingestion_no: int,
        *,
        status: Literal["success", "failed", "partial"],
        counts: Mapping[str, int | float],
        seconds: float,
        error: str = "",
        hint: str = "",
    ) -> None:
        """Records how a run ended; "partial" when some documents failed. `hint`: what to do about the error."""
        ended = {"finished_at": datetime.now(UTC), "error": error, "hint": hint}
        self._set_ingestion(ingestion_no, status=status, counts=dict(counts), seconds=seconds, **ended)

    def record_progress(self, ingestion_no: int, *, counts: Mapping[str, int | float], seconds: float) -> None:
        """Records what a run has done so far; it stands as running."""
        under_way = {"finished_at": None, "error": "", "hint": ""}
        self._set_ingestion(ingestion_no, status=RUNNING, counts=dict(counts), seconds=seconds, **under_way)

    def ingestions(self, partition_id: int | None = None, limit: int = 20) -> list[Ingestion]:
        """The latest runs, newest first, of one partition or of all."""
        h, p = self._t.ingestion_history, self._t.partitions
        statement = (
            select_ingestions(self._t)
            .join(p, p.c.partition_id == h.c.partition_id)
            .order_by(h.c.ingestion_no.desc())
            .limit(limit)
        )
        if partition_id is not None:
            statement = statement.where(h.c.partition_id == partition_id)
        with self._db.read() as connection:
            return [Ingestion(*list(row)) for row in connection.execute(statement)]

    def last_run_status(self, partition_id: int) -> str:
        """How the last run that looked at the source as a whole ended, "" where there was none."""
        h = self._t.ingestion_history
        latest = sa.select(h.c.status).where(h.c.partition_id == partition_id, looked(h))
        with self._db.read() as connection:
            return str(connection.execute(latest.order_by(h.c.ingestion_no.desc()).limit(1)).scalar() or "")

    def consecutive_failures(self, partition_id: int) -> tuple[int, datetime | None]:
        """How many runs failed since the last that did not, and when the last of them ended."""
        h = self._t.ingestion_history
        good = (
            sa.select(sa.func.coalesce(sa.func.max(h.c.ingestion_no), 0))
            .where(h.c.partition_id == partition_id, h.c.status.in_(("success", "partial")), looked(h))
            .scalar_subquery()
        )
        statement = sa.select(sa.func.count(), sa.func.max(h.c.finished_at)).where(
            h.c.partition_id == partition_id, h.c.status == "failed", h.c.ingestion_no > good, looked(h)
        )
        with self._db.read() as connection:
            count, last = connection.execute(statement).one()
        return int(count), last

    def _set_ingestion(self, ingestion_no: int, **facts: Any) -> None:
        table = self._t.ingestion_history
        with self._db.write() as connection:
            connection.execute(sa.update(table).where(table.c.ingestion_no == ingestion_no).values(**facts))


def looked(history: sa.Table) -> sa.ColumnElement[bool]:
    """Whether a run looked at its source as a whole, so that how it ended says something about the source."""
    return history.c.mode != ONE_DOCUMENT


def said(history: sa.Table) -> sa.ColumnElement[str]:
    """The error of a run with what to do about it."""
    h = history.c
    return sa.case((h.hint == "", h.error), else_=h.error + "; " + h.hint)


def select_ingestions(t: Tables) -> sa.Select[Any]:
    """Rows of runs; the partitions are still to be joined."""
    h = t.ingestion_history
    return sa.select(
        h.c.ingestion_no,
        t.partitions.c.name,
        h.c.run_id,
        h.c.mode,
        h.c.status,
        h.c.started_at,
        h.c.finished_at,
        h.c.counts,
        h.c.seconds,
        h.c.error,
        h.c.hint,
    ).select_from(h)
