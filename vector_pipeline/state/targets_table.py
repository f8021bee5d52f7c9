"""Targets: the collections written to, what each was built from, and which of them searches used when.

A target keeps its number for good; its points are recorded by `points_table`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from vector_pipeline.state.part import Part
from vector_pipeline.state.records import Target
from vector_pipeline.state.rows import insert_rows

BUILDING, LIVE, FORMER, REJECTED = "building", "live", "former", "rejected"

_ROWS_PER_TRANSACTION = 20_000


class TargetsPart(Part):
    """The part of the store about collections."""

    def target_no(self, collection: str) -> int:
        """The number of a collection, given on first use."""
        table = self._t.targets
        statement = sa.select(table.c.target_id).where(table.c.collection == collection)
        with self._db.read() as connection:
            found = connection.execute(statement).scalar()
        if found is None:
            with self._db.write() as connection:
                row = (collection, BUILDING)
                insert_rows(connection, table, ("collection", "state"), [row], key=("collection",))
                found = connection.execute(statement).scalar_one()
        return int(found)

    def targets(self) -> dict[str, int]:
        """The collections written to, with their numbers."""
        return {target.collection: target.number for target in self.target_records()}

    def target_records(self) -> list[Target]:
        """All that is known of the collections, by name."""
        t = self._t.targets
        statement = sa.select(
            t.c.target_id, t.c.collection, t.c.state, t.c.settings, t.c.created_at, t.c.complete_at, t.c.retired_at
        ).order_by(t.c.collection)
        with self._db.read() as connection:
            return [Target(*row) for row in connection.execute(statement)]

    def find_target(self, collection: str) -> Target | None:
        """What is known of one collection, None where it was never written to."""
        return next((target for target in self.target_records() if target.collection == collection), None)

    def record_settings(self, collection: str, settings: Mapping[str, Any], created_at: datetime | None) -> None:
        """Records what a collection is built from, and when it was made where that is known and was not recorded."""
        t = self._t.targets
        first = sa.func.coalesce(t.c.created_at, sa.literal(created_at, t.c.created_at.type))
        self._change_target(collection, {t.c.settings: dict(settings), t.c.created_at: first})

    def record_live(self, collection: str, at: datetime) -> None:
        """Records that searches use this collection from now on, and since when not another one, which is a former
        unless it was rejected.
        """
        t = self._t.targets
        others = sa.update(t).where(t.c.collection != collection)
        with self._db.write() as connection:
            connection.execute(others.where(t.c.state == LIVE).values(state=FORMER, retired_at=at))
            connection.execute(others.where(t.c.state == REJECTED, t.c.retired_at.is_(None)).values(retired_at=at))
        first = sa.func.coalesce(t.c.complete_at, sa.literal(at, t.c.complete_at.type))
        self._change_target(collection, {t.c.state: LIVE, t.c.complete_at: first, t.c.retired_at: None})

    def record_state(self, collection: str, state: str) -> None:
        """Records another state of a collection: "building", "former" or "rejected"."""
        self._change_target(collection, {self._t.targets.c.state: state})

    def drop_target(self, collection: str) -> None:
        """Forgets a collection and all that was written to it, in bounded transactions."""
        t = self._t
        number = self.targets().get(collection)
        if number is None:
            return
        some = sa.select(t.points.c.chunk_id).where(t.points.c.target_id == number).limit(_ROWS_PER_TRANSACTION)
        while True:
            with self._db.write() as connection:
                gone = connection.execute(
                    sa.delete(t.points).where(t.points.c.target_id == number, t.points.c.chunk_id.in_(some))
                ).rowcount
                if not gone:
                    connection.execute(sa.delete(t.targets).where(t.targets.c.target_id == number))
                    return

    def _change_target(self, collection: str, values: Mapping[Any, Any]) -> None:
        """Sets columns of a target, which is made where missing."""
        table = self._t.targets
        self.target_no(collection)
        with self._db.write() as connection:
            connection.execute(sa.update(table).where(table.c.collection == collection).values(dict(values)))
