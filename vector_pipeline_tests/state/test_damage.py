"""Files that are damaged, full, locked or out of reach: a clear message, and nothing lost."""

from __future__ import annotations

import os
import resource
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from vector_pipeline.state import migrate
from vector_pipeline.state.errors import StateCorrupt, StateError, StateFull, StateLocked, StateUnreachable
from vector_pipeline.state.location import Location
from vector_pipeline.state.schema import HEAD
from vector_pipeline.state.store import StateStore
from vector_pipeline_tests.state.samples import row


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A store with a document in it."""
    path = tmp_path / "state.sqlite3"
    with StateStore.open(Location.file(path)) as store:
        rows = [row(f"{n}", "secret text " * 500) for n in range(20)]
        store.apply_documents(store.partition("docs").partition_id, rows, "r")
    return path


def test_a_file_that_is_no_database_says_how_to_go_on(path: Path) -> None:
    path.write_bytes(b"not a database " * 1000)
    with pytest.raises(StateCorrupt, match="damaged") as caught:
        StateStore.open(Location.file(path))
    assert "builds everything again" in caught.value.hint
    assert path.read_bytes().startswith(b"not a database")


def test_a_damaged_file_names_the_newest_backup(path: Path) -> None:
    location = Location.file(path)
    migrate.record_backup(location, HEAD)
    newest = migrate.record_backup(location, HEAD)
    path.write_bytes(b"x" * 50_000)
    with pytest.raises(StateCorrupt, match=str(newest)):
        StateStore.open(location)


def use(location: Location) -> None:
    """Reads and writes most tables."""
    with StateStore.open(location) as store:
        p = store.partition("docs").partition_id
        store.known_documents(p)
        store.sizes()
        store.apply_documents(p, [row(f"{n}", f"x{n}") for n in range(500)], "r")


def test_a_truncated_file_is_noticed(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)
    with pytest.raises(StateCorrupt):
        use(Location.file(path))


def test_an_empty_file_is_a_new_store(tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite3"
    path.touch(0o644)
    with StateStore.open(Location.file(path)) as store:
        assert store.partitions() == []
    assert path.stat().st_mode & 0o077 == 0


def fill(path: str) -> None:
    """Writes under a file size limit until it is reached, then says which error came."""
    with StateStore.open(Location.file(Path(path))) as store:
        p = store.partition("docs").partition_id
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))
        try:
            for turn in range(100):
                store.apply_documents(p, [row(f"n{turn}", f"{turn}" * 30_000)], "r")
        except StateFull as error:
            print(turn, error)


def test_a_full_disk_loses_nothing_and_the_next_run_goes_on(path: Path) -> None:
    script = "import sys; from vector_pipeline_tests.state.test_damage import fill; fill(sys.argv[1])"
    answer = subprocess.run([sys.executable, "-c", script, str(path)], capture_output=True, text=True, check=True)
    stored, message = answer.stdout.split(" ", 1)
    assert "used up" in message
    assert int(stored) > 0
    with StateStore.open(Location.file(path)) as store:
        p = store.partition("docs").partition_id
        assert len(store.known_documents(p)) == 20 + int(stored)
        assert store.apply_documents(p, [row("next", "y" * 10**6)], "r").added == 1


def test_a_database_that_reached_its_size_is_full(path: Path) -> None:
    with StateStore.open(Location.file(path)) as store:
        p = store.partition("docs").partition_id
        with store._db.read() as connection:  # the pool hands the same connection out again
            pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
            connection.exec_driver_sql(f"PRAGMA max_page_count={pages + 2}")
        with pytest.raises(StateFull, match="used up") as caught:
            store.apply_documents(p, [row("big", "z" * 10**6)], "r")
        assert "zzz" not in str(caught.value)
        assert len(store.known_documents(p)) == 20


def test_a_store_locked_for_too_long_says_so(path: Path) -> None:
    with StateStore.open(Location.file(path, timeout_s=0.2)) as store:
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StateLocked, match="kept it locked"):
            store.partition("new")
        assert len(store.partitions()) == 1
        other.execute("ROLLBACK")
        other.close()
        assert store.partition("new").revision == 0


def test_a_folder_that_cannot_be_made_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(StateError, match=str(tmp_path)):
        StateStore.open(Location.file(tmp_path / "file" / "state.sqlite3"))
    (tmp_path / "folder.sqlite3").mkdir()
    with pytest.raises(StateError, match=r"folder\.sqlite3"):
        StateStore.open(Location.file(tmp_path / "folder.sqlite3"))


def test_a_server_that_is_not_there_says_so() -> None:
    with pytest.raises(StateUnreachable, match=r"127\.0\.0\.1.*check state.url"):
        StateStore.open(Location("postgresql://someone@127.0.0.1:1/none", timeout_s=2))


def test_no_document_text_is_in_an_error_or_its_causes(path: Path) -> None:
    with StateStore.open(Location.file(path)) as store:
        p = store.partition("docs").partition_id
        with store._db.write() as connection:
            connection.exec_driver_sql("DROP TABLE texts")
        with pytest.raises(StateError) as caught:
            store.apply_documents(p, [row("a", "SECRET BODY", title="SECRET TITLE")], "r")
        error: BaseException | None = caught.value
        while error is not None:
            assert "SECRET" not in str(error)
            error = error.__cause__ or error.__context__
