"""How much there is over all sources, and what runs did lately: questions of those who watch.

The dear one is how many different texts the chunks have: it reads an index over all chunks, once per question.
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa

from vector_pipeline.state.history_table import select_ingestions
from vector_pipeline.state.part import Part
from vector_pipeline.state.records import Ingestion

MOST_RUNS = 20_000
"""Rows of the history of runs that one question reads at most: the newest."""


class Texts(NamedTuple):
    """Different texts of chunks by partition, and `shared`: over all, each counted once. `vectors` of the model."""

    by_partition: dict[str, int]
    shared: int
    vectors: int


class Spent(NamedTuple):
    """What the runs of a partition that the history still knows have cost."""

    partition: str
    runs: int
    tokens: int
    cost: float


class AmountsPart(Part):
    """The part of the store that says how much there is."""

    def check_writable(self) -> None:
        """Takes the right to write for a moment. Raises StateLocked where somebody else keeps it."""
        with self._db.write() as connection:
            connection.execute(sa.select(sa.literal(1)))

    def count_texts(self, chunking: int, model: int) -> Texts:
        """How many different texts the chunks of live documents have, and how many vectors the model has."""
        k, d, e = self._t.chunks, self._t.documents, self._t.embeddings
        pairs = (
            sa.select(d.c.partition_id, k.c.text_no)
            .join(d, d.c.document_no == k.c.document_no)
            .where(k.c.chunking_id == chunking, d.c.deleted == 0)
            .distinct()
            .subquery()
        )
        by_partition = sa.select(pairs.c.partition_id, sa.func.count()).group_by(pairs.c.partition_id)
        shared = sa.select(sa.func.count(pairs.c.text_no.distinct()))
        vectors = sa.select(sa.func.count()).select_from(e).where(e.c.model_id == model)
        with self._db.read() as connection:
            names = self._names(connection, None)
            return Texts(
                {names[number]: int(count) for number, count in connection.execute(by_partition)},
                int(connection.execute(shared).scalar_one()),
                int(connection.execute(vectors).scalar_one()),
            )

    def quarantine_counts(self) -> dict[str, int]:
        """How many documents are in quarantine, by partition; only where there are any."""
        q, p = self._t.quarantine, self._t.partitions
        statement = (
            sa.select(p.c.name, sa.func.count(q.c.document_id.distinct()))
            .join(p, p.c.partition_id == q.c.partition_id)
            .group_by(p.c.partition_id, p.c.name)
        )
        with self._db.read() as connection:
            return {name: int(count) for name, count in connection.execute(statement)}

    def spent(self) -> list[Spent]:
        """What was spent on embedding, by partition, over the newest runs that the history knows."""
        found: dict[str, Spent] = {}
        for row in self.ingestions_since(None):
            before = found.get(row.partition, Spent(row.partition, 0, 0, 0.0))
            found[row.partition] = Spent(
                row.partition,
                before.runs + 1,
                before.tokens + int(row.counts.get("embeddings: tokens", 0)),
                before.cost + float(row.counts.get("embeddings: cost", 0.0)),
            )
        return sorted(found.values())

    def ingestions_since(
        self, since: datetime | None, partition_id: int | None = None, limit: int = MOST_RUNS
    ) -> list[Ingestion]:
        """The newest runs that began `since`, oldest first, of one partition or of all."""
        h, p = self._t.ingestion_history, self._t.partitions
        statement = select_ingestions(self._t).join(p, p.c.partition_id == h.c.partition_id)
        if since is not None:
            statement = statement.where(h.c.started_at >= since)
        if partition_id is not None:
            statement = statement.where(h.c.partition_id == partition_id)
        with self._db.read() as connection:
            rows = connection.execute(statement.order_by(h.c.ingestion_no.desc()).limit(limit))
            return [Ingestion(*list(row)) for row in rows][::-1]
