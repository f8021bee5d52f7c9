"""What every engine promises, whichever it is."""

from __future__ import annotations

import math
import warnings
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vector_pipeline.index.base import (
    INDEXED,
    CollectionMissing,
    CollectionSchema,
    IndexMismatch,
    Point,
    Query,
    VectorIndex,
    VectorIndexError,
)
from vector_pipeline_tests.index.conftest import ENGINES, engine_opened
from vector_pipeline_tests.index.samples import DIMENSION, SCHEMA, ids_in, make_point, point_id, terms, vector


def test_a_collection_is_created_once(index: VectorIndex) -> None:
    assert not index.exists("c")
    assert index.ensure("c", SCHEMA)
    assert not index.ensure("c", SCHEMA)
    assert index.exists("c")
    assert index.collections().count("c") == 1


def test_creating_a_collection_warns_of_nothing(index: VectorIndex) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        index.ensure("c", SCHEMA)


@pytest.mark.parametrize("other", [CollectionSchema(DIMENSION + 1), CollectionSchema(DIMENSION, distance="Dot")])
def test_a_collection_of_other_vectors_is_refused(filled: VectorIndex, other: CollectionSchema) -> None:
    with pytest.raises(IndexMismatch, match="collection c holds Cosine vectors of 8 dimensions"):
        filled.ensure("c", other)
    assert filled.count("c") == 20


@pytest.mark.parametrize("name", ["", "../c", "a/b", ".hidden", "x" * 201, "c\n"])
def test_a_name_that_is_no_name_is_refused(index: VectorIndex, name: str) -> None:
    with pytest.raises(VectorIndexError, match="can't name a collection"):
        index.ensure(name, SCHEMA)


def test_a_dropped_collection_is_gone_with_its_alias(filled: VectorIndex) -> None:
    filled.set_alias("live", "c")
    filled.drop("c")
    assert not filled.exists("c")
    assert filled.alias("live") is None
    filled.drop("c")
    with pytest.raises(CollectionMissing):
        filled.count("c")


def test_work_on_a_missing_collection_says_so(index: VectorIndex) -> None:
    for work in (
        lambda: index.upsert("c", [make_point(1)]),
        lambda: index.delete("c", [point_id(1)]),
        lambda: index.delete_source("c", "git/a"),
        lambda: index.count("c"),
        lambda: list(index.scroll("c")),
        lambda: index.retrieve("c", [point_id(1)]),
        lambda: index.search("c", Query(vector(1), None)),
        lambda: index.info("c"),
        lambda: index.set_alias("live", "c"),
    ):
        with pytest.raises(CollectionMissing):
            work()
    assert index.collections().count("c") == 0


def test_a_point_comes_back_as_it_was_written(filled: VectorIndex) -> None:
    [stored] = filled.retrieve("c", [point_id(3)])
    written = make_point(3, tags=["all", "t0"])
    assert stored.point_id == written.point_id
    assert stored.payload == written.payload
    assert stored.dense is not None
    assert np.allclose(stored.dense, written.dense, atol=1e-6)
    assert stored.sparse is not None
    assert dict(zip(stored.sparse.indices, stored.sparse.values, strict=True)) == {1: 1.0, 1003: 1.0}


def test_points_come_back_in_the_order_asked_for(filled: VectorIndex) -> None:
    asked = [point_id(n) for n in (7, 2, 999, 19, 2)]
    assert [point.point_id for point in filled.retrieve("c", asked)] == [point_id(n) for n in (7, 2, 19)]
    assert filled.retrieve("c", []) == []


def test_a_point_without_terms_has_no_sparse_vector(filled: VectorIndex) -> None:
    filled.upsert("c", [replace(make_point(50), sparse=terms())])
    [stored] = filled.retrieve("c", [point_id(50)])
    assert stored.sparse is None
    assert stored.dense is not None


def test_writing_a_point_again_replaces_all_of_it(filled: VectorIndex) -> None:
    filled.upsert("c", [make_point(3, seed=77, source="git/b")])
    [stored] = filled.retrieve("c", [point_id(3)])
    assert stored.payload == make_point(3, seed=77, source="git/b").payload
    assert "tags" not in stored.payload
    assert stored.dense is not None
    assert np.allclose(stored.dense, vector(77), atol=1e-6)
    assert filled.count("c") == 20


def test_writing_nothing_and_deleting_nothing_are_fine(filled: VectorIndex) -> None:
    filled.upsert("c", [])
    filled.delete("c", [])
    filled.delete("c", [point_id(12345)])
    assert filled.count("c") == 20


def test_deleting_removes_exactly_the_named_points(filled: VectorIndex) -> None:
    filled.delete("c", [point_id(n) for n in (0, 5, 19)])
    assert ids_in(filled, "c") == set(range(20)) - {0, 5, 19}


def test_deleting_a_source_leaves_the_others(filled: VectorIndex) -> None:
    filled.delete_source("c", "git/a")
    assert ids_in(filled, "c") == set(range(10, 20))
    assert filled.count("c", "git/a") == 0
    assert filled.count("c", "git/b") == filled.count("c") == 10


def test_a_scroll_gives_every_point_in_frames_of_bounded_size(filled: VectorIndex) -> None:
    frames = list(filled.scroll("c", batch=7))
    assert max(frame.height for frame in frames) <= 7
    assert all(frame.schema == INDEXED for frame in frames)
    rows = pl.concat(frames).sort("point_id").to_dicts()
    assert rows == [
        {
            "point_id": point_id(n),
            "source": "git/a" if n < 10 else "git/b",
            "document_id": f"d{n // 4}",
            "payload_hash": f"p{n}",
        }
        for n in range(20)
    ]
    assert ids_in(filled, "c", "git/b") == set(range(10, 20))


def test_a_scroll_of_an_empty_collection_gives_no_rows(index: VectorIndex) -> None:
    index.ensure("c", SCHEMA)
    assert sum(frame.height for frame in index.scroll("c", vectors=True)) == 0


def test_a_scroll_may_be_left_early(filled: VectorIndex) -> None:
    frames = filled.scroll("c", batch=5)
    next(frames)
    frames.close()  # type: ignore[attr-defined]
    assert filled.count("c") == 20


def test_reading_is_possible_while_scrolling(filled: VectorIndex) -> None:
    for frame in filled.scroll("c", batch=5):
        assert len(filled.retrieve("c", frame["point_id"].to_list())) == frame.height


def test_vector_hashes_are_equal_for_equal_vectors_only(filled: VectorIndex) -> None:
    filled.upsert("c", [make_point(30, seed=4), make_point(31, seed=99)])
    rows = pl.concat(filled.scroll("c", vectors=True, batch=6))
    hashes = dict(zip(rows["point_id"], rows["vector_hash"], strict=True))
    assert rows["vector_hash"].dtype == pl.Binary
    assert all(len(value) == 16 for value in hashes.values())
    assert hashes[point_id(30)] == hashes[point_id(4)]
    assert len(set(hashes.values())) == 21
    assert dict(pl.concat(filled.scroll("c", vectors=True)).select("point_id", "vector_hash").iter_rows()) == hashes


def test_an_alias_stands_for_its_collection(index: VectorIndex) -> None:
    for number, name in enumerate(("c1", "c2")):
        index.ensure(name, SCHEMA)
        index.upsert(name, [make_point(number)])
    assert index.alias("live") is None
    index.set_alias("live", "c1")
    assert index.alias("live") == "c1"
    assert [hit.point_id for hit in index.search("live", Query(vector(0), None))] == [point_id(0)]
    index.set_alias("live", "c2")
    index.set_alias("live", "c2")
    assert index.alias("live") == "c2"
    assert [hit.point_id for hit in index.search("live", Query(vector(0), None))] == [point_id(1)]
    assert index.count("live") == 1
    assert "live" not in index.collections()
    assert not index.exists("live")


def test_an_alias_can_not_hide_a_collection(filled: VectorIndex) -> None:
    filled.ensure("c2", SCHEMA)
    with pytest.raises(VectorIndexError, match="names a collection"):
        filled.set_alias("c2", "c")


def test_statistics_count_the_points(filled: VectorIndex) -> None:
    info = filled.info("c")
    assert info.points == 20
    assert info.segments >= 1


def test_a_session_changes_nothing_but_the_cost(filled: VectorIndex) -> None:
    with filled.session("c"):
        filled.upsert("c", [make_point(40)])
        with filled.session("c"):
            filled.delete("c", [point_id(0)])
        assert filled.count("c") == 20
    assert ids_in(filled, "c") == set(range(1, 20)) | {40}


def test_closing_twice_is_fine(filled: VectorIndex) -> None:
    filled.close()
    filled.close()


PAYLOADS: dict[str, Any] = {
    "NUL": "a\0b",
    "emoji and combining characters": "👩‍👩‍👧 e\u0301 \u202e",
    "long text": "word " * 400_000,
    "nested lists": [[1, [2, None, []]], {"a": {"b": [{}]}}, ""],
    "large integers": [2**53 + 1, 2**63 - 1, -(2**63)],
    "numbers": [0, -1, 1.0, 0.1, 1e300, -0.5],
    "booleans and nothing": [True, False, None],
    "odd keys": {"": 1, "a.b": 2, "a[0]": 3, '"': 4, "é": 5},
    "deep": [[[[[[[[[["x"]]]]]]]]]],
}


@pytest.mark.parametrize("case", PAYLOADS)
def test_any_json_survives_the_way_there_and_back(index: VectorIndex, case: str) -> None:
    index.ensure("c", SCHEMA)
    index.upsert("c", [make_point(1, text=PAYLOADS[case])])
    [stored] = index.retrieve("c", [point_id(1)])
    assert stored.payload["text"] == PAYLOADS[case]
    assert repr(stored.payload["text"]) == repr(PAYLOADS[case])


def _nested(depth: int) -> Any:
    value: Any = "x"
    for _ in range(depth):
        value = [value]
    return value


UNFIT: dict[str, Point] = {
    "an integer beyond 64 bits": make_point(9, text=2**63),
    "half of a surrogate pair": make_point(9, text="a\ud800"),
    "NaN": make_point(9, text=[math.nan]),
    "an infinite number": make_point(9, text={"x": math.inf}),
    "which is not JSON": make_point(9, text=b"bytes"),
    "a key that is not text": make_point(9, text={1: 2}),
    "nested deeper": make_point(9, text=_nested(100)),
    r"vector has shape \(3,\)": replace(make_point(9), dense=np.ones(3, dtype=np.float32)),
    "vector holds NaN": replace(make_point(9), dense=np.full(DIMENSION, np.nan, dtype=np.float32)),
    "repeats indices": replace(make_point(9), sparse=terms(1, 1)),
    "unsigned 32-bit": replace(make_point(9), sparse=terms(-1)),
    "id is not 16 bytes": replace(make_point(9), point_id=b"short"),
}


@pytest.mark.parametrize("fault", UNFIT)
def test_a_point_unfit_to_store_is_refused_by_name_before_anything_is_written(index: VectorIndex, fault: str) -> None:
    index.ensure("c", SCHEMA)
    with pytest.raises(VectorIndexError, match=fault) as caught:
        index.upsert("c", [make_point(1), UNFIT[fault]])
    name = "73686f7274" if "id is not" in fault else "00000000-0000-0000-0000-000000000009"
    assert name in caught.value.message
    assert index.count("c") == 0


NUMBERS = st.integers(0, 15)
OPERATIONS = st.lists(
    st.one_of(
        st.tuples(
            st.just("upsert"), st.lists(st.tuples(NUMBERS, st.integers(0, 99), st.sampled_from("ab")), max_size=6)
        ),
        st.tuples(st.just("delete"), st.lists(NUMBERS, max_size=4)),
        st.tuples(st.just("delete_source"), st.sampled_from("ab")),
    ),
    max_size=8,
)


@pytest.mark.parametrize("engine", ENGINES)
@settings(max_examples=15)
@given(operations=OPERATIONS)
def test_after_any_operations_a_scroll_equals_the_model(engine: str, operations: list[tuple[str, Any]]) -> None:
    model: dict[int, tuple[str, int]] = {}
    with engine_opened(engine) as index:
        index.ensure("c", CollectionSchema(DIMENSION, payload_indexes={"source": "tenant"}))
        with index.session("c"):
            for name, argument in operations:
                if name == "upsert":
                    index.upsert("c", [make_point(n, seed=seed, source=source) for n, seed, source in argument])
                    model.update({n: (source, seed) for n, seed, source in argument})
                elif name == "delete":
                    index.delete("c", [point_id(n) for n in argument])
                    model = {n: value for n, value in model.items() if n not in argument}
                else:
                    index.delete_source("c", argument)
                    model = {n: value for n, value in model.items() if value[0] != argument}
        rows = pl.concat([INDEXED.to_frame(), *index.scroll("c", batch=5)]).sort("point_id")
        assert [(int.from_bytes(i, "big"), s, p) for i, s, _, p in rows.iter_rows()] == [
            (n, source, f"p{seed}") for n, (source, seed) in sorted(model.items())
        ]
        assert index.count("c") == len(model)
        assert index.count("c", "a") == sum(source == "a" for source, _ in model.values())
