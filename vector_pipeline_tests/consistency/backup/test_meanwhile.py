"""Backups made while syncs write: each is of one moment, and restored and synced it ends exact."""

from __future__ import annotations

import multiprocessing
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

from vector_pipeline.consistency.backup.making import make_backup
from vector_pipeline.consistency.backup.restoring import restore_backup
from vector_pipeline.consistency.backup.sqlite_copy import copy_pinned, pinned
from vector_pipeline.consistency.backup.verifying import verify
from vector_pipeline.settings_file import load_settings
from vector_pipeline.sync.pipeline import Pipeline
from vector_pipeline.sync.runner import sync_partition
from vector_pipeline_tests.cli.command import wait_until
from vector_pipeline_tests.consistency.backup.aged_project import NOTES, page
from vector_pipeline_tests.project import Project
from vector_pipeline_tests.sync.exactness import assert_consistent, assert_exact


def edit_and_sync(settings_file: Path, notes: Path) -> None:
    """What the other process does until it is told to stop, or for so many rounds."""
    loaded = load_settings(settings_file)
    for turn in range(1000):
        if (notes.parent / "stop").exists():
            return
        for number in range(turn % 7, 20, 7):
            (notes / f"{number}.md").write_text(page(number, f"edited in turn {turn}"))
        (notes / f"{turn % 20}.md").unlink(missing_ok=True)
        with Pipeline(loaded.settings, loaded.data_dir) as pipeline:
            sync_partition(pipeline, NOTES, f"turn {turn}")


def test_backups_made_while_another_process_syncs_end_exact(folder: Path) -> None:
    project = Project(folder / "project", {"index": {"batch_size": 3}, "limits": {"fetch_batch": 3}})
    notes = folder / "notes"
    project.add_folder("notes", notes)
    for number in range(20):
        (notes / f"{number}.md").write_text(page(number))
    process = multiprocessing.get_context("forkserver").Process(target=edit_and_sync, args=(project.file, notes))
    process.start()
    with project.open() as pipeline:
        wait_until(lambda: pipeline.store.sizes()["documents"] > 0)
        made = [make_backup(pipeline, folder / "backups") for _ in range(2)]
    assert process.is_alive(), "it was to be writing all the time"
    (folder / "stop").touch()
    process.join(120)
    assert process.exitcode == 0
    project.sync()
    exact = assert_exact(project)
    for backup in made:
        assert verify(backup.path, project.data) == []
        with project.open() as pipeline:
            restore_backup(pipeline, backup, force=True)
        project.sync()
        assert project.snapshot() == exact
        assert_consistent(project)


def test_a_copy_is_of_the_moment_it_was_pinned_and_does_not_wait_for_writers(folder: Path) -> None:
    """The library's own way starts again whenever somebody writes, and never ends beside a busy sync."""
    path = folder / "store.sqlite3"
    with closing(sqlite3.connect(path, isolation_level=None)) as store:
        store.execute("PRAGMA page_size=8192")
        store.execute("PRAGMA journal_mode=WAL")
        store.execute("CREATE TABLE numbers(number INTEGER, filling BLOB)")
        store.executemany("INSERT INTO numbers VALUES (?, zeroblob(7000))", [(number,) for number in range(6000)])
    written, stop = threading.Event(), threading.Event()

    def write_all_the_time() -> None:
        with closing(sqlite3.connect(path, isolation_level=None, timeout=60)) as writer:
            while not stop.is_set():
                writer.execute("UPDATE numbers SET number = number + 1 WHERE rowid % 100 = 0")
                written.set()

    with pinned(path) as connection:
        seen = connection.execute("SELECT sum(number) FROM numbers").fetchone()
        writing = threading.Thread(target=write_all_the_time)
        writing.start()
        try:
            assert written.wait(60)
            copy_pinned(connection, folder / "copy")
        finally:
            stop.set()
            writing.join()
    with closing(sqlite3.connect(folder / "copy")) as copy:
        assert copy.execute("SELECT sum(number) FROM numbers").fetchone() == seen
        assert copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)
