"""The embedded engine among several processes, threads and accidents."""

from __future__ import annotations

import json
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import qdrant_edge

from vector_pipeline.index.base import (
    PAYLOAD_INDEXES,
    CollectionMissing,
    CollectionSchema,
    IndexDamaged,
    IndexUnavailable,
    Query,
    VectorIndexError,
)
from vector_pipeline.index.edge import EdgeIndex
from vector_pipeline.index.edge_lock import ShardLock
from vector_pipeline_tests.index.samples import DIMENSION, SCHEMA, ids_in, make_point, point_id, terms, vector


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "index"


@pytest.fixture
def index(folder: Path) -> Iterator[EdgeIndex]:
    opened = EdgeIndex(folder, lock_timeout=60)
    opened.ensure("c", SCHEMA)
    yield opened
    opened.close()


@contextmanager
def process(folder: Path, *arguments: object) -> Iterator[subprocess.Popen[str]]:
    """Another process that works on the folder; killed at the end if it still runs."""
    command = [sys.executable, "-m", "vector_pipeline_tests.index.worker", str(folder), *map(str, arguments)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        try:
            yield child
        finally:
            child.kill()


def line(child: subprocess.Popen[str]) -> str:
    assert child.stdout is not None
    said = child.stdout.readline()
    assert said, "it has ended"
    return said.strip()


def wait_until_wanted(folder: Path, collection: str) -> None:
    """Until somebody waits for the collection."""
    lock, deadline = ShardLock(folder / "locks", collection, timeout=1), time.monotonic() + 60
    while not lock.wanted():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_two_processes_that_write_at_once_lose_nothing(index: EdgeIndex, folder: Path) -> None:
    with (
        process(folder, "write_in_session", 0, 8, 25) as first,
        process(folder, "write", 1000, 4, 25) as second,
    ):
        assert first.wait(120) == 0
        assert second.wait(120) == 0
    assert ids_in(index, "c") == set(range(200)) | set(range(1000, 1100))


def test_a_search_gets_its_turn_during_a_bulk_write(index: EdgeIndex, folder: Path) -> None:
    with process(folder, "write_in_session", 0, 10_000, 50) as writer:
        line(writer)
        for _ in range(3):
            assert index.search("c", Query(vector(1), None))
        assert writer.poll() is None


def test_an_idle_session_gives_way(index: EdgeIndex, folder: Path) -> None:
    with process(folder, "keep_idle") as idle:
        assert line(idle) == "0"
        index.upsert("c", [make_point(1)])
        assert idle.poll() is None


def test_who_waits_too_long_is_told_what_to_do(index: EdgeIndex, folder: Path) -> None:
    index.upsert("c", [make_point(1)])
    hasty = EdgeIndex(folder, lock_timeout=0.3)
    with process(folder, "hold") as holder, process(folder, "write", 5, 1, 1) as queued:
        assert line(holder) == "held"
        with pytest.raises(IndexUnavailable, match=r"in use by others for 0\.3 s.*raise index\.lock_timeout") as caught:
            hasty.count("c")
        assert str(folder) in caught.value.message
        assert holder.stdin is not None
        holder.stdin.close()
        assert queued.wait(120) == 0
    assert ids_in(hasty, "c") == {1, 5}


def test_a_shard_that_another_program_has_open_is_waited_for(index: EdgeIndex, folder: Path) -> None:
    shard = qdrant_edge.EdgeShard.load(str(folder / "collections" / "c" / "shard"))
    with pytest.raises(IndexUnavailable):
        EdgeIndex(folder, lock_timeout=0.2).count("c")
    closing = threading.Timer(0.3, shard.close)
    closing.start()
    assert index.count("c") == 0
    closing.join()


def test_a_killed_writer_loses_no_acknowledged_point(index: EdgeIndex, folder: Path) -> None:
    for round_number in range(3):
        first = round_number * 100_000
        with process(folder, "write_in_session", first, 10_000, 40) as writer:
            acknowledged = [int(line(writer)) for _ in range(4 + round_number)]
            writer.send_signal(signal.SIGKILL)
            writer.wait()
            acknowledged += [int(rest) for rest in (writer.stdout or []) if rest.strip()]
        found = ids_in(index, "c")
        assert set(range(first, acknowledged[-1] + 1)) <= found
        index.upsert("c", [make_point(90_000 + round_number)])
        assert point_id(90_000 + round_number) in {
            hit.point_id for hit in index.search("c", Query(None, terms(1), 200_000))
        }


def test_threads_share_an_index(index: EdgeIndex) -> None:
    failures: list[BaseException] = []

    def work(first: int) -> None:
        try:
            with index.session("c"):
                for start in range(first, first + 100, 20):
                    index.upsert("c", [make_point(n) for n in range(start, start + 20)])
                    assert len(index.search("c", Query(vector(start), None, limit=1))) == 1
        except BaseException as error:  # noqa: BLE001 - handed to the test's own thread
            failures.append(error)

    threads = [threading.Thread(target=work, args=(first,)) for first in (0, 1000, 2000)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert index.count("c") == 300


def test_two_indexes_of_one_process_take_turns(index: EdgeIndex, folder: Path) -> None:
    other = EdgeIndex(folder, lock_timeout=60)
    with index.session("c"), other.session("c"):
        for number in range(4):
            (index if number % 2 else other).upsert("c", [make_point(number)])
    assert ids_in(other, "c") == {0, 1, 2, 3}


def test_a_scroll_shows_one_state_however_long_others_wait(index: EdgeIndex, folder: Path) -> None:
    index.upsert("c", [make_point(n) for n in range(30)])
    frames = index.scroll("c", batch=10)
    seen = {*next(frames)["point_id"]}
    with process(folder, "write", 100, 1, 10) as writer:
        wait_until_wanted(folder, "c")
        for frame in frames:
            seen.update(frame["point_id"])
        assert writer.wait(120) == 0
    assert seen == {point_id(n) for n in range(30)}
    assert index.count("c") == 40


def test_an_alias_moves_under_a_searching_process(index: EdgeIndex, folder: Path) -> None:
    for name in ("c1", "c2"):
        index.ensure(name, SCHEMA)
        index.upsert(name, [make_point(n, generation=name) for n in range(5)])
    index.set_alias("live", "c1")
    with process(folder, "search") as searcher:
        answers = [line(searcher) for _ in range(3)]
        index.set_alias("live", "c2")
        index.drop("c1")
        while answers[-1] != "c2":
            answers.append(line(searcher))
        answers += [line(searcher) for _ in range(3)]
    before = answers.index("c2")
    assert set(answers[:before]) == {"c1"}
    assert set(answers[before:]) == {"c2"}


def test_the_folder_is_its_owners_only(index: EdgeIndex, folder: Path) -> None:
    index.set_alias("live", "c")
    for path in (folder, folder / "collections", folder / "locks"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o700
    for path in (folder / "aliases.json", *(folder / "locks").iterdir()):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_reading_an_index_that_was_never_made_leaves_no_trace(tmp_path: Path) -> None:
    index = EdgeIndex(tmp_path / "none", lock_timeout=1)
    assert index.collections() == []
    assert index.alias("live") is None
    with pytest.raises(CollectionMissing):
        index.count("c")
    assert not (tmp_path / "none").exists()


def test_a_creation_that_was_killed_is_done_again(folder: Path) -> None:
    """A killed creation leaves a draft, in whatever state; it is no collection and in nobody's way."""
    draft = folder / "collections" / ".new-c" / "shard"
    (draft / "segments").mkdir(parents=True)
    (draft / "edge_config.json").write_bytes(b"{")
    index = EdgeIndex(folder, lock_timeout=5)
    assert index.collections() == []
    assert index.ensure("c", SCHEMA)
    index.upsert("c", [make_point(1)])
    assert index.count("c") == 1
    assert sorted(path.name for path in (folder / "collections").iterdir()) == ["c"]


def test_all_filters_have_their_index(folder: Path) -> None:
    index = EdgeIndex(folder, lock_timeout=5)
    index.ensure("c", CollectionSchema(DIMENSION))
    assert index.info("c").payload_indexes == sorted(PAYLOAD_INDEXES)


def test_an_index_that_is_new_in_the_schema_is_added(index: EdgeIndex) -> None:
    more = CollectionSchema(DIMENSION, payload_indexes={**SCHEMA.payload_indexes, "author": "keyword"})
    assert not index.ensure("c", more)
    assert "author" in index.info("c").payload_indexes
    assert not index.ensure("c", SCHEMA)


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("shard/edge_config.json", b"garbage"),
        ("shard/wal/first-index", b""),
        ("schema.json", b"{"),
        ("schema.json", b"[]"),
        ("schema.json", None),
    ],
)
def test_damaged_files_are_named_with_the_way_out(
    index: EdgeIndex, folder: Path, file: str, content: bytes | None
) -> None:
    path = folder / "collections" / "c" / file
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content)
    with pytest.raises(IndexDamaged, match=r"remove the folder .*collections/c and run") as caught:
        index.upsert("c", [make_point(1)])
    assert str(folder) in str(caught.value)


def test_a_crash_inside_the_engine_is_an_error_of_ours(index: EdgeIndex, folder: Path) -> None:
    [path] = (folder / "collections" / "c" / "shard").glob("segments/*/vector_storage-dense/deleted/status.dat")
    path.write_bytes(b"")
    with pytest.raises(IndexDamaged):
        index.count("c")
    index.drop("c")
    assert index.ensure("c", SCHEMA)
    assert index.count("c") == 0


def test_a_damaged_alias_file_is_named(index: EdgeIndex, folder: Path) -> None:
    (folder / "aliases.json").write_text('{"live": ')
    with pytest.raises(IndexDamaged, match=r"remove .*aliases\.json"):
        index.search("live", Query(vector(1), None))


def test_a_file_in_the_place_of_the_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "index").write_text("")
    with pytest.raises(VectorIndexError, match=r"index.* can't be used for the index"):
        EdgeIndex(tmp_path / "index", lock_timeout=1).ensure("c", SCHEMA)


def test_statistics_tell_sparse_from_indexed_vectors(index: EdgeIndex) -> None:
    index.upsert("c", [make_point(n) for n in range(50)])
    info = index.info("c")
    assert (info.points, info.indexed_vectors) == (50, 0)
    assert info.disk_bytes > 1000


def test_optimizing_keeps_every_point(index: EdgeIndex) -> None:
    index.upsert("c", [make_point(n) for n in range(200)])
    index.delete("c", [point_id(n) for n in range(0, 200, 2)])
    assert index.optimize("c") in (True, False)
    assert ids_in(index, "c") == set(range(1, 200, 2))
    assert not index.optimize("c")


def test_the_files_say_what_the_collection_is_for(index: EdgeIndex, folder: Path) -> None:
    saved = json.loads((folder / "collections" / "c" / "schema.json").read_text())
    assert saved["dimension"] == DIMENSION
    assert saved["distance"] == "Cosine"


def test_a_search_that_waits_while_its_collection_is_replaced_finds_the_new_one(index: EdgeIndex, folder: Path) -> None:
    for number, name in enumerate(("c1", "c2")):
        index.ensure(name, SCHEMA)
        index.upsert(name, [make_point(number)])
    index.set_alias("live", "c1")
    frames = index.scroll("c1")
    next(frames)
    found: list[bytes] = []

    def search() -> None:
        found.extend(hit.point_id for hit in EdgeIndex(folder, 60).search("live", Query(None, terms(1))))

    searcher = threading.Thread(target=search)
    searcher.start()
    wait_until_wanted(folder, "c1")
    index.set_alias("live", "c2")
    (folder / "collections" / "c1").rename(folder / "collections" / ".old-c1")
    frames.close()  # type: ignore[attr-defined]
    searcher.join()
    assert found == [point_id(1)]


def test_a_long_session_lets_go_of_the_files_it_has_written(
    index: EdgeIndex, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What the engine has mapped counts as this process's memory: without letting go, a bulk load grows without bound.
    def mapped() -> int:
        return sum(str(folder) in row for row in Path("/proc/self/maps").read_text().splitlines())

    monkeypatch.setattr("vector_pipeline.index.edge_shard._RENEW_AFTER", 20)
    monkeypatch.setattr("vector_pipeline.index.edge_shard._RENEW_SHARE", 0)
    with index.session("c"):
        index.upsert("c", [make_point(number) for number in range(15)])
        assert mapped() > 0, "a session keeps the shard open"
        index.upsert("c", [make_point(number) for number in range(15, 30)])
        assert mapped() == 0
        index.upsert("c", [make_point(number) for number in range(30, 35)])
        assert mapped() > 0
    assert ids_in(index, "c") == set(range(35))
