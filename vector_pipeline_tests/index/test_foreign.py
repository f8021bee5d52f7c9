"""Collections that others made, read as they are by both engines."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import qdrant_edge as engine
from qdrant_client import QdrantClient, models

from vector_pipeline.index.base import UNNAMED, CollectionMissing, ForeignPoint, VectorIndex
from vector_pipeline.index.edge import EdgeIndex
from vector_pipeline.index.foreign import foreign_points
from vector_pipeline.index.server import ServerIndex
from vector_pipeline_tests.index.conftest import quick_folder
from vector_pipeline_tests.index.samples import vector

ID = uuid.UUID(int=5)
PAYLOAD = {"page": {"text": "x", "tags": ["a", 1, None]}}


def embedded(folder: Path, given: Any, params: Any) -> VectorIndex:
    """An embedded index beside whose collections another tool has put one."""
    place = folder / "collections" / "old" / "shard"
    place.mkdir(parents=True)
    shard = engine.EdgeShard.create(str(place), engine.EdgeConfig(vectors=params))
    points = [engine.Point(7, given, PAYLOAD), engine.Point(ID, given, PAYLOAD), engine.Point(9, {}, {})]
    shard.update(engine.UpdateOperation.upsert_points(points))
    shard.flush()
    shard.close()
    return EdgeIndex(folder, lock_timeout=20)


def served(given: Any, params: Any, **more: Any) -> VectorIndex:
    """A stand-in of a server that holds a collection of another tool."""
    client = QdrantClient(":memory:")
    client.create_collection("old", vectors_config=params, **more)
    points = [(7, given, PAYLOAD), (str(ID), given, PAYLOAD), (9, {}, {})]
    client.upsert("old", [models.PointStruct(id=one, vector=value, payload=load) for one, value, load in points])
    return ServerIndex(client)


def read(index: VectorIndex, **how: Any) -> dict[str, ForeignPoint]:
    return {point.point_id: point for page in index.foreign_points("old", **how) for point in page}


@pytest.mark.parametrize("kind", ["edge", "memory"])
@pytest.mark.parametrize("name", [UNNAMED, "body"], ids=["unnamed", "named"])
def test_points_of_any_id_come_with_their_payload_and_vector(kind: str, name: str) -> None:
    row = vector(1)
    given = {name: row.tolist()} if name else row.tolist()
    with quick_folder() as folder:
        if kind == "edge":
            one = engine.EdgeVectorParams(size=8, distance=engine.Distance.Dot)
            index = embedded(folder, given, {name: one} if name else one)
        else:
            size = models.VectorParams(size=8, distance=models.Distance.DOT)
            index = served(given, {name: size} if name else size)
        found = read(index, batch=2)
        assert set(found) == {"7", "9", str(ID)}
        assert found["7"].payload == found[str(ID)].payload == PAYLOAD
        assert np.allclose(found["7"].vectors[name], row)
        assert (found["9"].payload, found["9"].vectors) == ({}, {})
        assert all(point.vectors == {} for point in read(index, vectors=False).values())
        with pytest.raises(CollectionMissing):
            next(index.foreign_points("elsewhere"))
        index.close()


def test_sparse_vectors_are_left_out() -> None:
    size = models.VectorParams(size=8, distance=models.Distance.DOT)
    given = {"body": vector(1).tolist(), "words": models.SparseVector(indices=[1], values=[2.0])}
    index = served(given, {"body": size}, sparse_vectors_config={"words": models.SparseVectorParams()})
    assert set(read(index)["7"].vectors) == {"body"}


@pytest.mark.parametrize("given", [None, [], "text", {"a": [[1.0], [2.0]]}, {"a": None}, {"a": ["1"]}, 7])
def test_what_is_no_row_of_numbers_is_no_vector(given: Any) -> None:
    (point,) = foreign_points([_Record(given)])
    assert point.vectors == {}
    assert point.payload == {}


class _Record:
    """A record as an engine might return it."""

    def __init__(self, vector: Any) -> None:
        self.id, self.payload, self.vector = 1, None, vector


def test_numbers_beyond_32_bits_become_infinite() -> None:
    (point,) = foreign_points([_Record([1e300, 1.0])])
    assert np.isinf(point.vectors[UNNAMED][0])


def test_every_engine_of_the_contract_reads_its_own_points(filled: VectorIndex) -> None:
    points = [point for page in filled.foreign_points("c", batch=7) for point in page]
    assert len({point.point_id for point in points}) == 20
    assert all(set(point.vectors) == {"dense"} for point in points)
