"""Points of collections that others made, as they are: any kind of id, any payload, any vectors.

Nothing of them is trusted: what is no plain dense vector is left out, and what is left may have any length and value.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from vector_pipeline.embedding.base import Vectors
from vector_pipeline.index.base import UNNAMED, ForeignPoint
from vector_pipeline.index.records import Record


def foreign_points(records: Sequence[Record]) -> list[ForeignPoint]:
    """Records of either engine, in their order."""
    return [ForeignPoint(str(record.id), record.payload or {}, _dense(record.vector)) for record in records]


def _dense(given: Any) -> Mapping[str, Vectors]:
    """The dense vectors by name. A collection with one vector alone gives it without a name."""
    named = given if isinstance(given, Mapping) else {UNNAMED: given}
    found = {str(name): _row(value) for name, value in named.items()}
    return {name: row for name, row in found.items() if row is not None}


def _row(value: Any) -> Vectors | None:
    """A list of numbers as a row; None for sparse vectors, several vectors in one and whatever else there is."""
    if not isinstance(value, list | tuple) or not value or not isinstance(value[0], int | float):
        return None
    with np.errstate(over="ignore"):  # what does not fit in 32 bits becomes infinite, and is refused as such
        return np.asarray(value, dtype=np.float32)
