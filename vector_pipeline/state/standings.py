"""How far every partition is: what was built, what was seen last, how the last run ended. Cheap enough to ask often."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from vector_pipeline.state.history_table import looked
from vector_pipeline.state.part import Part


@dataclass(frozen=True, slots=True)
class Standing:
    """One partition. Versions are "" and times and the status None where there was nothing yet."""

    name: str
    built_version: str
    observed_version: str
    observed_at: datetime | None
    run_status: str | None
    run_started_at: datetime | None


class StandingsPart(Part):
    """The part of the store that says how far every partition is."""

    def standings(self) -> list[Standing]:
        """One per partition, by name. Reads no row of documents."""
        t = self._t
        p, o, s, h = t.partitions, t.observations, t.source_cursors, t.ingestion_history
        latest = (
            sa.select(h.c.partition_id, sa.func.max(h.c.ingestion_no).label("number"))
            .where(looked(h))
            .group_by(h.c.partition_id)
            .subquery()
        )
        statement = (
            sa.select(
                p.c.name,
                sa.func.coalesce(s.c.built_version, ""),
                sa.func.coalesce(o.c.version, ""),
                o.c.observed_at,
                h.c.status,
                h.c.started_at,
            )
            .select_from(
                p.outerjoin(s, s.c.partition_id == p.c.partition_id)
                .outerjoin(o, o.c.partition_id == p.c.partition_id)
                .outerjoin(latest, latest.c.partition_id == p.c.partition_id)
                .outerjoin(h, h.c.ingestion_no == latest.c.number)
            )
            .order_by(p.c.name)
        )
        with self._db.read() as connection:
            return [Standing(*row) for row in connection.execute(statement)]
