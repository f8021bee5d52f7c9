"""Which texts the chunks of a partition consist of."""

from __future__ import annotations

from vector_pipeline.state.chunk_texts import ChunkText
from vector_pipeline.state.store import StateStore
from vector_pipeline_tests.state.samples import chunk_all, cut_by, embed_all, row


def test_texts_are_told_once_with_the_number_of_their_chunks(store: StateStore) -> None:
    pid = store.partition("local_files/docs").partition_id
    store.apply_documents(pid, [row("a", "one\n\ntwo\n\ntwo"), row("b", "two\n\nthree")], "run")
    chunk_all(store, pid)
    chunking, model = cut_by(store), store.model_no("m")
    for batch in (1, 2, 100):
        rows = [row for page in store.chunk_texts(pid, chunking=chunking, model=model, batch=batch) for row in page]
        bodies = store.text_bodies([row.text_no for row in rows])
        assert {bodies[row.text_no]: (row.chunks, row.embedded) for row in rows} == {
            "one": (1, False),
            "two": (3, False),
            "three": (1, False),
        }
    embed_all(store, pid, model)
    assert all(row.embedded for page in store.chunk_texts(pid, chunking=chunking, model=model) for row in page)
    other = store.model_no("another")
    assert not any(row.embedded for page in store.chunk_texts(pid, chunking=chunking, model=other) for row in page)


def test_what_is_deleted_or_of_another_partition_or_chunking_is_left_out(store: StateStore) -> None:
    pid, other = (store.partition(f"local_files/{name}").partition_id for name in ("docs", "more"))
    store.apply_documents(pid, [row("a", "one"), row("b", "two")], "run")
    store.apply_documents(other, [row("c", "three", source="more")], "run")
    for partition in (pid, other):
        chunk_all(store, partition)
    store.delete_documents(pid, [row("b").document_id], "run")
    model, chunking = store.model_no("m"), cut_by(store)
    (page,) = store.chunk_texts(pid, chunking=chunking, model=model)
    assert [(text.prefix, text.chunks) for text in page] == [(0, 1)]
    assert isinstance(page[0], ChunkText)
    assert list(store.chunk_texts(pid, chunking=chunking + 1, model=model)) == []
    assert list(store.live_uris(pid, batch=1)) == [["file:///a"]]
