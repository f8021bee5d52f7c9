"""A restored backup and a sync end exact, however old it is; nothing is lost, and nobody works on half of it."""

from __future__ import annotations

import shutil
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest

from vector_pipeline.consistency.backup.archive import compress_file, file_facts, unpack_file
from vector_pipeline.consistency.backup.errors import BackupDamaged, BackupError, RestoreRefused
from vector_pipeline.consistency.backup.making import Wishes, make_backup
from vector_pipeline.consistency.backup.manifest import MANIFEST, SUMS, Manifest
from vector_pipeline.consistency.backup.restoring import Restored, restore_backup
from vector_pipeline.consistency.backup.shelf import find_backups, newest_good
from vector_pipeline.consistency.backup.verifying import sums_text, verify
from vector_pipeline.consistency.pruning import PRUNE_LOCK
from vector_pipeline.errors import PipelineError
from vector_pipeline.index.base import CollectionSchema
from vector_pipeline.state.errors import MigrationError, StateLocked
from vector_pipeline.state.location import Location
from vector_pipeline.state.migrate import rollback, status
from vector_pipeline.state.schema import HEAD
from vector_pipeline.sync.restore_mark import RestoreMark, RestoreUnfinished, remove_mark, write_mark
from vector_pipeline_tests.consistency.backup.aged_project import NOTES, AgedProject
from vector_pipeline_tests.project import Project, counts
from vector_pipeline_tests.sync.exactness import assert_consistent, assert_exact, due


def restore(aged: AgedProject, *, force: bool = True, state_only: bool = False) -> Restored:
    with aged.project.open() as pipeline:
        return restore_backup(pipeline, aged.chosen(), force=force, state_only=state_only)


def resealed(aged: AgedProject, **changes: object) -> None:
    """Writes the old backup's manifest with other values."""
    manifest = aged.chosen().manifest
    assert manifest is not None
    changed = manifest.model_copy(update=changes)
    path = aged.backup / MANIFEST
    path.write_text(changed.model_dump_json(indent=1) + "\n")
    (aged.backup / SUMS).write_text(sums_text(file_facts(path), dict(changed.files)))


def test_an_old_backup_restored_is_what_was_then_and_after_a_sync_exact(aged: AgedProject) -> None:
    restore(aged)
    assert aged.project.snapshot() == aged.then
    found = due(aged.project, NOTES)
    assert found is not None
    assert found.reason == "never synced", "what a source's own cache has learned since is not built upon"
    aged.project.sync()
    assert assert_exact(aged.project) == aged.now


def test_nothing_is_embedded_again_that_the_backup_holds(aged: AgedProject) -> None:
    restore(aged)
    results = aged.project.sync()
    assert counts(results, "embeddings")["embedded"] <= 4
    assert counts(results, "points")["upserted"] <= 8


def test_a_restore_into_an_empty_project_elsewhere_works(aged: AgedProject) -> None:
    moved = Project(aged.folder / "moved", {**aged.project.settings, "data_dir": str(aged.folder / "elsewhere")})
    with moved.open() as pipeline:
        restored = restore_backup(pipeline, aged.chosen())
    assert restored.before is None
    assert moved.snapshot() == aged.then
    moved.sync()
    assert moved.snapshot() == aged.now
    assert_consistent(moved)
    for name in ("moved", "elsewhere"):
        shutil.rmtree(aged.folder / name)


def test_data_is_replaced_only_when_that_is_said_and_can_be_had_back(aged: AgedProject) -> None:
    before = aged.project.snapshot()
    with pytest.raises(RestoreRefused, match="--force"):
        restore(aged, force=False)
    assert aged.project.snapshot() == before
    kept = restore(aged).before
    assert kept is not None
    assert kept.is_good
    with aged.project.open() as pipeline:
        restore_backup(pipeline, kept, force=True)
    assert aged.project.snapshot() == before == aged.now


def test_the_newest_backup_is_not_the_one_a_restore_made(aged: AgedProject) -> None:
    restore(aged)
    assert len(aged.listed()) == 2
    assert newest_good(find_backups(str(aged.backups), aged.folder)).path == aged.backup


def test_the_state_alone_is_enough(aged: AgedProject) -> None:
    restore(aged, state_only=True)
    aged.project.sync()
    assert assert_exact(aged.project) == aged.now


def test_the_state_alone_fills_an_index_that_is_gone(aged: AgedProject) -> None:
    shutil.rmtree(aged.project.data / "qdrant")
    restore(aged, state_only=True)
    results = aged.project.sync()
    assert counts(results, "embeddings")["embedded"] <= 4
    assert aged.project.snapshot() == aged.now


def test_index_and_state_of_different_moments_end_exact(aged: AgedProject) -> None:
    """As where a run was writing while the backup was made: the index knows a page that state and source don't."""
    passing = aged.notes / "passing.md"
    passing.write_text("# Passing\n\nHere for a moment.\n")
    aged.project.sync()
    shutil.copytree(aged.project.data / "qdrant", aged.folder / "newer")
    passing.unlink()
    restore(aged)
    shutil.rmtree(aged.project.data / "qdrant")
    (aged.folder / "newer").rename(aged.project.data / "qdrant")
    aged.project.sync()
    assert assert_exact(aged.project) == aged.now


def test_a_damaged_state_store_is_put_aside_and_replaced(aged: AgedProject) -> None:
    (aged.project.data / "state.sqlite3").write_bytes(b"no database at all" * 1000)
    restored = restore(aged)
    assert restored.before is None
    assert restored.put_aside is not None
    assert restored.put_aside.read_bytes().startswith(b"no database")
    aged.project.sync()
    assert assert_exact(aged.project) == aged.now


def test_a_damaged_collection_is_replaced(aged: AgedProject) -> None:
    for path in (aged.project.data / "qdrant" / "collections").rglob("segment.json"):
        path.write_text("{")
    restored = restore(aged)
    assert restored.before is not None, "the state can be backed up all the same"
    assert aged.project.snapshot() == aged.then


def test_a_restore_waits_for_no_run_for_long(aged: AgedProject, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vector_pipeline.consistency.backup.restoring.WAIT_SECONDS", 0.1)
    before = aged.project.snapshot()
    with (
        aged.project.open() as running,
        running.store.lock(NOTES),
        pytest.raises(StateLocked, match="a run is under way for local_files/notes"),
    ):
        restore(aged)
    assert aged.project.snapshot() == before


def test_whoever_prunes_keeps_backups_and_restores_waiting(aged: AgedProject, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vector_pipeline.consistency.backup.restoring.WAIT_SECONDS", 0.1)
    aged.project.settings["state"] = {"timeout": "0.1s"}
    aged.project.write()
    with aged.project.open() as pruning, pruning.store.lock(PRUNE_LOCK):
        with aged.project.open() as pipeline, pytest.raises(StateLocked, match="prune"):
            make_backup(pipeline, aged.backups)
        with pytest.raises(StateLocked, match="under way for prune"):
            restore(aged)


def test_a_source_removed_since_is_purged_after_the_restore(aged: AgedProject) -> None:
    aged.project.remove(NOTES)
    aged.project.add_folder("other", aged.folder / "other")
    restore(aged)
    aged.project.sync(NOTES)
    aged.project.sync()
    assert aged.project.snapshot() == frozenset()


def test_points_of_a_source_the_restored_state_does_not_know_are_found(aged: AgedProject) -> None:
    """The index is newer than the state by a whole source, which has left the settings since."""
    other = aged.project.add_folder("other", aged.folder / "other")
    (aged.folder / "other" / "page.md").write_text("# Other\n\nOf another source.\n")
    aged.project.sync(other)
    aged.project.remove(other)
    restored = restore(aged, state_only=True)
    assert other in restored.partitions
    aged.project.sync(other)
    aged.project.sync()
    assert aged.project.snapshot() == aged.now
    assert_consistent(aged.project)
    shutil.rmtree(aged.folder / "other")


def test_whoever_opens_a_half_restored_project_is_told(aged: AgedProject) -> None:
    write_mark(aged.project.data, RestoreMark(aged.backup, state_only=False))
    with aged.project.open() as pipeline:
        for part in ("store", "index"):
            with pytest.raises(RestoreUnfinished, match=f"vector-pipeline restore {aged.backup}`"):
                getattr(pipeline, part)
    remove_mark(aged.project.data)
    aged.project.sync()


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"state": {"table_prefix": "other_"}}, "table_prefix"),
        ({"state": {"url": "postgresql://nobody@127.0.0.1:1/none", "timeout": "1s"}}, "state is of sqlite"),
    ],
)
def test_a_backup_that_does_not_fit_the_settings_is_refused(
    aged: AgedProject, settings: dict[str, object], words: str
) -> None:
    other = Project(aged.folder / "misfit", {**aged.project.settings, **settings, "data_dir": str(aged.folder / "mis")})
    with other.open() as pipeline, pytest.raises(RestoreRefused, match=words):
        restore_backup(pipeline, aged.chosen())
    for name in ("misfit", "mis"):
        shutil.rmtree(aged.folder / name)


def test_collections_of_another_engine_are_refused_with_the_way_out(aged: AgedProject) -> None:
    manifest = aged.chosen().manifest
    assert manifest is not None
    resealed(aged, index=manifest.index.model_copy(update={"engine": "qdrant"}))
    with pytest.raises(RestoreRefused, match="--state-only"):
        restore(aged)
    assert aged.project.snapshot() == aged.now


def test_a_backup_of_a_newer_schema_is_refused(aged: AgedProject) -> None:
    manifest = aged.chosen().manifest
    assert manifest is not None
    resealed(aged, state=manifest.state.model_copy(update={"revision": "9999"}))
    with pytest.raises(MigrationError, match="9999"):
        restore(aged)
    assert aged.project.snapshot() == aged.now


def test_a_backup_of_a_newer_form_is_refused(aged: AgedProject) -> None:
    resealed(aged, format=2)
    assert "has format 2" in aged.chosen().trouble
    with pytest.raises(BackupError, match="has format 2"):
        restore(aged)


def test_a_backup_of_an_older_schema_is_migrated(aged: AgedProject, folder: Path) -> None:
    manifest = aged.chosen().manifest
    assert manifest is not None
    packed = aged.backup / manifest.state.file
    unpack_file(packed, folder / "state")
    rollback(Location.file(folder / "state"), "0002")
    packed.unlink()
    compress_file(folder / "state", packed)
    files = {**manifest.files, manifest.state.file: file_facts(packed)}
    resealed(aged, state=manifest.state.model_copy(update={"revision": "0002"}), files=files)
    assert verify(aged.backup, aged.project.data) == []
    restore(aged)
    assert status(Location.file(aged.project.data / "state.sqlite3")).current == HEAD
    aged.project.sync()
    assert assert_exact(aged.project) == aged.now


def test_a_backup_is_its_owners_alone_and_holds_no_secret(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUB_KEY", "hush-hush")
    project = Project(folder / "project", {"embedding": {"api_key": "${HUB_KEY}"}})
    project.add_folder("notes", folder / "notes")
    with project.open() as pipeline:
        made = make_backup(pipeline, folder / "backups", Wishes(settings_file=project.file))
    paths = [made.path, *made.path.rglob("*")]
    assert {stat.S_IMODE(path.stat().st_mode) for path in paths} == {0o700, 0o600}
    assert (made.path / "pipeline.yaml").read_text() == project.file.read_text()
    assert not any(b"hush-hush" in path.read_bytes() for path in paths if path.is_file())


def test_a_run_too_long_to_wait_for_is_named(aged: AgedProject, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vector_pipeline.consistency.backup.making.WAIT_SECONDS", 0.1)
    with aged.project.open() as running, running.store.lock(NOTES), aged.project.open() as pipeline:
        made = make_backup(pipeline, aged.backups)
    assert made.manifest is not None
    assert made.manifest.written_meanwhile == (NOTES,)
    assert verify(made.path, aged.project.data) == []


def test_a_failed_backup_leaves_nothing(aged: AgedProject) -> None:
    before = aged.listed()
    for path in (aged.project.data / "qdrant" / "collections").rglob("segment.json"):
        path.write_text("{")
    with aged.project.open() as pipeline, pytest.raises(PipelineError):
        make_backup(pipeline, aged.backups)
    assert aged.listed() == before
    assert not list(aged.backups.glob("*.partial"))
    assert not (aged.project.data / "backup-scratch").exists()


def test_a_collection_the_state_does_not_know_is_copied_only_on_request(aged: AgedProject) -> None:
    with aged.project.open() as pipeline:
        pipeline.index.ensure("others", CollectionSchema(8))
        ours = make_backup(pipeline, aged.backups).manifest
        every = make_backup(pipeline, aged.backups, Wishes(all_collections=True)).manifest
        assert ours is not None
        assert every is not None
        assert set(every.index.collections) - set(ours.index.collections) == {"others"}


def test_the_manifest_counts_what_was_there(aged: AgedProject) -> None:
    manifest = aged.chosen().manifest
    assert isinstance(manifest, Manifest)
    assert manifest.partitions[NOTES].documents == 8
    assert manifest.partitions[NOTES].points == len(aged.then)
    assert [facts.points for facts in manifest.index.collections.values()] == [len(aged.then)]
    assert manifest.verified


def test_a_manifest_that_lies_is_found_out(aged: AgedProject) -> None:
    manifest = aged.chosen().manifest
    assert manifest is not None
    lie = manifest.partitions[NOTES].model_copy(update={"documents": 9})
    resealed(aged, partitions={NOTES: lie})
    assert any("other numbers" in trouble for trouble in verify(aged.backup, aged.project.data))


def test_a_store_damaged_within_is_not_taken_for_a_backup(aged: AgedProject) -> None:
    """Damage that a copy carries over byte by byte is found by opening it."""
    path = aged.project.data / "state.sqlite3"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        page = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'documents'").fetchone()[0]
    with open(path, "r+b") as file:
        file.seek((page - 1) * 8192)
        file.write(b"\xff" * 4096)
    with aged.project.open() as pipeline, pytest.raises((BackupDamaged, PipelineError)):
        make_backup(pipeline, aged.backups)
    assert aged.listed()[0].path == aged.backup
