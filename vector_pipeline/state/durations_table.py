"""Durations: the documents that took longest in each stage of a run. They go with the history of their run."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa

from vector_pipeline.state.part import Part
from vector_pipeline.state.rows import insert_rows

_KEY = ("ingestion_no", "document_id", "stage")


class Duration(NamedTuple):
    """How long a document took in a stage, in seconds; `size` is its bytes as that stage counts them."""

    document_id: bytes
    stage: str
    seconds: float
    size: int


class SlowDocument(NamedTuple):
    """A document that took long in a run begun at `started_at`; uri and title are "" of one that is gone for good."""

    partition: str
    document_id: bytes
    uri: str
    title: str
    stage: str
    seconds: float
    size: int
    run_id: str
    started_at: datetime


class DurationsPart(Part):
    """The part of the store about slow documents."""

    def record_durations(self, ingestion_no: int, rows: Iterable[Duration]) -> None:
        """Records how long documents took in the run of this number; of a document and stage the last stands."""
        latest = {(ingestion_no, row.document_id, row.stage): row for row in rows}
        with self._db.write() as connection:
            insert_rows(
                connection,
                self._t.durations,
                (*_KEY, "seconds", "size"),
                [(*key, row.seconds, row.size) for key, row in latest.items()],
                key=_KEY,
                update=("seconds", "size"),
            )

    def slowest(self, limit: int, since: datetime, partition_id: int | None = None) -> list[SlowDocument]:
        """At most `limit` documents of runs begun `since`, the slowest first, of one partition or of all."""
        u, h, p, d = self._t.durations, self._t.ingestion_history, self._t.partitions, self._t.documents
        same = sa.and_(d.c.partition_id == h.c.partition_id, d.c.document_id == u.c.document_id)
        statement = (
            sa.select(
                p.c.name,
                u.c.document_id,
                sa.func.coalesce(d.c.uri, ""),
                sa.func.coalesce(d.c.title, ""),
                u.c.stage,
                u.c.seconds,
                u.c.size,
                h.c.run_id,
                h.c.started_at,
            )
            .select_from(
                u.join(h, h.c.ingestion_no == u.c.ingestion_no)
                .join(p, p.c.partition_id == h.c.partition_id)
                .outerjoin(d, same)
            )
            .where(h.c.started_at >= since)
            .order_by(u.c.seconds.desc(), u.c.ingestion_no.desc(), u.c.document_id, u.c.stage)
            .limit(limit)
        )
        if partition_id is not None:
            statement = statement.where(h.c.partition_id == partition_id)
        with self._db.read() as connection:
            return [SlowDocument(*row) for row in connection.execute(statement)]
