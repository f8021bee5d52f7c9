"""Killed at every boundary: a backup is there whole or not at all, and a restore is repeated before anything works."""

from __future__ import annotations

import pytest

from vector_pipeline.consistency.backup.making import make_backup
from vector_pipeline.consistency.backup.restoring import restore_backup
from vector_pipeline.consistency.backup.verifying import verify
from vector_pipeline.sync.restore_mark import RestoreUnfinished, read_mark
from vector_pipeline_tests.consistency.backup.aged_project import AgedProject
from vector_pipeline_tests.consistency.backup.killed_backup import KillPoint, backup_killed, restore_killed
from vector_pipeline_tests.sync.exactness import assert_consistent

BACKUP = [
    KillPoint("index", "save_copy"),
    KillPoint("sqlite_copy", "copy_pinned"),
    KillPoint("making", "compress_folder"),
    KillPoint("making", "sync_folder"),
]

RESTORE_UNTOUCHED = [
    KillPoint("restoring", "write_backup"),
    KillPoint("restoring", "write_mark", after=False),
]

RESTORE_HALF = [
    KillPoint("restoring", "write_mark"),
    KillPoint("edge_files", "copy_tree", call=2),
    KillPoint("index", "load_copy"),
    KillPoint("restoring", "put_state_back"),
    KillPoint("store", "forget_scan"),
    KillPoint("restoring", "remove_mark", after=False),
]


@pytest.mark.parametrize("point", BACKUP, ids=str)
def test_a_killed_backup_leaves_nothing_that_looks_like_one(aged: AgedProject, point: KillPoint) -> None:
    before = [one.path for one in aged.listed()]
    backup_killed(aged.project.file, aged.backups, point)
    assert [one.path for one in aged.listed()] == before
    with aged.project.open() as pipeline:
        made = make_backup(pipeline, aged.backups)
    assert {path.name for path in aged.backups.iterdir()} == {made.name, *(path.name for path in before)}
    assert not (aged.project.data / "backup-scratch").exists()
    assert verify(made.path, aged.project.data) == []
    assert aged.project.snapshot() == aged.now


@pytest.mark.parametrize("point", RESTORE_UNTOUCHED, ids=str)
def test_a_restore_killed_before_its_first_change_changes_nothing(aged: AgedProject, point: KillPoint) -> None:
    restore_killed(aged.project.file, aged.backup, point)
    assert read_mark(aged.project.data) is None
    assert aged.project.snapshot() == aged.now
    aged.project.sync()
    assert aged.project.snapshot() == aged.now
    assert_consistent(aged.project)


@pytest.mark.parametrize("point", RESTORE_HALF, ids=str)
def test_a_restore_killed_half_way_is_repeated_before_anything_works(aged: AgedProject, point: KillPoint) -> None:
    restore_killed(aged.project.file, aged.backup, point)
    with pytest.raises(RestoreUnfinished, match=f"vector-pipeline restore {aged.backup}"):
        aged.project.sync()
    kept = len(aged.listed())
    with aged.project.open() as pipeline:
        # Not forced: what was there before has been agreed upon, and backed up.
        restore_backup(pipeline, aged.chosen())
    assert len(aged.listed()) == kept == 2
    assert aged.project.snapshot() == aged.then
    aged.project.sync()
    assert aged.project.snapshot() == aged.now
    assert_consistent(aged.project)


def test_a_restore_killed_after_its_last_change_is_complete(aged: AgedProject) -> None:
    restore_killed(aged.project.file, aged.backup, KillPoint("restoring", "remove_mark"))
    assert aged.project.snapshot() == aged.then
    aged.project.sync()
    assert aged.project.snapshot() == aged.now
