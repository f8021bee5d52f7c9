"""Discoveries: when each site was last asked which parts it has, and what went wrong then."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa

from vector_pipeline.state.part import Part
from vector_pipeline.state.rows import insert_rows


class DiscoveryRow(NamedTuple):
    """The last time a site was asked; `error` is "" where it answered."""

    asked_at: datetime
    error: str


class DiscoveriesPart(Part):
    """The part of the store about the discovery of spaces and projects."""

    def record_discovery(self, source: str, asked_at: datetime, error: str = "") -> None:
        """Records that a source ("confluence/wiki") was asked for its parts."""
        with self._db.write() as connection:
            insert_rows(
                connection,
                self._t.discoveries,
                ("source", "asked_at", "error"),
                [(source, asked_at, error)],
                key=("source",),
                update=("asked_at", "error"),
            )

    def discoveries(self) -> dict[str, DiscoveryRow]:
        """The last discovery by source."""
        table = self._t.discoveries
        with self._db.read() as connection:
            rows = connection.execute(sa.select(table.c.source, table.c.asked_at, table.c.error))
            return {source: DiscoveryRow(asked_at, error) for source, asked_at, error in rows}
