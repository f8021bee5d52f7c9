"""The numbers that runs report, on both databases."""

from __future__ import annotations

from vector_pipeline.documents import hash16, make_chunks
from vector_pipeline.state.records import Chunked
from vector_pipeline.state.store import StateStore
from vector_pipeline_tests.state.samples import cut_by, row, spans


def test_live_documents_and_their_chunks_are_counted(store: StateStore) -> None:
    pid = store.partition("local_files/docs").partition_id
    rows = [row("a", "one\n\ntwo"), row("b", "three")]
    store.apply_documents(pid, rows, "run")
    _chunk(store, pid)
    assert (store.count_documents(pid), store.count_chunks(pid, cut_by(store))) == (2, 3)
    store.delete_documents(pid, [rows[0].document_id], "run")
    assert (store.count_documents(pid), store.count_chunks(pid, cut_by(store))) == (1, 1)
    other = store.partition("local_files/other").partition_id
    assert (store.count_documents(other), store.count_chunks(other, cut_by(store))) == (0, 0)


def test_the_points_of_what_changed_last_come_first(store: StateStore) -> None:
    pid = store.partition("local_files/docs").partition_id
    target = store.target_no("c")
    for name in ("a", "b"):
        store.apply_documents(pid, [row(name)], "run")
    numbers = [number for batch in store.documents_to_point(pid, after=-1, chunking=cut_by(store)) for number in batch]
    points = [(hash16(b"point", bytes([n])), number, hash16(b"print")) for n, number in enumerate(numbers)]
    store.record_points(target, points, [])
    assert store.latest_points(target, pid, 1) == [points[1][0]]
    assert set(store.latest_points(target, pid, 10)) == {point[0] for point in points}


def test_a_document_with_text_but_without_chunks_is_found_and_a_blank_one_is_not(store: StateStore) -> None:
    pid = store.partition("local_files/docs").partition_id
    lost, blank = row("lost", "words"), row("blank", " \n\t ")
    store.apply_documents(pid, [lost, blank], "run")
    for batch in store.documents_to_chunk(pid, after=-1, chunking=cut_by(store)):
        store.replace_chunks(pid, cut_by(store), [Chunked(one.document_no, one.content_hash, []) for one in batch])
    assert store.documents_without_chunks(pid, cut_by(store), 10) == [lost.document_id]


def test_a_run_under_way_shows_what_it_has_done_and_stays_running(store: StateStore) -> None:
    pid = store.partition("local_files/docs").partition_id
    number = store.begin_ingestion(pid, "run", "auto")
    store.finish_ingestion(number, status="failed", counts={}, seconds=1.0, error="endpoint down")
    store.record_progress(number, counts={"documents: added": 2}, seconds=1.5)
    (run,) = store.ingestions(pid, 5)
    assert (run.status, run.error, run.finished_at) == ("running", "", None)
    assert run.counts == {"documents: added": 2}


def _chunk(store: StateStore, partition_id: int) -> None:
    """Cuts every document at blank lines."""
    for batch in store.documents_to_chunk(partition_id, after=-1, chunking=cut_by(store)):
        rows = [
            Chunked(one.document_no, one.content_hash, make_chunks(one.document_id, "", one.text, spans(one.text)))
            for one in batch
        ]
        store.replace_chunks(partition_id, cut_by(store), rows)
