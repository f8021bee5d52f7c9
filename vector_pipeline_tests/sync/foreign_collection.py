"""A collection as another tool would have left it beside ours: made with the engine itself, not by the pipeline."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import qdrant_edge as engine

from vector_pipeline_tests.project import Project

Vector = Sequence[float] | Mapping[str, Any] | None


@dataclass(frozen=True)
class Foreign:
    """One point: a payload, and a vector (unnamed, or vectors by name, or none)."""

    payload: Mapping[str, Any]
    vector: Vector
    point_id: int | uuid.UUID = field(default_factory=uuid.uuid4)


def put_collection(
    project: Project,
    name: str,
    points: Sequence[Foreign],
    *,
    dimension: int,
    vector: str = "",
    others: Sequence[str] = (),
    distance: engine.Distance = engine.Distance.Dot,
) -> None:
    """Makes a collection with a vector of this name ("" is none) where the project keeps its own."""
    with project.open() as pipeline:
        folder = Path(pipeline.index.location) / "collections" / name / "shard"
    folder.mkdir(parents=True)
    one = engine.EdgeVectorParams(size=dimension, distance=distance)
    shard = engine.EdgeShard.create(
        str(folder), engine.EdgeConfig(vectors=dict.fromkeys([vector, *others], one) if vector else one)
    )
    shard.update(
        engine.UpdateOperation.upsert_points(
            [engine.Point(point.point_id, _given(point.vector, vector), dict(point.payload)) for point in points]
        )
    )
    shard.flush()
    shard.close()


def _given(vector: Vector, name: str) -> Any:
    if vector is None:
        return {}
    if isinstance(vector, Mapping):
        return dict(vector)
    return {name: list(vector)} if name else list(vector)


def read_collection(project: Project, name: str) -> set[tuple[str, str]]:
    """What the collection holds: ids with payload and vectors, as text."""
    with project.open() as pipeline:
        return {
            (point.point_id, repr((point.payload, {key: row.tolist() for key, row in point.vectors.items()})))
            for page in pipeline.index.foreign_points(name)
            for point in page
        }
