"""What the store can testify to about runs: how they ended, what they say they did, and what they left behind.

Read-only and bounded: the newest rows of histories, never all of them.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any, NamedTuple

import polars as pl
import sqlalchemy as sa

from vector_pipeline.state.history_table import looked, said, select_ingestions
from vector_pipeline.state.part import Part
from vector_pipeline.state.records import UTC_TIME, Ingestion
from vector_pipeline.state.rows import frame, rows_by
from vector_pipeline.state.schema import Tables

GOOD = ("success", "partial")

LATEST_CHANGES = 200_000
"""Rows of the documents' history, from the newest on, that questions about runs look at."""

CHANGES = pl.Schema(
    [
        ("partition", pl.String),
        ("run_id", pl.String),
        ("added", pl.Int64),
        ("changed", pl.Int64),
        ("metadata", pl.Int64),
        ("deleted", pl.Int64),
        ("gone", pl.Int64),
        ("first_at", UTC_TIME),
    ]
)
"""What a run did to documents of a partition, by their history. `gone`: those of the deleted that nothing happened to
since. The partition is "" for changes of documents that are no longer known."""

LAST_CHANGES = pl.Schema(
    {
        "partition": pl.String,
        "document_id": pl.Binary,
        "revision": pl.Int64,
        "deleted": pl.Boolean,
        "change": pl.String,
        "changed_revision": pl.Int64,
        "partition_revision": pl.Int64,
    }
)
"""Documents, deleted ones too, with the last of their changes; null where their history does not go back to one."""

RETURNS = pl.Schema({"partition": pl.String, "document_id": pl.Binary, "native_id": pl.Binary, "additions": pl.Int64})
"""Documents that were added several times with the same text."""


class RunFacts(NamedTuple):
    """How the runs of a partition ended. `failing_since` is when the first that failed since a good one began."""

    runs: int
    good_at: datetime | None
    good_started_at: datetime | None
    failures: int
    failing_since: datetime | None
    last_error: str
    running_since: datetime | None


class EvidencePart(Part):
    """The part of the store that testifies about runs."""

    def built_version(self, partition_id: int) -> str:
        """The source's version at the last fully applied scan, "" before the first."""
        s = self._t.source_cursors
        with self._db.read() as connection:
            found = connection.execute(sa.select(s.c.built_version).where(s.c.partition_id == partition_id)).scalar()
        return found or ""

    def reached(self, stage: str) -> dict[int, int]:
        """The revision that a stage has reached, by number of the partition."""
        c = self._t.cursors
        with self._db.read() as connection:
            rows = connection.execute(sa.select(c.c.partition_id, c.c.revision).where(c.c.stage == stage))
            return {number: int(revision) for number, revision in rows}

    def run_facts(self) -> dict[int, RunFacts]:
        """How the runs over whole sources ended, by number of the partition; those without a run are left out."""
        h = self._t.ingestion_history
        good = (
            sa.select(h.c.partition_id, sa.func.max(h.c.ingestion_no).label("number"))
            .where(h.c.status.in_(GOOD), looked(h))
            .group_by(h.c.partition_id)
            .subquery()
        )
        failed = sa.and_(h.c.status == "failed", h.c.ingestion_no > sa.func.coalesce(good.c.number, 0))
        ended = h.c.status.in_(GOOD)
        statement = (
            sa.select(
                h.c.partition_id,
                sa.func.count(),
                sa.func.max(sa.case((ended, h.c.finished_at))),
                sa.func.max(sa.case((ended, h.c.started_at))),
                sa.func.sum(sa.case((failed, 1), else_=0)),
                sa.func.min(sa.case((failed, h.c.started_at))),
                sa.func.max(h.c.ingestion_no),
            )
            .select_from(h.outerjoin(good, good.c.partition_id == h.c.partition_id))
            .where(looked(h))
            .group_by(h.c.partition_id)
        )
        newest = sa.select(h.c.ingestion_no, h.c.status, said(h).label("error"), h.c.started_at)
        with self._db.read() as connection:
            rows = connection.execute(statement).all()
            last = {row[0]: row for row in rows_by(connection, newest, h.c.ingestion_no, (row[6] for row in rows))}
        return {
            number: RunFacts(
                runs,
                good_at,
                good_started_at,
                int(failures),
                since,
                last[newest_no].error,
                last[newest_no].started_at if last[newest_no].status == "running" else None,
            )
            for number, runs, good_at, good_started_at, failures, since, newest_no in rows
        }

    def recent_ingestions(self, partition_id: int | None, each: int) -> list[Ingestion]:
        """The newest `each` runs of every partition (or of one), newest first."""
        h, p = self._t.ingestion_history, self._t.partitions
        place = sa.func.row_number().over(partition_by=h.c.partition_id, order_by=h.c.ingestion_no.desc())
        numbered = sa.select(h.c.ingestion_no, place.label("place"))
        if partition_id is not None:
            numbered = numbered.where(h.c.partition_id == partition_id)
        newest = numbered.subquery()
        statement = (
            select_ingestions(self._t)
            .join(newest, newest.c.ingestion_no == h.c.ingestion_no)
            .join(p, p.c.partition_id == h.c.partition_id)
            .where(newest.c.place <= each)
            .order_by(h.c.ingestion_no.desc())
        )
        with self._db.read() as connection:
            return [Ingestion(*list(row)) for row in connection.execute(statement)]

    def ingestions_of(self, run_ids: Collection[str]) -> list[Ingestion]:
        """The rows of these runs, over all partitions, in the order of their numbers."""
        h, p = self._t.ingestion_history, self._t.partitions
        statement = select_ingestions(self._t).join(p, p.c.partition_id == h.c.partition_id)
        with self._db.read() as connection:
            found = [Ingestion(*list(row)) for row in rows_by(connection, statement, h.c.run_id, set(run_ids))]
        return sorted(found, key=lambda row: row.ingestion_no)

    def run_changes(self, partition_id: int | None, latest: int = LATEST_CHANGES) -> pl.DataFrame:
        """What runs did to documents, by the `latest` rows of their history, as CHANGES."""
        d, p = self._t.documents, self._t.partitions
        h = _latest(self._t, latest)
        change, removes = h.c.change, h.c.change.startswith("deleted")
        is_last = sa.and_(removes, d.c.deleted != 0, d.c.revision == h.c.revision)
        statement = (
            sa.select(
                sa.func.coalesce(p.c.name, ""),
                h.c.run_id,
                *(sa.func.sum(sa.case((change == what, 1), else_=0)) for what in ("added", "changed", "metadata")),
                *(sa.func.sum(sa.case((so, 1), else_=0)) for so in (removes, is_last)),
                sa.func.min(h.c.changed_at),
            )
            .select_from(
                h.outerjoin(d, d.c.document_no == h.c.document_no).outerjoin(p, p.c.partition_id == d.c.partition_id)
            )
            .group_by(p.c.name, h.c.run_id)
        )
        if partition_id is not None:
            statement = statement.where(sa.or_(p.c.partition_id == partition_id, p.c.partition_id.is_(None)))
        with self._db.read() as connection:
            return frame(connection.execute(statement).all(), CHANGES)

    def changes_known_since(self, latest: int = LATEST_CHANGES) -> datetime | None:
        """Since when the `latest` rows of the documents' history are all there were; None for ever."""
        h = self._t.document_history
        before = sa.select(h.c.changed_at).order_by(h.c.history_no.desc()).offset(latest).limit(1)
        with self._db.read() as connection:
            return connection.execute(before).scalar()

    def last_changes(self, partition_id: int | None) -> pl.DataFrame:
        """Every document with the last of its changes, as LAST_CHANGES."""
        d, p, h = self._t.documents, self._t.partitions, self._t.document_history
        last = sa.select(sa.func.max(h.c.history_no).label("number")).group_by(h.c.document_no).subquery()
        changes = (
            sa.select(h.c.document_no, h.c.change, h.c.revision)
            .join(last, last.c.number == h.c.history_no)
            .subquery("changes")
        )
        statement = sa.select(
            p.c.name,
            d.c.document_id,
            d.c.revision,
            d.c.deleted != 0,
            changes.c.change,
            changes.c.revision,
            p.c.revision,
        ).select_from(
            d.join(p, p.c.partition_id == d.c.partition_id).outerjoin(changes, changes.c.document_no == d.c.document_no)
        )
        with self._db.read() as connection:
            return frame(connection.execute(_of(self._t, statement, partition_id)).all(), LAST_CHANGES)

    def returns(self, partition_id: int | None, since: datetime, latest: int = LATEST_CHANGES) -> pl.DataFrame:
        """The documents that were added more than once with the same text since then, as RETURNS."""
        d, p = self._t.documents, self._t.partitions
        h = _latest(self._t, latest)
        statement = (
            sa.select(p.c.name, d.c.document_id, d.c.native_id, sa.func.count())
            .select_from(h.join(d, d.c.document_no == h.c.document_no).join(p, p.c.partition_id == d.c.partition_id))
            .where(h.c.change == "added", h.c.changed_at >= since)
            .group_by(p.c.name, d.c.document_id, d.c.native_id, h.c.content_hash)
            .having(sa.func.count() > 1)
        )
        with self._db.read() as connection:
            return frame(connection.execute(_of(self._t, statement, partition_id)).all(), RETURNS)


def _latest(t: Tables, latest: int) -> sa.Subquery:
    """The newest rows of the documents' history."""
    h = t.document_history
    return sa.select(h).order_by(h.c.history_no.desc()).limit(latest).subquery()


def _of(t: Tables, statement: sa.Select[Any], partition_id: int | None) -> sa.Select[Any]:
    """The statement for one partition, or for all."""
    return statement if partition_id is None else statement.where(t.partitions.c.partition_id == partition_id)
