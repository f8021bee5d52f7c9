"""Several processes at one store: nothing torn, lost or deadlocked; a killed one leaves it whole."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from vector_pipeline.state.errors import StateError, StateLocked
from vector_pipeline.state.location import Location
from vector_pipeline.state.store import StateStore
from vector_pipeline_tests.state.samples import chunk_all, cut, cut_by, embed_all, point_all, row

SPAWN = multiprocessing.get_context("spawn")
WRITERS, ROUNDS, DOCUMENTS = 3, 4, 25


def document_text(number: int, turn: int, writer: int = 0) -> str:
    # Most paragraphs are shared by all writers, in different orders: they meet at the same new texts.
    shared = [f"shared {turn} {(number * 20 + n) % 400}" for n in range(20)]
    return "\n\n".join([f"{number} {turn}", *(shared if writer % 2 else shared[::-1])])


def write_documents(location: Location, writer: int) -> None:
    """One writer: its own partition and a common one."""
    with StateStore.open(location) as store:
        own, common = store.partition(f"own{writer}").partition_id, store.partition("common").partition_id
        model, target = store.model_no("m"), store.target_no("c")
        for turn in range(ROUNDS):
            rows = [row(f"{n}", document_text(n, turn, writer), source=f"own{writer}") for n in range(DOCUMENTS)]
            store.apply_documents(own, rows, f"{turn}")
            store.apply_documents(common, [row(f"{writer}-{turn}-{n}", source="common") for n in range(5)], "r")
            chunk_all(store, own)
            embed_all(store, own, model)
            point_all(store, own, target, model)


def hold_lock(location: Location, ready: Any) -> None:
    """Takes the lock and keeps it until killed."""
    with StateStore.open(location) as store, store.lock("docs"):
        ready.set()
        signal.pause()


def open_store(location: Location) -> None:
    """Opens a store that nobody made yet."""
    with StateStore.open(location) as store:
        store.partition("docs")


def write_for_ever(location: Location, ready: Any) -> None:
    """Writes whole rounds of 40 documents until killed."""
    with StateStore.open(location) as store:
        p = store.partition("docs").partition_id
        chunking = store.chunking_no(b"c")
        turn = 0
        while True:
            store.apply_documents(p, [row(f"{n}", document_text(n, turn)) for n in range(40)], f"{turn}")
            for batch in store.documents_to_chunk(p, after=-1, chunking=chunking):
                store.replace_chunks(p, chunking, [cut(document) for document in batch])
            turn += 1
            if turn == 2:
                ready.set()


def in_processes(target: Callable[..., None], arguments: list[tuple[Any, ...]]) -> list[int | None]:
    processes = [SPAWN.Process(target=target, args=each) for each in arguments]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
    return [process.exitcode for process in processes]


def test_processes_that_open_a_fresh_store_together_make_it_once(location: Location) -> None:
    assert in_processes(open_store, [(location,)] * 4) == [0] * 4
    with StateStore.open(location, upgrade=False) as store:
        assert len(store.partitions()) == 1


def test_writers_at_the_same_time_lose_and_tear_nothing(location: Location) -> None:
    assert in_processes(write_documents, [(location, writer) for writer in range(WRITERS)]) == [0] * WRITERS
    with StateStore.open(location) as store:
        target, model = store.target_no("c"), store.model_no("m")
        assert store.partition("common").revision == WRITERS * ROUNDS
        assert len(store.known_documents(store.partition("common").partition_id)) == WRITERS * ROUNDS * 5
        for writer in range(WRITERS):
            partition = store.partition(f"own{writer}")
            assert partition.revision == ROUNDS
            assert len(store.known_documents(partition.partition_id)) == DOCUMENTS
            derived = {i for f in store.derived_points(cut_by(store), partition.partition_id) for i in f["point_id"]}
            applied = {i for f in store.expected_points(target, partition.partition_id) for i in f["point_id"]}
            assert derived == applied
            assert len(derived) == DOCUMENTS * 21
            assert store.texts_to_embed(partition.partition_id, after=-1, model=model, chunking=cut_by(store)) == []


def test_a_lock_excludes_other_processes_and_is_gone_when_its_holder_is_killed(location: Location) -> None:
    with StateStore.open(location) as store:
        ready = SPAWN.Event()
        holder = SPAWN.Process(target=hold_lock, args=(location, ready))
        holder.start()
        assert ready.wait(60)
        began = time.monotonic()
        with pytest.raises(StateLocked, match="docs is locked"), store.lock("docs", 0.3):
            pass
        assert 0.2 < time.monotonic() - began < 30
        with pytest.raises(StateLocked), store.lock("docs", 0):
            pass
        with store.lock("other", 0):
            pass
        assert holder.pid is not None
        os.kill(holder.pid, signal.SIGKILL)
        with store.lock("docs", 60):
            pass
        holder.join(60)


def test_a_lock_excludes_threads_and_is_free_after_an_error(location: Location) -> None:
    with StateStore.open(location) as store:
        refused: list[Exception] = []

        def try_it() -> None:
            try:
                with store.lock("docs", 0):
                    pass
            except StateLocked as error:
                refused.append(error)

        def fail_inside() -> None:
            with store.lock("docs"):
                thread = threading.Thread(target=try_it)
                thread.start()
                thread.join()
                raise RuntimeError("inside")

        with pytest.raises(RuntimeError, match="inside"):
            fail_inside()
        assert len(refused) == 1
        with store.lock("docs", 0):
            pass


def test_a_writer_that_is_killed_leaves_whole_rounds_only(location: Location) -> None:
    for _ in range(2):
        ready = SPAWN.Event()
        writer = SPAWN.Process(target=write_for_ever, args=(location, ready))
        writer.start()
        assert ready.wait(60)
        assert writer.pid is not None
        os.kill(writer.pid, signal.SIGKILL)
        writer.join(60)
        with StateStore.open(location) as store:
            p = store.partition("docs").partition_id
            texts = [store.document(i) for i in store.known_documents(p)["document_id"]]
            assert len({d.text.split("\n\n")[0].split()[1] for d in texts if d is not None}) == 1
            assert {d.chunk_count == len(d.chunks) for d in texts if d is not None} == {True}
            assert {d.revision for d in texts if d is not None} == {store.partition("docs").revision}
            list(store.documents_to_chunk(p, after=-1, chunking=store.chunking_no(b"c")))
            store.drop_partition("docs")
    if location.path is not None:
        connection = sqlite3.connect(location.path)
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        connection.close()


def test_a_reader_is_not_held_up_by_a_writer(location: Location) -> None:
    with StateStore.open(location) as store:
        p = store.partition("docs").partition_id
        with store._db.write() as connection:  # a transaction in the middle of its work
            connection.execute(store._t.partitions.update().values(revision=7))
            script = (
                "import sys; from vector_pipeline_tests.state.test_processes import summary; summary(*sys.argv[1:])"
            )
            command = [sys.executable, "-c", script, location.url, location.prefix]
            answer = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
        assert answer.stdout.split() == [str(p), "0"]


def summary(url: str, prefix: str) -> None:
    """Prints number and revision of the first partition."""
    with StateStore.open(Location(url, prefix, timeout_s=30)) as store:
        (first,) = store.summaries().iter_rows(named=True)
        print(first["partition_id"], first["revision"])


def test_writers_that_bring_the_same_texts_in_opposite_order_do_not_deadlock(location: Location) -> None:
    with StateStore.open(location) as store:
        partitions = [store.partition(name).partition_id for name in ("one", "two")]
        together = threading.Barrier(2)
        errors: list[Exception] = []

        def write(direction: int) -> None:
            for turn in range(3):
                rows = [row(f"{n}", f"{turn} {n}", source=f"{direction}") for n in range(800)]
                together.wait(60)
                try:
                    store.apply_documents(partitions[direction], rows[:: 1 if direction else -1], "r")
                except StateError as error:
                    errors.append(error)

        threads = [threading.Thread(target=write, args=(direction,)) for direction in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(120)
        assert errors == []
        assert store.sizes()["texts"] == 2_400
