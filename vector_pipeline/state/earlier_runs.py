"""What was so at a moment in the past, as far as the history of runs tells: the base line of a report."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from vector_pipeline.state.history_table import select_ingestions
from vector_pipeline.state.part import Part
from vector_pipeline.state.records import Ingestion


class EarlierRunsPart(Part):
    """The part of the store about how things were."""

    def last_good_runs(self, before: datetime) -> list[Ingestion]:
        """Of each partition, the last run begun `before` that brought in all that it could; by partition."""
        h, p = self._t.ingestion_history, self._t.partitions
        latest = (
            sa.select(sa.func.max(h.c.ingestion_no))
            .where(h.c.started_at < before, h.c.status.in_(("success", "partial")))
            .group_by(h.c.partition_id)
        )
        statement = (
            select_ingestions(self._t)
            .join(p, p.c.partition_id == h.c.partition_id)
            .where(h.c.ingestion_no.in_(latest))
            .order_by(p.c.name)
        )
        with self._db.read() as connection:
            return [Ingestion(*list(row)) for row in connection.execute(statement)]
