"""Damage is told by the hashes, and each mark makes exactly the marked work due again, on both databases."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from vector_pipeline.state.store import StateStore
from vector_pipeline_tests.state.samples import chunk_all, cut_by, embed_all, point_all, row

DIMENSION = 3
TEXTS = {"a": "one\n\ntwo", "b": "three\n\ntwo", "c": "four"}
Facts = tuple[int, int, int]


@pytest.fixture
def facts(store: StateStore) -> Facts:
    """The numbers of a partition of three documents, all of whose stages are done, of the model and of the target."""
    pid = store.partition("local_files/docs").partition_id
    model, target = store.model_no("m"), store.target_no("c")
    store.apply_documents(pid, [row(name, text) for name, text in TEXTS.items()], "run")
    work(store, (pid, model, target))
    return pid, model, target


def work(store: StateStore, facts: Facts, after: int = -1) -> tuple[list[str], int, tuple[int, int]]:
    """Does what is due: the documents cut, the texts embedded, the points written and removed."""
    pid, model, target = facts
    return (
        [uri.rpartition("/")[2] for uri in chunk_all(store, pid, after)],
        embed_all(store, pid, model, after),
        point_all(store, pid, target, model, after),
    )


def ids(*names: str) -> list[bytes]:
    return [row(name).document_id for name in names]


def revision(store: StateStore) -> int:
    return store.partition("local_files/docs").revision


def change(store: StateStore, statement: Callable[[StateStore], sa.Update | sa.Delete]) -> None:
    """Changes rows behind the store's back."""
    with store._db.write() as connection:
        assert connection.execute(statement(store)).rowcount


def test_what_is_left_of_documents_without_a_row_goes_and_nothing_else(store: StateStore, facts: Facts) -> None:
    pid, _, target = facts
    chunking = cut_by(store)
    assert (store.unowned_chunks(chunking), store.drop_unowned()) == ({}, 0)
    [gone] = store.document_numbers(pid, ids=ids("a"))
    [chunk, _] = store.document_chunks(gone, chunking)
    change(store, lambda store: sa.delete(store._t.documents).where(store._t.documents.c.document_no == gone))
    assert list(store.unowned_chunks(chunking)) == [gone]
    assert store.unknown_documents(pid, ids("a", "b")) == set(ids("a"))
    assert store.drop_unowned() == 1
    assert store.unowned_chunks(chunking) == {}
    assert store.recorded_among(target, [chunk.chunk_id]) == set()
    assert (store.count_chunks(pid, chunking), store.count_points(target)) == (3, 3)
    store.apply_documents(pid, [row("a", TEXTS["a"])], "run")
    assert work(store, facts, store.partition("local_files/docs").revision - 1) == (["a"], 0, (2, 0))


def test_a_document_whose_row_was_lost_comes_back_without_a_repair(store: StateStore, facts: Facts) -> None:
    pid, _, target = facts
    chunking = cut_by(store)
    [gone] = store.document_numbers(pid, ids=ids("a"))
    change(store, lambda store: sa.delete(store._t.documents).where(store._t.documents.c.document_no == gone))
    store.apply_documents(pid, [row("a", TEXTS["a"])], "run")
    assert work(store, facts, store.partition("local_files/docs").revision - 1)[0] == ["a"]
    [back] = store.document_numbers(pid, ids=ids("a"))
    assert len(store.document_chunks(back, chunking)) == 2
    assert store.unowned_chunks(chunking) == {}
    assert store.count_points(target) == 5


def body_of(text: str) -> Callable[[StateStore], sa.Update]:
    """Damage to a text."""

    def statement(store: StateStore) -> sa.Update:
        x = store._t.texts
        return sa.update(x).where(x.c.body == text.encode()).values(body=b"rotten")

    return statement


def test_a_sound_store_has_no_damage(store: StateStore, facts: Facts) -> None:
    pid, model, _ = facts
    assert store.damaged_documents(pid, ids("a", "b", "c")) == (set(), set())
    assert store.damaged_texts(pid, cut_by(store), ids("a", "b", "c")) == {}
    assert store.unsound_vectors(pid, cut_by(store), model, DIMENSION, ids("a", "b", "c")) == set()
    assert store.unready_documents(pid, cut_by(store), model) == set()


def test_a_damaged_text_is_found_with_the_documents_whose_chunks_hold_it(store: StateStore, facts: Facts) -> None:
    pid, _, _ = facts
    change(store, body_of("two"))
    assert list(store.damaged_texts(pid, cut_by(store), ids("a", "b", "c")).values()) == [set(ids("a", "b"))]
    assert store.damaged_documents(pid, ids("a", "b", "c")) == (set(), set())
    change(store, body_of(TEXTS["a"]))
    assert store.damaged_documents(pid, ids("a", "b", "c")) == (set(ids("a")), set())


def test_altered_facts_are_found(store: StateStore, facts: Facts) -> None:
    d = store._t.documents
    change(store, lambda _: sa.update(d).where(d.c.document_id == ids("a")[0]).values(title="Another"))
    change(store, lambda _: sa.update(d).where(d.c.document_id == ids("b")[0]).values(language="another"))
    assert store.damaged_documents(facts[0], ids("a", "b", "c")) == (set(ids("b")), set(ids("a")))


def test_a_vector_of_another_length_is_unsound_and_dropped_it_is_embedded_again(
    store: StateStore, facts: Facts
) -> None:
    pid, model, _ = facts
    e = store._t.embeddings
    change(
        store,
        lambda _: (
            sa.update(e)
            .where(e.c.text_no == sa.select(sa.func.min(e.c.text_no)).scalar_subquery())
            .values(vector=b"12")
        ),
    )
    texts = store.unsound_vectors(pid, cut_by(store), model, DIMENSION, ids("a", "b", "c"))
    assert len(texts) == 1
    store.drop_vectors(model, texts)
    assert len(store.unready_documents(pid, cut_by(store), model)) == 1
    assert work(store, facts)[1] == 1


def test_forgotten_points_are_written_again_and_no_others(store: StateStore, facts: Facts) -> None:
    pid, _, target = facts
    before, (point, *_) = revision(store), sorted(store.points_of_documents(pid, target, ids("a")))
    assert store.documents_of_points(pid, target, cut_by(store), [point]) == {point: ids("a")[0]}
    store.forget_points(pid, target, [point], ids("a"))
    assert store.recorded_among(target, [point]) == set()
    assert work(store, facts, before) == ([], 0, (1, 0))


def test_a_document_whose_cutting_is_forgotten_is_cut_again_and_a_deleted_one_loses_its_chunks(
    store: StateStore, facts: Facts
) -> None:
    pid, _, _ = facts
    before = revision(store)
    assert store.forget_chunked(pid, cut_by(store), ids("a")) == 1
    assert work(store, facts, before) == (["a"], 0, (0, 0))
    store.delete_documents(pid, ids("c"), "run")
    store.forget_chunked(pid, cut_by(store), ids("c"))
    assert work(store, facts) == ([], 0, (0, 1))


def test_a_disowned_text_is_stored_anew_when_it_comes_again(store: StateStore, facts: Facts) -> None:
    pid, _, _ = facts
    change(store, body_of("two"))
    damaged = store.damaged_texts(pid, cut_by(store), ids("a", "b"))
    store.disown_texts(damaged)
    store.disown_texts(damaged)
    store.forget_chunked(pid, cut_by(store), ids("a", "b"))
    assert work(store, facts) == (["a", "b"], 1, (0, 0))
    assert store.damaged_texts(pid, cut_by(store), ids("a", "b")) == {}


def test_a_document_to_be_read_again_is_due_and_nothing_is_cut_from_it_until_it_was_read(
    store: StateStore, facts: Facts
) -> None:
    pid, _, _ = facts
    assert store.read_again(pid, ids("a", "b"), ids("a"), reason="damaged") == 2
    assert store.read_again(pid, ids("a"), ids("a"), reason="damaged") == 1
    assert set(store.due_for_retry(pid, datetime.now(UTC))["document_id"].to_list()) == set(ids("a", "b"))
    known = dict(store.known_documents(pid).select("document_id", "version").iter_rows())
    assert [known[one] for one in ids("a", "b", "c")] == ["", "", "1"]
    assert work(store, facts) == ([], 0, (0, 0))
    applied = store.apply_documents(pid, [row(name, TEXTS[name]) for name in ("a", "b", "c")], "run")
    assert (applied.changed, applied.metadata_only, applied.unchanged) == (1, 1, 1)
    assert work(store, facts) == (["a"], 0, (0, 0))


def test_progress_that_is_forgotten_makes_everything_due(store: StateStore, facts: Facts) -> None:
    pid, _, _ = facts
    store.record_scan(pid, version="v", cursor={"at": 1}, settings_hash=b"s", census_at=datetime.now(UTC))
    store.set_cursor(pid, "points", b"config", 3)
    store.forget_progress(pid)
    assert store.source_state(pid).built_version == ""
    assert store.cursor(pid, "points") is None


def test_documents_are_listed_in_batches_deleted_ones_too(store: StateStore, facts: Facts) -> None:
    store.delete_documents(facts[0], ids("b"), "run")
    batches = list(store.all_document_ids(facts[0], batch=2))
    assert [len(batch) for batch in batches] == [2, 1]
    assert {one for batch in batches for one in batch} == set(ids("a", "b", "c"))
