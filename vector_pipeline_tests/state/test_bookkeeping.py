"""What the store keeps about sources and runs: scans, cursors, quarantine, history, summaries."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from vector_pipeline.documents import Failure
from vector_pipeline.state.quarantine_table import retry_delay
from vector_pipeline.state.records import QUARANTINED, SUMMARIES, Cursor, SourceState
from vector_pipeline.state.store import StateStore
from vector_pipeline_tests.state.samples import chunk_all, cut_by, row

MINUTE = timedelta(minutes=1)
A, B = b"a" * 16, b"b" * 16


def failed(name: str = "a", reason: str = "HTTP 500", stage: str = "fetch", *, permanent: bool = False) -> Failure:
    return Failure(name.encode(), "v1", f"file:///{name}", stage, reason, permanent)


@pytest.fixture
def p(store: StateStore) -> int:
    """A partition."""
    return store.partition("git/docs").partition_id


def test_a_partition_is_made_once(store: StateStore) -> None:
    assert store.partition("git/a") == store.partition("git/a")
    store.partition("git/\x00b")
    assert [q.name for q in store.partitions()] == ["git/\x00b", "git/a"] or len(store.partitions()) == 2


def test_a_scan_is_remembered_and_keeps_the_census_before_it(store: StateStore, p: int) -> None:
    assert store.source_state(p) == SourceState()
    census = datetime(2024, 5, 1, 12, tzinfo=UTC)
    store.record_scan(p, version="v1", cursor={"commit": "\x00é"}, settings_hash=b"s", census_at=census)
    assert store.source_state(p) == SourceState("v1", {"commit": "\x00é"}, census, b"s")
    store.record_scan(p, version="v2", cursor={}, settings_hash=b"t", census_at=None)
    assert store.source_state(p) == SourceState("v2", {}, census, b"t")
    store.forget_scan(p)
    assert store.source_state(p) == SourceState()


def test_observations_and_cursors_are_replaced(store: StateStore, p: int) -> None:
    assert store.observation(p) is None
    assert store.cursor(p, "chunks") is None
    now = datetime.now(UTC)
    for version in ("v1", "v2"):
        store.record_observation(p, version, now)
        store.set_cursor(p, "chunks", version.encode(), 7)
    assert store.observation(p) == ("v2", now)
    assert store.cursor(p, "chunks") == Cursor(b"v2", 7)
    assert store.cursor(p, "points") is None


def test_a_retry_waits_twice_as_long_each_time_and_at_most_a_day() -> None:
    assert [retry_delay(n, MINUTE) for n in (1, 2, 3, 4)] == [MINUTE, 2 * MINUTE, 4 * MINUTE, 8 * MINUTE]
    assert retry_delay(12, MINUTE) == timedelta(days=1)
    assert retry_delay(10**9, MINUTE) == timedelta(days=1)


def test_a_failure_counts_its_attempts_and_keeps_its_first_time(store: StateStore, p: int) -> None:
    for reason in ("HTTP 500", "HTTP 502", "time-out"):
        store.quarantine(p, [(A, failed(reason=reason))], first_delay=MINUTE)
    (entry,) = store.quarantined().iter_rows(named=True)
    assert (entry["attempts"], entry["reason"], entry["partition"]) == (3, "time-out", "git/docs")
    assert entry["first_at"] < entry["last_at"]
    assert entry["retry_at"] - entry["last_at"] == 4 * MINUTE
    assert store.due_for_retry(p, entry["retry_at"] - timedelta(microseconds=1)).is_empty()
    assert store.due_for_retry(p, entry["retry_at"]).rows() == [(A, b"a", "fetch")]


def test_a_failure_that_is_worth_a_few_attempts_waits_after_them_for_another_version_or_a_request(
    store: StateStore, p: int
) -> None:
    slow = replace(failed(reason="took longer than 60 s"), most_attempts=2)
    for _ in range(2):
        store.quarantine(p, [(A, slow)], first_delay=MINUTE)
    far = datetime.now(UTC) + timedelta(days=400)
    assert store.due_for_retry(p, far).is_empty()
    assert store.retry_now(p) == 1
    store.quarantine(p, [(A, slow)], first_delay=MINUTE)
    assert store.quarantined()["attempts"].to_list() == [3]
    assert store.due_for_retry(p, far).is_empty()
    store.quarantine(p, [(A, replace(slow, version="v2"))], first_delay=MINUTE)
    assert store.quarantined()["attempts"].to_list() == [1]
    assert store.due_for_retry(p, far)["document_id"].to_list() == [A]


def test_a_permanent_failure_is_due_only_on_request(store: StateStore, p: int) -> None:
    other = store.partition("git/other").partition_id
    store.quarantine(p, [(A, failed(permanent=True)), (B, failed("b"))], first_delay=MINUTE)
    store.quarantine(other, [(A, failed())], first_delay=MINUTE)
    far = datetime.now(UTC) + timedelta(days=400)
    assert store.due_for_retry(p, far)["document_id"].to_list() == [B]
    assert store.retry_now(p, [A]) == 1
    assert store.due_for_retry(p, datetime.now(UTC))["document_id"].to_list() == [A]
    assert store.retry_now() == 3
    assert store.retry_now(other) == 1
    assert store.retry_now(None, [A]) == 2
    assert store.retry_now(None, []) == 0


def test_release_takes_out_one_stage_of_the_documents_named(store: StateStore, p: int) -> None:
    store.quarantine(p, [(A, failed()), (A, failed(stage="embed")), (B, failed("b"))], first_delay=MINUTE)
    assert store.release(p, [A, b"?" * 16], "fetch") == 1
    assert store.release(p, [A], "fetch") == 0
    left = store.quarantined(p)
    assert sorted(left.select("document_id", "stage").rows()) == [(A, "embed"), (B, "fetch")]
    assert left.schema == QUARANTINED
    assert store.quarantined(p + 1).schema == QUARANTINED


def test_a_reason_may_hold_what_a_frame_cannot(store: StateStore, p: int) -> None:
    store.quarantine(p, [(A, Failure(b"\xff", "v", "u\udcff", "fetch", "nul \x00 \udcff"))], first_delay=MINUTE)
    (entry,) = store.quarantined().iter_rows(named=True)
    assert (entry["native_id"], entry["uri"], entry["reason"]) == (b"\xff", "u?", "nul \x00 ?")


def test_a_deleted_document_leaves_the_quarantine(store: StateStore, p: int) -> None:
    a = row("a")
    store.apply_documents(p, [a], "r")
    store.quarantine(p, [(a.document_id, failed()), (B, failed("never fetched"))], first_delay=MINUTE)
    store.delete_documents(p, [a.document_id, B], "r")
    assert store.quarantined().is_empty()


def test_a_run_that_was_killed_is_a_failed_run(store: StateStore, p: int) -> None:
    first = store.begin_ingestion(p, "r1", "delta")
    store.finish_ingestion(first, status="success", counts={"added": 3, "rate": 1.5}, seconds=2.5)
    assert store.consecutive_failures(p) == (0, None)
    store.begin_ingestion(p, "killed", "delta")
    second = store.begin_ingestion(p, "r3", "full")
    store.finish_ingestion(second, status="failed", counts={}, seconds=0.1, error="disk full")
    runs = store.ingestions(p, 10)
    assert [(run.run_id, run.status) for run in runs] == [("r3", "failed"), ("killed", "failed"), ("r1", "success")]
    assert runs[2].counts == {"added": 3, "rate": 1.5}
    assert runs[2].partition == "git/docs"
    assert "before it finished" in runs[1].error
    count, last = store.consecutive_failures(p)
    assert (count, last) == (2, runs[0].finished_at)
    third = store.begin_ingestion(p, "r4", "delta")
    store.finish_ingestion(third, status="partial", counts={}, seconds=1)
    assert store.consecutive_failures(p) == (0, None)
    assert len(store.ingestions(None, 2)) == 2


def test_a_summary_says_how_each_source_stands(store: StateStore, p: int) -> None:
    assert store.summaries().schema == SUMMARIES
    target = store.target_no("c")
    a, b = row("a", "one\n\ntwo"), row("b", "three")
    store.apply_documents(p, [a, b], "r")
    chunk_all(store, p)
    (document,) = store.desired_points([1], 1, cut_by(store))
    store.record_points(target, [(c.chunk_id, 1, b"f" * 16) for c in document.chunks], [])
    store.delete_documents(p, [b.document_id], "r")
    store.quarantine(p, [(A, failed()), (A, failed(stage="embed"))], first_delay=MINUTE)
    run = store.begin_ingestion(p, "r", "delta")
    store.finish_ingestion(run, status="success", counts={}, seconds=1)
    bad = store.begin_ingestion(p, "r", "delta")
    store.finish_ingestion(bad, status="failed", counts={}, seconds=1, error="no route")
    now = datetime.now(UTC)
    store.record_observation(p, "v9", now)
    store.partition("git/new")
    summary, new = store.summaries(target, cut_by(store)).iter_rows(named=True)
    assert (summary["name"], summary["documents"], summary["chunks"]) == ("git/docs", 1, 2)
    assert (summary["points"], summary["quarantined"], summary["revision"]) == (len(document.chunks), 1, 2)
    assert (summary["last_run_status"], summary["last_error"]) == ("failed", "no route")
    assert summary["last_success_at"] == store.ingestions(p, 2)[1].finished_at
    assert (summary["built_version"], summary["observed_version"], summary["observed_at"]) == (None, "v9", now)
    assert (new["documents"], new["points"], new["last_run_status"]) == (0, 0, None)
    assert store.summaries()["points"].to_list() == [None, None]
    assert store.sizes()["bytes"] > 0
