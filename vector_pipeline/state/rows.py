"""Writing and looking up many rows at once, the same for SQLite and PostgreSQL.

Rows go to the driver as tuples under one prepared statement (PostgreSQL: COPY for many), always sorted by their key:
two transactions that insert the same keys then wait for each other instead of deadlocking.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from operator import itemgetter
from typing import Any, TypeVar

import polars as pl
import sqlalchemy as sa

from vector_pipeline.state.column_types import to_bytes, to_text
from vector_pipeline.state.errors import StateCorrupt

BATCH = 500
"""Values per IN list."""
_COPY_FROM = 2_000

T = TypeVar("T")
AnyRow = sa.Row[*tuple[Any, ...]]
AnySelect = sa.Select[*tuple[Any, ...]]


def batches(values: Iterable[T], size: int = BATCH) -> Iterator[list[T]]:
    """`values` in lists of at most `size`."""
    batch: list[T] = []
    for value in values:
        batch.append(value)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


def insert_rows(
    connection: sa.Connection,
    table: sa.Table,
    columns: Sequence[str],
    rows: Iterable[Sequence[Any]],
    *,
    key: Sequence[str] = (),
    update: Sequence[str] = (),
) -> None:
    """Inserts rows; where `key` is taken, sets the columns of `update`, or leaves the row as it is without any.

    Without `key` a taken key is an error. Keys must be distinct within `rows`.
    """
    ready = _converted(connection, table, columns, rows)
    if key:
        ready.sort(key=itemgetter(*(columns.index(name) for name in key)))
    if not ready:
        return
    names = ", ".join(columns)
    conflict = ""
    if key:
        change = ", ".join(f"{name} = excluded.{name}" for name in update)
        conflict = f" ON CONFLICT ({', '.join(key)}) DO " + (f"UPDATE SET {change}" if change else "NOTHING")
    if connection.dialect.name == "postgresql" and len(ready) >= _COPY_FROM:
        _copy(connection, table.name, names, ready, conflict, ", ".join(key))
        return
    mark = "%s" if connection.dialect.name == "postgresql" else "?"
    marks = ", ".join([mark] * len(columns))
    connection.exec_driver_sql(f"INSERT INTO {table.name} ({names}) VALUES ({marks}){conflict}", ready)


def update_rows(
    connection: sa.Connection, table: sa.Table, columns: Sequence[str], rows: Iterable[Sequence[Any]], key: str
) -> None:
    """Sets `columns` of the row whose `key` is the last value of each tuple."""
    ready = _converted(connection, table, [*columns, key], rows)
    ready.sort(key=itemgetter(-1))
    if ready:
        mark = "%s" if connection.dialect.name == "postgresql" else "?"
        change = ", ".join(f"{name} = {mark}" for name in columns)
        connection.exec_driver_sql(f"UPDATE {table.name} SET {change} WHERE {key} = {mark}", ready)


def delete_rows(
    connection: sa.Connection, table: sa.Table, columns: Sequence[str], keys: Iterable[Sequence[Any]]
) -> None:
    """Deletes the rows whose `columns` equal a tuple of `keys`."""
    ready = sorted(tuple(key) for key in keys)
    if ready:
        mark = "%s" if connection.dialect.name == "postgresql" else "?"
        condition = " AND ".join(f"{name} = {mark}" for name in columns)
        connection.exec_driver_sql(f"DELETE FROM {table.name} WHERE {condition}", ready)


def rows_by(
    connection: sa.Connection, statement: AnySelect, column: sa.ColumnElement[Any], values: Iterable[Any]
) -> Iterator[AnyRow]:
    """The rows of `statement` whose `column` is among `values`, a list of at most BATCH at a time."""
    for some in batches(values):
        yield from connection.execute(statement.where(column.in_(some))).all()


def intern_texts(connection: sa.Connection, texts: sa.Table, bodies: dict[bytes, str]) -> dict[bytes, int]:
    """The number of each text by its hash; stores the bodies not seen before.

    One call per transaction, so that all hashes of a transaction are inserted in one order.
    """
    numbers = _text_numbers(connection, texts, bodies)
    new = [digest for digest in bodies if digest not in numbers]
    if new:
        rows = ((digest, to_bytes(bodies[digest])) for digest in new)
        insert_rows(connection, texts, ("hash", "body"), rows, key=("hash",))
        numbers.update(_text_numbers(connection, texts, new))
    return numbers


def frame(rows: Iterable[Sequence[Any]], schema: pl.Schema) -> pl.DataFrame:
    """Rows as a frame of `schema`, by position; empty rows give an empty frame with the same columns."""
    columns = list(zip(*rows, strict=True)) or [()] * len(schema)
    return pl.DataFrame(
        [_series(name, column, kind) for (name, kind), column in zip(schema.items(), columns, strict=True)]
    )


def _series(name: str, values: Sequence[Any], kind: pl.DataType) -> pl.Series:
    try:
        return pl.Series(name, values, dtype=kind)
    except UnicodeEncodeError:
        # A frame holds no lone surrogates; the store does, for those who ask for the document itself.
        return pl.Series(name, [value and value.encode(errors="replace").decode() for value in values], dtype=kind)


def _text_numbers(connection: sa.Connection, texts: sa.Table, digests: Iterable[bytes]) -> dict[bytes, int]:
    statement = sa.select(texts.c.hash, texts.c.text_no)
    return dict(rows_by(connection, statement, texts.c.hash, digests))


def _converted(
    connection: sa.Connection, table: sa.Table, columns: Sequence[str], rows: Iterable[Sequence[Any]]
) -> list[tuple[Any, ...]]:
    """Rows with every value in the form its column type gives to the driver."""
    dialect = connection.dialect
    found = [table.c[name].type.dialect_impl(dialect).bind_processor(dialect) for name in columns]
    converters = [(position, convert) for position, convert in enumerate(found) if convert is not None]
    ready = []
    for row in rows:
        values = list(row)
        for position, convert in converters:
            values[position] = convert(values[position])
        ready.append(tuple(values))
    return ready


def _copy(
    connection: sa.Connection, table: str, names: str, rows: list[tuple[Any, ...]], conflict: str, order: str
) -> None:
    """Inserts by COPY into a temporary table, which PostgreSQL takes several times faster than single rows."""
    staged = f"staged_{table}"
    connection.exec_driver_sql(f"CREATE TEMP TABLE {staged} AS SELECT {names} FROM {table} WITH NO DATA")
    driver: Any = connection.connection.cursor()
    with driver, driver.copy(f"COPY {staged} ({names}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)
    connection.exec_driver_sql(
        f"INSERT INTO {table} ({names}) SELECT {names} FROM {staged}"
        + (f" ORDER BY {order}" if order else "")
        + conflict
    )
    connection.exec_driver_sql(f"DROP TABLE {staged}")


def text_bodies(connection: sa.Connection, texts: sa.Table, numbers: Collection[int]) -> dict[int, str]:
    """The texts by number. Raises StateCorrupt where one is damaged or not there."""
    rows = rows_by(connection, sa.select(texts.c.text_no, texts.c.body), texts.c.text_no, numbers)
    bodies = {number: to_text(body) for number, body in rows}
    if lost := len(set(numbers) - bodies.keys()):
        raise StateCorrupt(
            f"the state store has lost {lost} of {len(numbers)} texts",
            hint="`vector-pipeline check --full` names the documents, `vector-pipeline repair` reads them again",
        )
    return bodies
