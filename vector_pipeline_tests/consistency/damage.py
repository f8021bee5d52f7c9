"""A small healthy project of two folders, and how to change behind its back what it consists of."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from vector_pipeline.index.base import Point, StoredPoint
from vector_pipeline.sync.pipeline import Pipeline
from vector_pipeline_tests.project import Project

A, B = "local_files/a", "local_files/b"


def healthy_project(folder: Path, **settings: Any) -> Project:
    """Two synced folders of three documents with three passages each."""
    made = Project(folder / "project", dict(settings))
    for name in ("a", "b"):
        place = folder / name
        place.mkdir(parents=True)
        for number in range(3):
            sections = "\n".join(
                f"## Part {part}\n\nWhat part {part} of document {number} in {name} says about {word}.\n"
                for part, word in enumerate(("harvest", "plumbing", "telescopes"))
            )
            (place / f"{number}.md").write_text(f"# {name}{number}\n\n{sections}")
        made.add_folder(name, place)
    made.sync()
    return made


def points_of(pipeline: Pipeline, source: str = A) -> list[StoredPoint]:
    """The points of a source, in the order of their ids."""
    frames = pipeline.index.scroll(pipeline.collection, source)
    ids = sorted(point_id for frame in frames for point_id in frame["point_id"].to_list())
    return sorted(pipeline.index.retrieve(pipeline.collection, ids), key=lambda point: point.point_id)


def write_point(pipeline: Pipeline, point: StoredPoint, dense: Any = None, **payload: object) -> None:
    """Writes a point as it is, but for another vector or another payload."""
    assert point.dense is not None
    assert point.sparse is not None
    vector = point.dense if dense is None else dense
    pipeline.index.upsert(
        pipeline.collection, [Point(point.point_id, vector, point.sparse, {**point.payload, **payload})]
    )


def in_store(pipeline: Pipeline, statement: str, *values: object) -> int:
    """Changes rows of the state store behind its back; how many."""
    with closing(sqlite3.connect(str(pipeline.store.location.path), timeout=30)) as db, db:
        return db.execute(statement, values).rowcount


def stored(pipeline: Pipeline) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table of the state store."""
    with closing(sqlite3.connect(str(pipeline.store.location.path), timeout=30)) as db:
        names = [row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
        return {name: sorted(db.execute(f'SELECT * FROM "{name}"').fetchall(), key=repr) for name in names}
