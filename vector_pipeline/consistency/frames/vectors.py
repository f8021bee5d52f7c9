"""The frame of vectors: what the collection holds for some points, measured against what was made for them."""

from __future__ import annotations

import numpy as np
import polars as pl

from vector_pipeline.consistency.look import Look
from vector_pipeline.index.base import StoredPoint

VECTORS = pl.Schema(
    {
        "partition": pl.String,
        "document_id": pl.Binary,
        "point_id": pl.Binary,
        "dimension": pl.Int64,
        "wanted_dimension": pl.Int64,
        "finite": pl.Boolean,
        "length": pl.Float64,
    }
)
"""`dimension` is null where the point is not in the collection, 0 where it has no dense vector."""

LATEST = 200
"""Points of a partition whose vectors are read back after a run."""


def vectors(look: Look) -> pl.DataFrame:
    """The dense vectors of the points looked at, as VECTORS."""
    pipeline, store = look.pipeline, look.pipeline.store
    target = store.target_no(pipeline.collection)
    rows = []
    for one in store.partitions():
        if look.partition not in (None, one.name):
            continue
        ids = store.latest_points(target, one.partition_id, LATEST)
        found = {point.point_id: point for point in pipeline.index.retrieve(pipeline.collection, ids)}
        for point_id in ids:
            measures = _measures(found.get(point_id))
            rows.append((one.name, b"", point_id, measures[0], pipeline.embedder.dimension, *measures[1:]))
    return pl.DataFrame(rows, schema=VECTORS, orient="row")


def _measures(point: StoredPoint | None) -> tuple[int | None, bool, float]:
    """Dimension, whether all of it is finite, length."""
    if point is None:
        return None, True, 1.0
    if point.dense is None:
        return 0, True, 1.0
    finite = bool(np.isfinite(point.dense).all())
    return point.dense.shape[0], finite, float(np.linalg.norm(point.dense)) if finite else 0.0
