"""Garbage collection: what nothing refers to goes after its time, what anything refers to never."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from vector_pipeline.documents import hash16
from vector_pipeline.state.engine import Database
from vector_pipeline.state.location import Location
from vector_pipeline.state.store import StateStore
from vector_pipeline_tests.state.samples import CONFIG, chunk_all, embed_all, point_all, row

T0 = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def database(store: StateStore) -> Iterator[Database]:
    opened = Database(store.location)
    yield opened
    opened.close()


def rows(database: Database, table: str) -> int:
    with database.read() as connection:
        found = getattr(database.tables, table)
        return int(connection.execute(sa.select(sa.func.count()).select_from(found)).scalar_one())


def dangling(database: Database) -> tuple[int, int, int]:
    """Documents and chunks whose text is gone, and vectors whose text is gone."""
    t = database.tables
    with database.read() as connection:
        return tuple(  # type: ignore[return-value]
            int(
                connection.execute(
                    sa.select(sa.func.count())
                    .select_from(table)
                    .where(~sa.exists().where(t.texts.c.text_no == table.c.text_no))
                ).scalar_one()
            )
            for table in (t.documents, t.chunks, t.embeddings)
        )


def put(store: StateStore, text: str, name: str = "a") -> int:
    """A document through all stages; its partition."""
    pid = store.partition("docs").partition_id
    store.apply_documents(pid, [row(name, text)], "r")
    carry(store, pid)
    return pid


def carry(store: StateStore, pid: int) -> None:
    model = store.model_no("model")
    chunk_all(store, pid)
    embed_all(store, pid, model)
    point_all(store, pid, store.target_no("c"), model)


def test_a_text_goes_only_when_it_was_unused_for_its_time(store: StateStore, database: Database) -> None:
    put(store, "one\n\ntwo")
    put(store, "one\n\nthree")
    assert store.unused_texts(T0).waiting == 2, "the former body and the former paragraph"
    assert store.mark_texts(T0) == 2
    assert store.mark_texts(T0 + DAY) == 0, "marked once"
    assert store.unused_texts(T0 - DAY).number == 0
    assert store.sweep_texts(T0 - DAY).number == 0
    due = store.unused_texts(T0)
    assert (due.number, due.waiting, due.oldest) == (2, 0, T0)
    gone = store.sweep_texts(T0)
    assert (gone.number, gone.size, gone.oldest) == (2, due.size, T0)
    assert due.size == len("one\n\ntwo") + len("two") + 3 * 4
    assert (rows(database, "texts"), rows(database, "embeddings"), rows(database, "gc_marks")) == (3, 2, 0)
    assert dangling(database) == (0, 0, 0)


def test_a_text_that_came_back_loses_its_mark(store: StateStore, database: Database) -> None:
    put(store, "one\n\ntwo")
    put(store, "one\n\nthree")
    store.mark_texts(T0)
    put(store, "one\n\ntwo")
    assert store.mark_texts(T0 + DAY) == 2, "the others are unused now"
    assert store.sweep_texts(T0).number == 0
    put(store, "one\n\nthree")
    assert store.sweep_texts(T0 + DAY).number == 0, "asked again when it removes, without a mark taken off in between"
    assert dangling(database) == (0, 0, 0)


def test_a_deleted_document_keeps_its_text_until_its_row_goes(store: StateStore, database: Database) -> None:
    pid = put(store, "one")
    document = row("a").document_id
    store.delete_documents(pid, [document], "r")
    carry(store, pid)
    store.mark_texts(T0)
    assert store.sweep_texts(T0).number == 0
    store.apply_documents(pid, [row("a", "one")], "r")
    carry(store, pid)
    assert dangling(database) == (0, 0, 0)
    store.delete_documents(pid, [document], "r")
    later = datetime.now(UTC) + DAY
    assert store.drop_expired_documents(later).number == 0, "its points are still there"
    carry(store, pid)
    assert store.expired_documents(later - 2 * DAY).number == 0
    assert store.expired_documents(later).number == 1
    assert store.drop_expired_documents(later).number == 1
    assert (rows(database, "documents"), rows(database, "document_history")) == (0, 0)
    store.mark_texts(T0)
    assert store.sweep_texts(T0).number == 1
    assert rows(database, "texts") == 0
    put(store, "one")
    assert dangling(database) == (0, 0, 0)


def test_a_deleted_document_stays_while_a_former_collection_has_its_points(store: StateStore) -> None:
    pid = put(store, "one")
    point_all(store, pid, store.target_no("former"), store.model_no("model"))
    store.delete_documents(pid, [row("a").document_id], "r")
    carry(store, pid)
    later = datetime.now(UTC) + DAY
    assert store.drop_expired_documents(later).number == 0
    store.drop_target("former")
    assert store.drop_expired_documents(later).number == 1


def test_vectors_of_an_unused_model_go_after_their_time(store: StateStore, database: Database) -> None:
    pid = put(store, "one\n\ntwo")
    other = store.model_no("other")
    embed_all(store, pid, other)
    assert store.unused_models(["model"], T0).waiting == 2
    store.mark_models(["model"], T0)
    assert store.unused_models(["model"], T0 - DAY).number == 0
    due = store.unused_models(["model"], T0)
    assert (due.number, due.size, due.oldest) == (2, 24, T0)
    assert store.sweep_models(["model"], T0 - DAY, []).number == 0
    store.set_cursor(pid, "embeddings@other", CONFIG, 1)
    store.set_cursor(pid, "embeddings@model", CONFIG, 1)
    gone = store.sweep_models(["model"], T0, ["embeddings@other"])
    assert (gone.number, gone.size) == (2, 24)
    assert store.cursor(pid, "embeddings@other") is None, "or going back would find nothing to embed"
    assert store.cursor(pid, "embeddings@model") is not None
    assert rows(database, "embeddings") == 2
    assert store.model_no("other") == other, "others may hold the number"


def test_whoever_asks_for_a_model_keeps_its_vectors(store: StateStore, database: Database) -> None:
    pid = put(store, "one")
    embed_all(store, pid, store.model_no("other"))
    store.mark_models(["model"], T0)
    store.model_no("other")
    assert store.sweep_models(["model"], T0, []).number == 0
    assert rows(database, "embeddings") == 2
    store.mark_models(["model"], T0)
    store.mark_models(["model", "other"], T0)
    assert store.sweep_models([], T0, []).number == 0


def test_a_vector_that_comes_after_its_text_has_gone_goes_too(store: StateStore, database: Database) -> None:
    put(store, "one")
    model = store.model_no("model")
    store.add_embeddings(model, [9_999], np.ones((1, 3), dtype=np.float32))
    store.sweep_texts(T0)
    assert (rows(database, "embeddings"), dangling(database)) == (1, (0, 0, 0))


def test_chunks_of_a_build_that_is_gone_go_with_its_cursors(store: StateStore, database: Database) -> None:
    pid = put(store, "one\n\ntwo")
    other = hash16(b"other")
    chunk_all(store, pid, config=other)
    for stage in ("chunks@a", "chunks@b", "documents"):
        store.set_cursor(pid, stage, CONFIG, 1)
    assert store.count_unused_chunks([CONFIG]) == 2
    assert store.drop_unused_chunks(pid, [CONFIG], ["chunks@b"]) == 2
    assert (store.count_unused_chunks([CONFIG]), rows(database, "chunks"), rows(database, "chunked")) == (0, 2, 1)
    assert [store.cursor(pid, stage) is not None for stage in ("chunks@a", "chunks@b", "documents")] == [1, 0, 1]


def test_the_latest_runs_of_a_source_stay_however_old(store: StateStore) -> None:
    pid = store.partition("docs").partition_id
    for status in ("success", "failed", "success", "failed", "failed"):
        number = store.begin_ingestion(pid, status, "auto")
        store.finish_ingestion(number, status=status, counts={}, seconds=0.0)
    running = store.begin_ingestion(pid, "now", "auto")
    store.apply_documents(pid, [row("a")], "r")
    later = datetime.now(UTC) + DAY
    assert store.expired_history(later - 2 * DAY).number == 0
    assert store.expired_history(later).number == 3 + 1
    assert store.drop_expired_history(later).number == 4
    kept = store.ingestions(pid)
    assert [(run.status, run.ingestion_no) for run in kept] == [
        ("running", running),
        ("failed", running - 1),
        ("success", running - 3),
    ]
    assert store.document_changes(pid, "r", 10) == []


def test_vacuum_gives_the_space_back(sqlite_location: Location) -> None:
    with StateStore.open(sqlite_location) as store:
        pid = put(store, "\n\n".join(f"paragraph {n} " + "x" * 200 for n in range(2_000)))
        put(store, "short")
        store.mark_texts(T0)
        assert store.sweep_texts(T0).number == 2_001
        free = store.free_bytes()
        assert free > 400_000
        assert store.vacuum() > 0
        assert store.free_bytes() == 0
        assert store.count_chunks(pid, store.chunking_no(CONFIG)) == 1


def test_writers_and_the_collection_of_garbage_leave_nothing_dangling(store: StateStore, database: Database) -> None:
    """Texts come, go and come back in two threads, while a third removes whatever is unused at that moment."""
    stop, swept = threading.Event(), threading.Event()

    def write(name: str) -> None:
        pid = store.partition(name).partition_id
        for number in itertools.count():
            if number >= 25 and (swept.is_set() or collector.done()):
                break
            store.apply_documents(pid, [row(name, f"same {number % 2}\n\nend", source=name)], "r")
            carry(store, pid)

    def collect() -> None:
        while not stop.is_set():
            store.mark_texts(T0)
            if store.sweep_texts(T0).number:
                swept.set()

    with ThreadPoolExecutor(3) as threads:
        collector = threads.submit(collect)
        try:
            for writer in [threads.submit(write, name) for name in ("one", "two")]:
                writer.result(240)
        finally:
            stop.set()
        collector.result(60)
    assert swept.is_set()
    assert dangling(database)[:2] == (0, 0)
    for name in ("one", "two"):
        pid = store.partition(name).partition_id
        assert (
            store.texts_to_embed(pid, after=-1, model=store.model_no("model"), chunking=store.chunking_no(CONFIG)) == []
        ), "every text of a chunk has its vector"


class _Life(RuleBasedStateMachine):
    """Documents come, change, go and return, under two ways of cutting; garbage is collected at any moment."""

    folder: Path

    def __init__(self) -> None:
        super().__init__()
        self.store = StateStore.open(Location.file(self.folder / f"{id(self)}.sqlite3", timeout_s=30))
        self.database = Database(self.store.location)
        self.pid = self.store.partition("docs").partition_id
        self.live: dict[str, str] = {}

    @rule(name=st.sampled_from("abc"), text=st.lists(st.sampled_from(["x", "y", "z"]), max_size=3).map("\n\n".join))
    def write(self, name: str, text: str) -> None:
        self.store.apply_documents(self.pid, [row(name, text)], "r")
        self.live[name] = text

    @rule(name=st.sampled_from("abc"))
    def delete(self, name: str) -> None:
        self.store.delete_documents(self.pid, [row(name).document_id], "r")
        self.live.pop(name, None)

    @rule(config=st.sampled_from([CONFIG, hash16(b"other")]))
    def cut(self, config: bytes) -> None:
        chunk_all(self.store, self.pid, config=config)
        embed_all(self.store, self.pid, self.store.model_no("model"), config=config)

    @rule()
    def point(self) -> None:
        point_all(self.store, self.pid, self.store.target_no("c"), self.store.model_no("model"))

    @rule(marked=st.integers(0, 3), swept=st.integers(0, 3))
    def collect(self, marked: int, swept: int) -> None:
        self.store.drop_expired_documents(datetime.now(UTC) + DAY)
        self.store.mark_texts(T0 + marked * DAY)
        self.store.sweep_texts(T0 + swept * DAY)

    @rule()
    def forget_a_build(self) -> None:
        self.store.drop_unused_chunks(self.pid, [CONFIG], [])

    @invariant()
    def what_is_referred_to_is_there(self) -> None:
        assert dangling(self.database) == (0, 0, 0)
        held = [self.store.document(row(name).document_id) for name in self.live]
        assert {one.uri.rsplit("/", 1)[-1]: one.text for one in held if one} == self.live

    def teardown(self) -> None:
        self.database.close()
        self.store.close()


def test_nothing_referred_to_ever_goes(tmp_path: Path) -> None:
    class Life(_Life):
        folder = tmp_path

    run_state_machine_as_test(
        Life,
        settings=settings(
            max_examples=12, stateful_step_count=15, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
