"""A small healthy project of two folders, and how to change behind its back what it consists of."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from vector_pipeline.index.base import Point, StoredPoint
from vector_pipeline.index.edge_copy import copy_tree
from vector_pipeline.sync.pipeline import Pipeline
from vector_pipeline_tests.project import Project, Snapshot

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
    made.let_age()
    made.sync()
    return made


class Healthy:
    """A project as it was when it was made, which is put back after what tests did to it."""

    def __init__(self, folder: Path, make: Callable[[Path], Project] = healthy_project) -> None:
        self._folder, self._new, self._made = folder, make, 0
        self._make()

    def _make(self) -> None:
        self._made += 1
        place = self._folder / str(self._made)
        self.project, self._copy = self._new(place), place / "copy"
        self._sources = _times(place)
        project = self.project
        copy_tree(project.data, self._copy, durable=False)
        self.snapshot = project.snapshot()
        with project.open() as pipeline:
            names = [one.name for one in pipeline.store.partitions()]
            found = [point for name in names for point in points_of(pipeline, name)]
        self._points = [written(point) for point in found]

    def put_back(self) -> None:
        """All files as they were, and the points of the collection, whose files are large, by writing them again.

        Where a test wrote to the sources, whose times can't be put back, another project is made.
        """
        if _times(self._folder / str(self._made)) != self._sources:
            self._make()
            return
        if _index_files(self.project.data) != _index_files(self._copy):
            shutil.rmtree(self.project.data)
            copy_tree(self._copy, self.project.data, durable=False)
            return
        for path in self.project.data.glob("state.sqlite3*"):
            if path.is_file():
                path.unlink()
        shutil.copy(self._copy / "state.sqlite3", self.project.data)
        with self.project.open() as pipeline, pipeline.index.session(pipeline.collection):
            own = {point.point_id for point in self._points}
            held = {one for frame in pipeline.index.scroll(pipeline.collection) for one in frame["point_id"].to_list()}
            pipeline.index.delete(pipeline.collection, sorted(held - own))
            pipeline.index.upsert(pipeline.collection, self._points)


def _times(place: Path) -> dict[Path, int]:
    """When each file of the sources was written or changed last."""
    return {file: file.stat().st_ctime_ns for name in ("a", "b") for file in sorted((place / name).rglob("*"))}


def _index_files(data: Path) -> dict[str, bytes]:
    """The small files that say which collections there are, and the folders of the large ones."""
    places = sorted((data / "qdrant").glob("collections/*"))
    small = [data / "qdrant" / "aliases.json", *(place / "schema.json" for place in places)]
    return {str(path.relative_to(data)): path.read_bytes() if path.is_file() else b"" for path in (*small, *places)} | {
        str(place.relative_to(data)): b"shard" if (place / "shard").is_dir() else b"" for place in places
    }


def held_by(pipeline: Pipeline) -> Snapshot:
    """What the collection of an open pipeline holds."""
    rows: set[tuple[bytes, str, bytes]] = set()
    for frame in pipeline.index.scroll(pipeline.collection, vectors=True):
        rows.update(frame.select("point_id", "payload_hash", "vector_hash").iter_rows())
    return frozenset(rows)


def points_of(pipeline: Pipeline, source: str = A) -> list[StoredPoint]:
    """The points of a source, in the order of their ids."""
    frames = pipeline.index.scroll(pipeline.collection, source)
    ids = sorted(point_id for frame in frames for point_id in frame["point_id"].to_list())
    return sorted(pipeline.index.retrieve(pipeline.collection, ids), key=lambda point: point.point_id)


def write_point(pipeline: Pipeline, point: StoredPoint, dense: Any = None, **payload: object) -> None:
    """Writes a point as it is, but for another vector or another payload."""
    changed = written(point)
    vector = changed.dense if dense is None else dense
    pipeline.index.upsert(
        pipeline.collection, [Point(point.point_id, vector, changed.sparse, {**point.payload, **payload})]
    )


def written(point: StoredPoint) -> Point:
    """What was written for a point that is stored."""
    assert point.dense is not None
    assert point.sparse is not None
    return Point(point.point_id, point.dense, point.sparse, point.payload)


def in_store(pipeline: Pipeline, statement: str, *values: object) -> int:
    """Changes rows of the state store behind its back; how many."""
    with closing(sqlite3.connect(str(pipeline.store.location.path), timeout=30)) as db, db:
        return db.execute(statement, values).rowcount


def stored(pipeline: Pipeline) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table of the state store."""
    with closing(sqlite3.connect(str(pipeline.store.location.path), timeout=30)) as db:
        names = [row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
        return {name: sorted(db.execute(f'SELECT * FROM "{name}"').fetchall(), key=repr) for name in names}
