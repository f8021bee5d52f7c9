"""Progress: what the run of each partition is doing now. A row is there while a run is, and after one was killed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import NamedTuple

import sqlalchemy as sa

from vector_pipeline.state.part import Part
from vector_pipeline.state.rows import insert_rows

_FACTS = ("run_id", "stage", "unit", "done", "total", "started_at", "updated_at", "host", "pid", "memory")


class Activity(NamedTuple):
    """What a run was doing at `updated_at`: `done` of `total` units (None: not known) of a stage begun at `started_at`.

    `memory` is what its process `pid` on `host` takes, in bytes.
    """

    partition: str
    run_id: str
    stage: str
    unit: str
    done: int
    total: int | None
    started_at: datetime
    updated_at: datetime
    host: str
    pid: int
    memory: int


class ProgressPart(Part):
    """The part of the store about what runs are doing."""

    def record_activity(
        self,
        partition_id: int,
        run_id: str,
        *,
        stage: str,
        unit: str,
        done: int,
        total: int | None,
        started_at: datetime,
        host: str,
        pid: int,
        memory: int,
    ) -> None:
        """Records what the run of a partition is doing now, instead of what it did before."""
        now = datetime.now(UTC)
        row = (partition_id, run_id, stage, unit, done, total, started_at, now, host, pid, memory)
        with self._db.write() as connection:
            insert_rows(
                connection,
                self._t.progress,
                ("partition_id", *_FACTS),
                [row],
                key=("partition_id",),
                update=_FACTS,
            )

    def clear_activity(self, partition_id: int, run_id: str) -> None:
        """Records that a run has ended; what another run of the partition is doing stays."""
        table = self._t.progress
        with self._db.write() as connection:
            connection.execute(sa.delete(table).where(table.c.partition_id == partition_id, table.c.run_id == run_id))

    def activities(self) -> list[Activity]:
        """What is being done, by partition. A killed run leaves what it did last: look at `updated_at`."""
        t, p = self._t.progress, self._t.partitions
        statement = (
            sa.select(p.c.name, *(t.c[name] for name in _FACTS))
            .join(p, p.c.partition_id == t.c.partition_id)
            .order_by(p.c.name)
        )
        with self._db.read() as connection:
            return [Activity(*row) for row in connection.execute(statement)]
