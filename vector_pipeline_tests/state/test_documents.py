"""Documents: what counts as a change, what comes back as it went in, what a deletion leaves."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from vector_pipeline.documents import metadata_hash
from vector_pipeline.state.errors import ConcurrentUpdateError
from vector_pipeline.state.records import Applied, DocumentRow
from vector_pipeline.state.store import StateStore
from vector_pipeline_tests.state.samples import chunk_all, cut_by, row


def revision(store: StateStore, name: str = "docs") -> int:
    return store.partition(name).revision


def test_a_batch_is_counted_by_what_changed(store: StateStore) -> None:
    p = store.partition("docs").partition_id
    assert store.apply_documents(p, [row("a"), row("b"), row("c"), row("d")], "r1") == Applied(added=4)
    applied = store.apply_documents(
        p, [row("a", "new"), row("b", title="B"), row("c", version="2"), row("d"), row("e")], "r2"
    )
    assert applied == Applied(added=1, changed=1, metadata_only=1, unchanged=2)
    known = {r["native_id"]: r["version"] for r in store.known_documents(p).iter_rows(named=True)}
    assert known == {b"a": "1", b"b": "1", b"c": "2", b"d": "1", b"e": "1"}


def test_a_new_version_of_the_same_content_gives_later_stages_no_work(store: StateStore) -> None:
    p = store.partition("docs").partition_id
    store.apply_documents(p, [row("a"), row("b")], "r1")
    before = revision(store)
    assert store.apply_documents(p, [row("a", version="2"), row("b", version="2")], "r2") == Applied(unchanged=2)
    assert revision(store) == before
    assert list(store.documents_to_point(p, after=before, chunking=cut_by(store))) == []


def test_the_revision_grows_by_one_per_batch_that_changes_something(store: StateStore) -> None:
    p = store.partition("docs").partition_id
    assert revision(store) == 0
    store.apply_documents(p, [row(f"{n}") for n in range(50)], "r")
    assert revision(store) == 1
    store.apply_documents(p, [row(f"{n}", "x") for n in range(50)], "r")
    assert revision(store) == 2
    store.apply_documents(p, [], "r")
    assert revision(store) == 2


def test_a_deleted_document_is_gone_from_the_known_ones_and_added_when_it_returns(store: StateStore) -> None:
    p = store.partition("docs").partition_id
    a = row("a", "first\n\nsecond")
    store.apply_documents(p, [a, row("b")], "r1")
    chunk_all(store, p)
    assert store.delete_documents(p, [a.document_id, b"x" * 16], "r2") == 1
    assert store.delete_documents(p, [a.document_id], "r2") == 0
    assert store.known_documents(p)["native_id"].to_list() == [b"b"]
    gone = store.document(a.document_id, cut_by(store))
    assert gone is not None
    assert gone.deleted
    assert chunk_all(store, p) == ["file:///a"]
    assert store.apply_documents(p, [a], "r3") == Applied(added=1)
    back = store.document(a.document_id, cut_by(store))
    assert back is not None
    assert not back.deleted
    assert back.document_no == gone.document_no
    assert back.text == "first\n\nsecond"
    assert chunk_all(store, p) == ["file:///a"]


@pytest.mark.parametrize(
    "text",
    ["", "plain", "nul \x00 inside", "lone \ud800 and \udfff", "🦀 ünïcode 漢字", "sub \x1a0000 \x1a", "\ufeffBOM"],
)
def test_every_text_title_and_uri_comes_back_as_it_went_in(store: StateStore, text: str) -> None:
    p = store.partition("docs").partition_id
    when = datetime(2024, 2, 29, 12, 0, 0, 123456, tzinfo=timezone(timedelta(hours=5, minutes=30)))
    sent = row(
        "x",
        text,
        title=text,
        uri=f"u{text}",
        context=text,
        version=f"v{text}",
        kind="code",
        language="python",
        metadata={"tags": [text], text: {"n": 1.5, "none": None, "big": 2**60}},
        source_updated_at=when,
    )
    store.apply_documents(p, [sent], "r")
    got = store.document(sent.document_id)
    assert got is not None
    document = sent.document
    assert (got.text, got.title, got.uri, got.context) == (text, text, f"u{text}", text)
    assert (got.version, got.kind, got.language, got.metadata) == (f"v{text}", "code", "python", document.metadata)
    assert got.source_updated_at == when
    assert got.source_updated_at.tzinfo == UTC
    assert store.known_documents(p)["version"].to_list() == [f"v{text}".encode(errors="replace").decode()]
    (to_chunk,) = next(store.documents_to_chunk(p, after=-1, chunking=cut_by(store)))
    assert (to_chunk.text, to_chunk.uri, to_chunk.context, to_chunk.kind) == (text, f"u{text}", text, "code")


def test_any_bytes_are_a_native_id(store: StateStore) -> None:
    p = store.partition("docs").partition_id
    names = [b"\xff\xfe", b"a", b"A", b"", b"caf\xc3\xa9", b"cafe\xcc\x81", bytes(range(256))]
    sample = row("x")
    rows = [
        DocumentRow(
            bytes([n]) * 16,
            type(sample.document)(native_id=name, version="1", uri="u", title="t", text="x"),
            sample.content_hash,
            sample.metadata_hash,
        )
        for n, name in enumerate(names)
    ]
    assert store.apply_documents(p, rows, "r").added == len(names)
    assert sorted(store.known_documents(p)["native_id"]) == sorted(names)


def test_a_time_without_zone_is_refused(store: StateStore) -> None:
    p = store.partition("docs").partition_id
    with pytest.raises(ValueError, match="time zone"):
        store.apply_documents(p, [row("a", source_updated_at=datetime(2024, 1, 1))], "r")
    assert store.known_documents(p).is_empty()
    assert revision(store) == 0


def test_of_a_document_given_twice_the_last_wins(store: StateStore) -> None:
    p = store.partition("docs").partition_id
    assert store.apply_documents(p, [row("a", "old"), row("a", "new")], "r") == Applied(added=1)
    (found,) = store.find_documents(pattern="a")
    got = store.document(found.document_id)
    assert got is not None
    assert got.text == "new"


def test_touched_documents_are_looked_at_again(store: StateStore) -> None:
    p = store.partition("docs").partition_id
    a, b = row("a"), row("b")
    store.apply_documents(p, [a, b], "r")
    store.delete_documents(p, [b.document_id], "r")
    at = revision(store)
    assert store.touch_documents(p, [b.document_id, b"?" * 16]) == 1
    assert len(next(store.documents_to_point(p, after=at, chunking=cut_by(store)))) == 1
    assert store.touch_documents(p, []) == 0


def test_writing_to_a_partition_that_was_removed_is_refused(store: StateStore) -> None:
    p = store.partition("docs").partition_id
    store.drop_partition("docs")
    assert store.partition("other").partition_id != p
    with pytest.raises(ConcurrentUpdateError, match="removed"):
        store.apply_documents(p, [row("a")], "r")


def test_dropping_a_partition_leaves_the_others_alone(store: StateStore) -> None:
    model, target = store.model_no("m"), store.target_no("c")
    numbers = {}
    for name in ("one", "two"):
        numbers[name] = p = store.partition(name).partition_id
        store.apply_documents(p, [row(f"{n}", "same\n\ntexts", source=name) for n in range(30)], "r")
        chunk_all(store, p)
        store.record_scan(p, version="v", cursor={"c": 1}, settings_hash=b"s", census_at=datetime.now(UTC))
        store.begin_ingestion(p, "r", "full")
        (document,) = store.desired_points([1 if name == "one" else 31], model, cut_by(store))
        store.record_points(target, [(c.chunk_id, document.document_no, b"f" * 16) for c in document.chunks], [])
    store.drop_partition("one")
    store.drop_partition("never there")
    assert [p.name for p in store.partitions()] == ["two"]
    assert store.known_documents(numbers["one"]).is_empty()
    assert len(store.known_documents(numbers["two"])) == 30
    assert store.count_points(target) == store.count_points(target, numbers["two"]) == 2
    assert store.source_state(numbers["one"]).built_version == ""
    assert store.source_state(numbers["two"]).built_version == "v"
    assert len(store.ingestions()) == 1
    assert store.sizes()["chunks"] == 60
    assert store.sizes()["document_history"] == 30


def test_documents_are_found_by_any_part_of_their_name_in_any_case(store: StateStore) -> None:
    one, two = store.partition("git/one"), store.partition("git/two")
    store.apply_documents(one.partition_id, [row("Größe/ÄPFEL.md"), row("b.md", title="Über Äpfel")], "r")
    store.apply_documents(two.partition_id, [row("c_%.md", source="two")], "r")
    assert [d.uri for d in store.find_documents(pattern="äpfel")] == ["file:///Größe/ÄPFEL.md", "file:///b.md"]
    assert [d.partition for d in store.find_documents(pattern="_%")] == ["git/two"]
    assert [d.uri for d in store.find_documents(partition="git/two")] == ["file:///c_%.md"]
    assert len(store.find_documents(limit=2)) == 2
    assert store.find_documents(pattern="nowhere") == []
    assert store.document(b"-" * 16) is None


def test_a_metadata_change_keeps_the_text(store: StateStore) -> None:
    p = store.partition("docs").partition_id
    store.apply_documents(p, [row("a", "body")], "r")
    changed = row("a", "body", metadata={"tags": ["x"]})
    assert metadata_hash(changed.document) == changed.metadata_hash
    assert store.apply_documents(p, [changed], "r") == Applied(metadata_only=1)
    got = store.document(changed.document_id)
    assert got is not None
    assert (got.text, got.metadata) == ("body", {"tags": ["x"]})
    assert store.sizes()["texts"] == 1
