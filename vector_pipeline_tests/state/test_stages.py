"""Chunks, embeddings and points: each stage finds exactly its work and writes only what differs."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from vector_pipeline.documents import hash16
from vector_pipeline.state.errors import StateCorrupt
from vector_pipeline.state.records import Chunked
from vector_pipeline.state.store import StateStore
from vector_pipeline_tests.state.samples import chunk_all, cut, cut_by, embed_all, point_all, row

TEXT = "one\n\ntwo\n\nthree"


@pytest.fixture
def p(store: StateStore) -> int:
    """A partition."""
    return store.partition("docs").partition_id


def test_an_edit_rewrites_only_the_chunks_that_differ(store: StateStore, p: int) -> None:
    store.apply_documents(p, [row("a", TEXT), row("b", TEXT)], "r")
    chunk_all(store, p)
    at = store.partition("docs").revision
    store.apply_documents(p, [row("a", "one\n\ntwo\n\nTHREE")], "r")
    (batch,) = store.documents_to_chunk(p, after=at, chunking=cut_by(store))
    assert [d.uri for d in batch] == ["file:///a"]
    assert store.replace_chunks(p, cut_by(store), [cut(d) for d in batch]) == 1
    assert chunk_all(store, p) == []


def test_a_chunk_that_moves_keeps_its_id(store: StateStore, p: int) -> None:
    a = row("a", TEXT)
    store.apply_documents(p, [a], "r")
    chunk_all(store, p)
    before = store.document(a.document_id, cut_by(store))
    store.apply_documents(p, [row("a", f"zero\n\n{TEXT}")], "r")
    chunk_all(store, p)
    after = store.document(a.document_id, cut_by(store))
    assert before is not None
    assert after is not None
    assert [c.text for c in after.chunks] == ["zero", "one", "two", "three"]
    assert [c.chunk_id for c in after.chunks[1:]] == [c.chunk_id for c in before.chunks]
    assert [(c.idx, c.start) for c in after.chunks] == [(0, 0), (1, 6), (2, 11), (3, 16)]


def test_another_configuration_chunks_everything_again(store: StateStore, p: int) -> None:
    store.apply_documents(p, [row("a", TEXT), row("b", "")], "r")
    assert len(chunk_all(store, p)) == 2
    assert chunk_all(store, p) == []
    assert len(chunk_all(store, p, config=hash16(b"other"))) == 2


def test_a_document_that_cannot_be_cut_keeps_its_chunks_and_is_tried_again(store: StateStore, p: int) -> None:
    a = row("a", TEXT)
    store.apply_documents(p, [a], "r")
    chunk_all(store, p)
    store.apply_documents(p, [row("a", "broken")], "r")
    (batch,) = store.documents_to_chunk(p, after=-1, chunking=cut_by(store))
    store.replace_chunks(p, cut_by(store), [Chunked(batch[0].document_no, batch[0].content_hash, None, "too deep")])
    stored = store.document(a.document_id, cut_by(store))
    assert stored is not None
    assert (stored.chunk_error, len(stored.chunks), stored.chunk_count) == ("too deep", 3, 3)
    (desired,) = store.desired_points([batch[0].document_no], store.model_no("m"), cut_by(store))
    assert (desired.chunk_error, len(desired.chunks)) == ("too deep", 3)
    assert chunk_all(store, p) == ["file:///a"]
    (desired,) = store.desired_points([batch[0].document_no], store.model_no("m"), cut_by(store))
    assert (desired.chunk_error, len(desired.chunks)) == ("", 1)


def test_a_result_for_content_that_was_replaced_meanwhile_is_left_out(store: StateStore, p: int) -> None:
    store.apply_documents(p, [row("a", TEXT)], "r")
    (batch,) = store.documents_to_chunk(p, after=-1, chunking=cut_by(store))
    store.apply_documents(p, [row("a", "newer")], "r")
    assert store.replace_chunks(p, cut_by(store), [cut(d) for d in batch]) == 0
    assert chunk_all(store, p) == ["file:///a"]


def test_a_deleted_document_loses_its_chunks_and_then_its_points(store: StateStore, p: int) -> None:
    model, target = store.model_no("m"), store.target_no("c")
    a, b = row("a", TEXT), row("b", TEXT)
    store.apply_documents(p, [a, b], "r")
    chunk_all(store, p)
    assert embed_all(store, p, model) == 3
    assert point_all(store, p, target, model) == (6, 0)
    at = store.partition("docs").revision
    store.delete_documents(p, [a.document_id], "r")
    assert chunk_all(store, p, at) == ["file:///a"]
    assert point_all(store, p, target, model, at) == (0, 3)
    assert (store.count_points(target), store.count_points(target, p)) == (3, 3)
    assert store.sizes()["chunks"] == 3
    assert chunk_all(store, p) == []


def test_many_chunks_are_stored_over_several_transactions(store: StateStore, p: int) -> None:
    text = "\n\n".join(f"paragraph {n}" for n in range(9_000))
    rows = [row(f"{n}", f"{n}\n\n{text}") for n in range(3)]
    store.apply_documents(p, rows, "r")
    chunk_all(store, p)
    assert store.sizes()["chunks"] == 27_003
    assert store.sizes()["texts"] == 9_000 + 3 + 3
    sizes = [len(numbers) for numbers in store.documents_to_point(p, after=-1, chunking=cut_by(store))]
    assert sizes == [1, 1, 1]


def test_large_documents_come_in_batches_that_fit_in_memory(store: StateStore, p: int) -> None:
    store.apply_documents(p, [row(f"{n}", "x" * 7_000_000) for n in range(5)], "r")
    batches = [len(batch) for batch in store.documents_to_chunk(p, after=-1, chunking=cut_by(store))]
    assert batches == [2, 2, 1]


def test_a_text_is_embedded_once_for_all_partitions_and_once_per_model(store: StateStore, p: int) -> None:
    other = store.partition("other").partition_id
    store.apply_documents(p, [row("a", TEXT)], "r")
    store.apply_documents(other, [row("a", TEXT, source="other")], "r")
    for number in (p, other):
        chunk_all(store, number)
    m, n = store.model_no("m"), store.model_no("n")
    assert m == store.model_no("m") != n
    assert [embed_all(store, p, m), embed_all(store, other, m), embed_all(store, p, n)] == [3, 0, 3]
    texts = store.texts_to_embed(p, after=-1, model=99, chunking=cut_by(store))
    assert sorted(store.text_bodies(texts).values()) == ["one", "three", "two"]
    assert {name for _, _, name, *_ in store.documents_of_texts(p, texts, cut_by(store))} == {b"a"}
    assert len(store.documents_of_texts(p, texts, cut_by(store))) == 3
    with pytest.raises(StateCorrupt, match="has lost 1 of 2 texts"):
        store.text_bodies([texts[0], 10**9])


def test_vectors_come_back_exactly_and_the_first_one_stays(store: StateStore) -> None:
    model = store.model_no("m")
    vectors = np.random.default_rng(1).standard_normal((700, 256), dtype=np.float32)
    numbers = list(range(1, 701))[::-1]
    store.add_embeddings(model, numbers, vectors)
    store.add_embeddings(model, numbers, vectors * 2)
    got = store.vectors(model, [*numbers, 10_000])
    assert len(got) == 700
    assert all(np.array_equal(got[number], vector) for number, vector in zip(numbers, vectors, strict=True))
    assert store.vectors(store.model_no("other"), numbers) == {}


@pytest.mark.parametrize(
    "vectors", [np.zeros((2, 3)), np.zeros(3), np.zeros((1, 0)), np.array([[1.0, np.nan]]), np.array([[np.inf, 0]])]
)
def test_wrong_vectors_are_refused(store: StateStore, vectors: np.ndarray) -> None:
    with pytest.raises(ValueError, match="vector"):
        store.add_embeddings(store.model_no("m"), [1], vectors.astype(np.float32))
    assert store.sizes()["embeddings"] == 0


def test_frames_of_points_cover_every_partition_or_one(store: StateStore, p: int) -> None:
    model, target = store.model_no("m"), store.target_no("c")
    other = store.partition("other").partition_id
    a, gone = row("a", TEXT), row("gone", TEXT)
    store.apply_documents(p, [a, gone], "r")
    store.apply_documents(other, [row(f"{n}", f"{n}\n\nx", source="o") for n in range(1200)], "r")
    for number in (p, other):
        chunk_all(store, number)
        point_all(store, number, target, model)
    store.delete_documents(p, [gone.document_id], "r")
    expected = list(store.expected_points(target, batch=1_000))
    assert len(expected) > 1
    assert len(pl.concat(expected)) == 2406
    assert sum(map(len, store.derived_points(cut_by(store)))) == 2403
    mine = pl.concat(store.derived_points(cut_by(store), p))
    assert set(mine["document_id"]) == {a.document_id}
    assert set(mine["partition"]) == {"docs"}
    assert len(pl.concat(store.expected_points(target, p))) == 6
    assert list(store.expected_points(target + 1)) == []
    assert list(store.derived_points(cut_by(store), 999)) == []


def test_a_dropped_target_is_forgotten_and_others_stay(store: StateStore, p: int) -> None:
    model = store.model_no("m")
    store.apply_documents(p, [row("a", TEXT)], "r")
    chunk_all(store, p)
    for name in ("old", "new"):
        point_all(store, p, store.target_no(name), model)
    old = store.targets()["old"]
    store.drop_target("old")
    store.drop_target("never there")
    assert list(store.targets()) == ["new"]
    assert (store.count_points(old), store.count_points(store.targets()["new"])) == (0, 3)


def test_recording_points_twice_changes_nothing(store: StateStore, p: int) -> None:
    target = store.target_no("c")
    points = [(bytes([n]) * 16, 1, b"f" * 16) for n in range(3)]
    store.record_points(target, points, [])
    store.record_points(target, points, [b"?" * 16])
    store.record_points(target, [(bytes([0]) * 16, 1, b"g" * 16)], [bytes([1]) * 16])
    assert store.applied_points(target, [1]) == {1: {bytes([0]) * 16: b"g" * 16, bytes([2]) * 16: b"f" * 16}}
    assert store.applied_points(target, [2, 3]) == {}


def test_pages_cover_documents_of_one_revision_and_of_many(store: StateStore, p: int) -> None:
    rows = [row(f"{n:03}") for n in range(50)]
    store.apply_documents(p, rows[:23], "r")
    for one in rows[23:]:
        store.apply_documents(p, [one], "r")
    seen = [
        number for batch in store.documents_to_point(p, after=-1, chunking=cut_by(store), batch=7) for number in batch
    ]
    assert len(seen) == len(set(seen)) == 50
    assert (
        len([n for batch in store.documents_to_point(p, after=1, chunking=cut_by(store), batch=9) for n in batch]) == 27
    )
    first = next(pages := store.documents_to_chunk(p, after=-1, chunking=cut_by(store), batch=10))
    store.touch_documents(p, [document.document_id for document in first])
    assert {d.uri for batch in pages for d in batch} == {f"file:///{n:03}" for n in range(50)}
