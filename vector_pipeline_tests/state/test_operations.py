"""Kept-out documents, progress and durations: what was recorded is read back, and goes when what it is about goes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from vector_pipeline.state.durations_table import Duration
from vector_pipeline.state.errors import ConcurrentUpdateError
from vector_pipeline.state.store import StateStore
from vector_pipeline_tests.state.samples import row

LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


def activity(store: StateStore, partition_id: int, run_id: str, done: int, total: int | None = 9) -> None:
    store.record_activity(
        partition_id,
        run_id,
        stage="documents",
        unit="documents",
        done=done,
        total=total,
        started_at=LONG_AGO,
        host="here",
        pid=7,
        memory=5 << 30,
    )


def test_what_is_kept_out_is_listed_until_it_is_allowed(store: StateStore) -> None:
    p, other = (store.partition(name).partition_id for name in ("docs", "other"))
    before = datetime.now(UTC)
    assert store.keep_out(p, {b"b\xff": ("b \udcff", "1"), b"a": ("a", "1")}) == 2
    assert store.keep_out(p, {b"a": ("a moved", "2")}) == 0, "already kept out"
    assert store.keep_out(other, {b"a": ("a", "")}) == 1
    found = store.kept_out(p)
    assert [one[:4] for one in found] == [("docs", b"a", "a moved", "2"), ("docs", b"b\xff", "b \udcff", "1")]
    assert before <= found[0].since <= datetime.now(UTC)
    assert store.allow(p, [b"a", b"never"]) == 1
    assert [(one.partition, one.native_id) for one in store.kept_out()] == [("docs", b"b\xff"), ("other", b"a")]


def test_nothing_is_kept_out_of_a_partition_that_is_gone(store: StateStore) -> None:
    p = store.partition("docs").partition_id
    store.keep_out(p, {b"a": ("a", "1")})
    store.drop_partition("docs")
    assert store.kept_out() == []
    with pytest.raises(ConcurrentUpdateError):
        store.keep_out(p, {b"a": ("a", "1")})


def test_only_the_run_that_ends_takes_its_progress_along(store: StateStore) -> None:
    p = store.partition("docs").partition_id
    activity(store, p, "first", 1)
    activity(store, p, "second", 2, total=None)
    store.clear_activity(p, "first")
    (found,) = store.activities()
    assert found[:6] == ("docs", "second", "documents", "documents", 2, None)
    assert found.started_at == LONG_AGO < found.updated_at
    assert found[8:] == ("here", 7, 5 << 30)
    store.clear_activity(p, "second")
    assert store.activities() == []


def test_the_slowest_documents_come_first_with_their_names(store: StateStore) -> None:
    p, other = (store.partition(name).partition_id for name in ("docs", "other"))
    known = row("a")
    store.apply_documents(p, [known], "r")
    first, second = store.begin_ingestion(p, "r", "sync"), store.begin_ingestion(other, "s", "sync")
    gone = b"g" * 16
    store.record_durations(first, [Duration(known.document_id, "documents", 1.5, 10), Duration(gone, "chunks", 3, 1)])
    store.record_durations(first, [Duration(known.document_id, "documents", 2.5, 10)])
    store.record_durations(second, [Duration(gone, "documents", 2.75, 9)])
    found = store.slowest(9, LONG_AGO)
    assert [(one.run_id, one.stage, one.seconds) for one in found] == [
        ("r", "chunks", 3.0),
        ("s", "documents", 2.75),
        ("r", "documents", 2.5),
    ]
    assert (found[0].uri, found[2].uri, found[2].title) == ("", known.document.uri, known.document.title)
    assert [one.partition for one in store.slowest(1, LONG_AGO, other)] == ["other"]
    assert store.slowest(9, datetime.now(UTC) + timedelta(seconds=9)) == []


def test_durations_go_with_the_history_of_their_run_and_with_their_partition(store: StateStore) -> None:
    p, other = (store.partition(name).partition_id for name in ("docs", "other"))
    for _ in range(2):
        number = store.begin_ingestion(p, "r", "sync")
        store.record_durations(number, [Duration(b"d" * 16, "documents", 1.0, 1)])
        store.finish_ingestion(number, status="success", counts={}, seconds=0.0)
    last = store.begin_ingestion(other, "s", "sync")
    store.record_durations(last, [Duration(b"d" * 16, "documents", 1.0, 1)])
    assert store.sizes()["durations"] == 3
    assert store.drop_expired_history(datetime.now(UTC) + timedelta(days=1)).number == 1
    assert store.sizes()["durations"] == 2
    activity(store, other, "s", 1)
    store.drop_partition("other")
    assert store.sizes()["durations"] == 1
    assert store.sizes()["progress"] == 0


def test_a_hint_stands_beside_the_error_until_the_run_goes_on(store: StateStore) -> None:
    number = store.begin_ingestion(store.partition("docs").partition_id, "r", "sync")
    store.finish_ingestion(number, status="failed", counts={}, seconds=1.0, error="no route", hint="plug it in")
    assert [(run.error, run.hint) for run in store.ingestions()] == [("no route", "plug it in")]
    store.record_progress(number, counts={}, seconds=2.0)
    assert [(run.error, run.hint) for run in store.ingestions()] == [("", "")]
