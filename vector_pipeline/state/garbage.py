"""Garbage: texts that nothing refers to, with their vectors, and vectors of models that nothing uses.

Marked first and swept after a retention, so that what comes back soon is still there. The sweep asks again, in the
transaction that removes, and while no other transaction writes: a text is looked up and referred to in one transaction,
so whatever refers to it is either seen here or finds the text gone and stores it again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime

import sqlalchemy as sa

from vector_pipeline.state.expired import ExpiredPart, Garbage
from vector_pipeline.state.rows import batches, insert_rows
from vector_pipeline.state.unused_builds import UnusedBuildsPart

_LOOKED_AT = 50_000
"""Texts that one read looks at."""
_AT_ONCE = 2_000
"""Texts or vectors that one transaction removes: everyone else who writes waits meanwhile."""


class GarbagePart(ExpiredPart, UnusedBuildsPart):
    """The part of the store about what nothing refers to."""

    def unused_texts(self, before: datetime) -> Garbage:
        """Texts that nothing refers to, of those first seen so by `before`; the size is that of texts and vectors."""
        t = self._t
        due = self._due(before)
        total = sum(len(page) for page in self._unreferenced_pages())
        with self._db.read() as connection:
            found = connection.execute(
                sa.select(
                    sa.func.count(),
                    sa.func.coalesce(sa.func.sum(sa.func.length(t.texts.c.body)), 0),
                    sa.func.min(t.gc_marks.c.marked_at),
                )
                .select_from(t.gc_marks.join(t.texts, t.texts.c.text_no == t.gc_marks.c.text_no))
                .where(due)
            ).one()
            vectors = sum(
                int(
                    connection.execute(
                        sa.select(sa.func.coalesce(sa.func.sum(sa.func.length(t.embeddings.c.vector)), 0))
                        .select_from(t.gc_marks.join(t.embeddings, t.embeddings.c.text_no == t.gc_marks.c.text_no))
                        .where(t.embeddings.c.model_id == model, due)
                    ).scalar_one()
                )
                for model in self._models(connection)
            )
        return Garbage(int(found[0]), int(found[1]) + vectors, found[2], total - int(found[0]))

    def mark_texts(self, now: datetime) -> int:
        """Marks the texts that nothing refers to as seen so `now`, unless they are marked already; how many.

        Takes the mark off those that something refers to again.
        """
        t = self._t
        marked = 0
        for page in self._unreferenced_pages():
            with self._db.read() as connection:
                known = {
                    number
                    for some in batches(page)
                    for number in connection.execute(
                        sa.select(t.gc_marks.c.text_no).where(t.gc_marks.c.text_no.in_(some))
                    ).scalars()
                }
            new = [number for number in page if number not in known]
            if new:
                with self._db.write() as connection:
                    rows = [(number, now) for number in new]
                    insert_rows(connection, t.gc_marks, ("text_no", "marked_at"), rows, key=("text_no",))
                marked += len(new)
        with self._db.read() as connection:
            kept = connection.execute(sa.select(t.gc_marks.c.text_no).where(self._referenced(t.gc_marks))).scalars()
            numbers = list(kept)
        for some in batches(sorted(numbers)):
            with self._db.write() as connection:
                connection.execute(sa.delete(t.gc_marks).where(t.gc_marks.c.text_no.in_(some)))
        return marked

    def sweep_texts(self, before: datetime) -> Garbage:
        """Removes texts marked by `before` that still nothing refers to, with their vectors; what was removed."""
        t = self._t
        total, size = 0, 0
        oldest: datetime | None = None
        last = -1
        while True:
            due = sa.select(t.gc_marks.c.text_no, t.gc_marks.c.marked_at).where(
                t.gc_marks.c.text_no > last, t.gc_marks.c.marked_at <= before
            )
            with self._db.collect() as connection:
                marked = dict(connection.execute(due.order_by(t.gc_marks.c.text_no).limit(_AT_ONCE)).all())
                if not marked:
                    break
                last = max(marked)
                free: list[int] = []
                for some in batches(sorted(marked)):
                    statement = sa.select(t.texts.c.text_no).where(t.texts.c.text_no.in_(some))
                    free += connection.execute(statement.where(~self._referenced(t.texts))).scalars()
                size += self._remove_texts(connection, free)
                for some in batches(sorted(marked)):
                    connection.execute(sa.delete(t.gc_marks).where(t.gc_marks.c.text_no.in_(some)))
            total += len(free)
            oldest = min([*(marked[number] for number in free), *([oldest] if oldest else [])], default=None)
        self._remove_stray_vectors()
        return Garbage(total, size, oldest)

    def unused_models(self, used: Collection[str], before: datetime) -> Garbage:
        """Vectors of models that are not among the `used` identities, of those first seen so by `before`."""
        m = self._t.models
        number = size = waiting = 0
        oldest: datetime | None = None
        with self._db.read() as connection:
            rows = connection.execute(sa.select(m.c.model_id, m.c.unused_since).where(m.c.identity.not_in(used))).all()
            for model, since in rows:
                count, length = self._model_size(connection, model)
                if count and since is not None and since <= before:
                    number, size = number + count, size + count * length
                    oldest = since if oldest is None else min(oldest, since)
                else:
                    waiting += count
        return Garbage(number, size, oldest, waiting)

    def mark_models(self, used: Collection[str], now: datetime) -> None:
        """Marks the models that are not among the `used` identities as seen so `now`, unless they are already.

        Takes the mark off the others; whoever asks for the number of a model does so, too.
        """
        m = self._t.models
        with self._db.write() as connection:
            connection.execute(
                sa.update(m).where(m.c.identity.not_in(used), m.c.unused_since.is_(None)).values(unused_since=now)
            )
            connection.execute(
                sa.update(m).where(m.c.identity.in_(used), m.c.unused_since.is_not(None)).values(unused_since=None)
            )

    def sweep_models(self, used: Collection[str], before: datetime, stages: Collection[str]) -> Garbage:
        """Removes the vectors of models marked by `before` and not among the `used`; what was removed.

        The cursors of `stages`, those of builds that nothing needs, go first: they say that texts have vectors. The
        models keep their numbers, which others may hold.
        """
        t = self._t
        m, e = t.models, t.embeddings
        due = sa.select(m.c.model_id).where(m.c.identity.not_in(used), m.c.unused_since <= before)
        with self._db.read() as connection:
            models = [model for model in connection.execute(due).scalars() if self._model_size(connection, model)[0]]
        total = size = 0
        oldest: datetime | None = None
        for model in models:
            some = sa.select(e.c.text_no).where(e.c.model_id == model).limit(_AT_ONCE)
            while True:
                with self._db.collect() as connection:
                    since = connection.execute(
                        sa.select(m.c.unused_since).where(m.c.model_id == model, m.c.unused_since <= before)
                    ).scalar()
                    if since is None:
                        break  # somebody has begun to use it
                    connection.execute(sa.delete(t.cursors).where(t.cursors.c.stage.in_(stages)))
                    length = self._model_size(connection, model)[1]
                    gone = connection.execute(sa.delete(e).where(e.c.model_id == model, e.c.text_no.in_(some))).rowcount
                if not gone:
                    break
                total, size = total + gone, size + gone * length
                oldest = since if oldest is None else min(oldest, since)
        return Garbage(total, size, oldest)

    def _referenced(self, table: sa.Table) -> sa.ColumnElement[bool]:
        """Whether a document, deleted ones too, or a chunk refers to the text of a row of `table`."""
        d, k = self._t.documents, self._t.chunks
        return sa.or_(
            sa.exists().where(d.c.text_no == table.c.text_no), sa.exists().where(k.c.text_no == table.c.text_no)
        )

    def _due(self, before: datetime) -> sa.ColumnElement[bool]:
        marks = self._t.gc_marks
        return sa.and_(marks.c.marked_at <= before, ~self._referenced(marks))

    def _unreferenced_pages(self) -> Iterator[list[int]]:
        """The texts that nothing refers to, some at a time; no read stays open between two pages."""
        x = self._t.texts
        last = -1
        while True:
            page = sa.select(x.c.text_no).where(x.c.text_no > last).order_by(x.c.text_no).limit(_LOOKED_AT).subquery()
            with self._db.read() as connection:
                end = connection.execute(sa.select(sa.func.max(page.c.text_no))).scalar()
                if end is None:
                    return
                statement = sa.select(x.c.text_no).where(x.c.text_no > last, x.c.text_no <= end)
                found = list(connection.execute(statement.where(~self._referenced(x))).scalars())
            last = int(end)
            yield sorted(found)

    def _remove_texts(self, connection: sa.Connection, numbers: Sequence[int]) -> int:
        """Removes texts and their vectors; the bytes they took."""
        x, e = self._t.texts, self._t.embeddings
        size = 0
        models = self._models(connection)
        for some in batches(numbers):
            for table, column, row in [
                *((e, e.c.vector, sa.and_(e.c.model_id == model, e.c.text_no.in_(some))) for model in models),
                (x, x.c.body, x.c.text_no.in_(some)),
            ]:
                total = sa.select(sa.func.coalesce(sa.func.sum(sa.func.length(column)), 0)).where(row)
                size += int(connection.execute(total).scalar_one())
                connection.execute(sa.delete(table).where(row))
        return size

    def _remove_stray_vectors(self) -> None:
        """Removes vectors that came after their text had gone: numbers of texts are never given twice."""
        x, e = self._t.texts, self._t.embeddings
        stray = ~sa.exists().where(x.c.text_no == e.c.text_no)
        with self._db.read() as connection:
            models = self._models(connection)
        for model in models:
            with self._db.read() as connection:
                statement = sa.select(e.c.text_no).where(e.c.model_id == model, stray)
                numbers = list(connection.execute(statement).scalars())
            for some in batches(numbers):
                with self._db.write() as connection:
                    connection.execute(sa.delete(e).where(e.c.model_id == model, e.c.text_no.in_(some)))

    def _models(self, connection: sa.Connection) -> list[int]:
        return list(connection.execute(sa.select(self._t.models.c.model_id)).scalars())

    def _model_size(self, connection: sa.Connection, model: int) -> tuple[int, int]:
        """How many vectors a model has, and the bytes of one."""
        e = self._t.embeddings
        one = sa.select(sa.func.length(e.c.vector)).where(e.c.model_id == model).limit(1)
        count = sa.select(sa.func.count()).select_from(e).where(e.c.model_id == model)
        length = connection.execute(one).scalar()
        return (int(connection.execute(count).scalar_one()), int(length)) if length is not None else (0, 0)
