"""What checks read of contents: samples, pages and outlines, in both kinds of store."""

from __future__ import annotations

from vector_pipeline.state.records import Chunked
from vector_pipeline.state.store import StateStore
from vector_pipeline_tests.state.samples import chunk_all, cut_by, embed_all, point_all, row


def filled(store: StateStore) -> tuple[int, int]:
    """A partition of three documents (one deleted after it was cut) and another of one; their numbers."""
    docs, more = (store.partition(f"local_files/{name}").partition_id for name in ("docs", "more"))
    store.apply_documents(docs, [row("a", "one\n\ntwo\n\nthree"), row("b", "four"), row("c", "five")], "run")
    store.apply_documents(more, [row("d", "six\n\nseven", source="more")], "run")
    target, model = store.target_no("collection"), store.model_no("m")
    for partition in (docs, more):
        chunk_all(store, partition)
        embed_all(store, partition, model)
        point_all(store, partition, target, model)
    store.delete_documents(docs, [row("c").document_id], "run")
    return docs, more


def test_a_sample_goes_around_and_keeps_to_its_partition(store: StateStore) -> None:
    docs, _ = filled(store)
    target = store.target_no("collection")
    everything = store.sample_points(target, None, start=bytes(16), limit=100)
    ids = [point.point_id for point in everything]
    assert len(ids) == store.count_points(target) == 7
    assert ids == sorted(ids)
    around = store.sample_points(target, None, start=ids[4], limit=5)
    assert [point.point_id for point in around] == [*ids[4:], *ids[:2]]
    assert {point.partition_id for point in store.sample_points(target, docs, start=ids[4], limit=100)} == {docs}
    assert store.find_points(target, [ids[0], bytes(16)]) == everything[:1]
    paged = [point for page in store.recorded_points(target, None, batch=2) for point in page]
    assert sorted(paged, key=lambda point: point.point_id) == everything


def test_an_outline_tells_how_a_document_was_cut(store: StateStore) -> None:
    docs, _ = filled(store)
    chunking = cut_by(store)
    for batch in (1, 2, 100):
        outlines = [one for page in store.outlines(chunking, docs, batch=batch) for one in page]
        by_id = {one.document_id: one for one in outlines}
        a, b, c = (by_id[row(name).document_id] for name in "abc")
        assert (a.rows, a.last, a.counted, a.backward, a.current, a.failed, a.deleted) == (
            3, 2, 3, 0, True, False, False
        )  # fmt: skip
        assert (b.rows, b.size) == (1, len("four"))
        assert c.deleted
    assert [one.counted for page in store.outlines(chunking + 1, docs) for one in page] == [None, None, None]
    store.replace_chunks(docs, chunking, [Chunked(b.document_no, row("b", "four").content_hash, None, "no parser")])
    [[again]] = store.outlines(chunking, docs, document_nos=[b.document_no])
    assert (again.failed, again.rows) == (True, 1)
    store.apply_documents(docs, [row("b", "another")], "run")
    [[again]] = store.outlines(chunking, docs, document_nos=[b.document_no])
    assert not again.current


def test_texts_come_with_their_chunks(store: StateStore) -> None:
    docs, _ = filled(store)
    [number, *_] = store.document_numbers(docs, ids=[row("a").document_id])
    [cut] = store.cut_texts(cut_by(store), [number, 10_000])
    assert cut.text == "one\n\ntwo\n\nthree"
    assert [(piece.text[piece.prefix :], piece.start, piece.end) for piece in cut.pieces] == [
        ("one", 0, 3), ("two", 5, 8), ("three", 10, 15)
    ]  # fmt: skip


def test_people_are_told_paths_and_addresses(store: StateStore) -> None:
    pid = store.partition("local_files/docs").partition_id
    rows = [row("guide/a.md"), row("4711", uri="https://wiki/4711"), row("\udce9")]
    store.apply_documents(pid, rows, "run")
    names = store.document_names([one.document_id for one in rows])
    assert [names[one.document_id] for one in rows] == ["guide/a.md", "https://wiki/4711", "file:///\udce9"]
