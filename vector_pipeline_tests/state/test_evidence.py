"""What the store testifies to about runs, changes and shared texts is the same in both databases."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from vector_pipeline.state.shared_texts import CHUNK, DOCUMENT, Place, SharedText, SharedTotals
from vector_pipeline.state.store import StateStore
from vector_pipeline_tests.state.samples import chunk_all, cut_by, row


def finished(store: StateStore, partition: int, run: str, status: str, error: str = "") -> None:
    number = store.begin_ingestion(partition, run, "auto")
    assert status in ("success", "partial", "failed")
    store.finish_ingestion(number, status=status, counts={"n": 1}, seconds=1.0, error=error)  # type: ignore[arg-type]


def test_runs_are_told_by_how_they_ended(store: StateStore) -> None:
    p, q = (store.partition(name).partition_id for name in ("git/a", "git/b"))
    assert store.run_facts() == {}
    finished(store, p, "r1", "failed", "of no matter any more")
    finished(store, p, "r2", "partial")
    good = store.run_facts()[p]
    assert (good.runs, good.failures, good.failing_since, good.running_since) == (2, 0, None, None)
    finished(store, p, "r3", "failed", "first")
    finished(store, p, "r4", "failed", "second")
    store.begin_ingestion(q, "r5", "auto")
    facts = store.run_facts()
    assert (facts[p].failures, facts[p].last_error, facts[p].good_at) == (2, "second", good.good_at)
    runs = store.recent_ingestions(p, 10)
    assert facts[p].failing_since == next(run.started_at for run in runs if run.run_id == "r3")
    assert (facts[q].good_at, facts[q].failures) == (None, 0)
    assert facts[q].running_since is not None
    assert [run.run_id for run in runs] == ["r4", "r3", "r2", "r1"]
    assert [run.run_id for run in store.recent_ingestions(None, 1)] == ["r5", "r4"]
    assert [run.run_id for run in store.ingestions_of({"r5", "r1", "none"})] == ["r1", "r5"]


def test_changes_are_counted_by_run_and_partition(store: StateStore) -> None:
    p, q = (store.partition(name).partition_id for name in ("local_files/docs", "local_files/other"))
    assert store.run_changes(None).is_empty()
    assert store.changes_known_since() is None
    store.apply_documents(p, [row("a"), row("b"), row("c")], "r1")
    store.apply_documents(q, [row("a", source="other")], "r1")
    store.apply_documents(p, [row("a", "changed"), row("b", title="B")], "r2")
    store.delete_documents(
        p, [row("b").document_id, row("c").document_id], "r2", {row("b").document_id: "in the trash"}
    )
    columns = ("partition", "run_id", "added", "changed", "metadata", "deleted", "gone")
    changes = set(store.run_changes(None).select(columns).iter_rows())
    assert changes == {
        ("local_files/docs", "r1", 3, 0, 0, 0, 0),
        ("local_files/docs", "r2", 0, 1, 1, 2, 2),
        ("local_files/other", "r1", 1, 0, 0, 0, 0),
    }
    assert store.run_changes(p)["partition"].unique().to_list() == ["local_files/docs"]
    store.apply_documents(p, [row("c")], "r3")
    assert ("local_files/docs", "r2", 0, 1, 1, 2, 1) in set(store.run_changes(p).select(columns).iter_rows())
    assert store.run_changes(None, latest=1)["run_id"].to_list() == ["r3"]
    since = store.changes_known_since(latest=1)
    assert since is not None
    assert store.run_changes(None, latest=1)["first_at"][0] >= since
    last = {row_[1]: row_[2:] for row_ in store.last_changes(p).iter_rows()}
    assert last[row("a").document_id] == (2, False, "changed", 2, 4)
    assert last[row("b").document_id] == (3, True, "deleted: in the trash", 3, 4)
    assert last[row("c").document_id] == (4, False, "added", 4, 4)
    moment = datetime.now(UTC) - timedelta(hours=1)
    assert store.returns(None, moment).select("native_id", "additions").rows() == [(b"c", 2)]
    assert store.returns(None, datetime.now(UTC) + timedelta(hours=1)).is_empty()


def test_versions_and_cursors_are_told_by_partition(store: StateStore) -> None:
    p = store.partition("git/a").partition_id
    assert (store.built_version(p), store.reached("chunks")) == ("", {})
    store.record_scan(p, version="v1", cursor={}, settings_hash=b"", census_at=None)
    store.set_cursor(p, "chunks", bytes(16), 7)
    assert (store.built_version(p), store.reached("chunks")) == ("v1", {p: 7})


def test_texts_in_several_documents_are_grouped(store: StateStore) -> None:
    p, q = (store.partition(name).partition_id for name in ("local_files/docs", "local_files/other"))
    long, passage = "words " * 50, "passage " * 50
    store.apply_documents(p, [row("a", long), row("b", long), row("c", f"{passage}\n\nof c"), row("d")], "r")
    store.apply_documents(q, [row("a", long, source="other"), row("e", f"{passage}\n\nof e", source="other")], "r")
    chunk_all(store, p)
    chunk_all(store, q)
    cut = cut_by(store)
    totals, found = store.shared_texts(DOCUMENT, 200, None, cut, 10)
    assert (totals, found) == (SharedTotals(1, 3, 600), [SharedText(found[0].text_no, 300, 3)])
    assert store.places(DOCUMENT, found[0].text_no, cut, 2) == [
        Place("local_files/docs", row(name).document_id, name.encode()) for name in "ab"
    ]
    totals, found = store.shared_texts(CHUNK, 200, None, cut, 10)
    assert (totals.groups, totals.documents) == (1, 2)
    assert [place.native_id for place in store.places(CHUNK, found[0].text_no, cut, 5)] == [b"c", b"e"]
    assert store.shared_texts(CHUNK, 200, None, cut + 1, 10)[1] == [], "of another chunking"
    assert store.shared_texts(DOCUMENT, 301, None, cut, 10)[1] == []
    assert store.shared_texts(DOCUMENT, 200, q, cut, 10)[0].groups == 1
    store.delete_documents(q, [row("a", source="other").document_id], "r")
    assert store.shared_texts(DOCUMENT, 200, q, cut, 10)[0].groups == 0
    assert store.shared_texts(DOCUMENT, 200, p, cut, 0) == (SharedTotals(1, 2, 300), [])
