"""Migrations: upgrade, rollback, status, backups, prefixes; and what a wrong schema says."""

from __future__ import annotations

import dataclasses
import os
import stat
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from vector_pipeline.settings import StateSettings
from vector_pipeline.state import migrate
from vector_pipeline.state.engine import Database
from vector_pipeline.state.errors import MigrationError, StateError
from vector_pipeline.state.location import Location
from vector_pipeline.state.schema import HEAD, tables
from vector_pipeline.state.store import StateStore
from vector_pipeline_tests.state.samples import row

ALL = ("0001", "0002", "0003", "0004", "0005")
"""The migrations, oldest first."""


def set_revision(location: Location, revision: str) -> None:
    database = Database(location)
    with database.write() as connection:
        connection.execute(sa.text(f"UPDATE {location.prefix}alembic_version SET version_num = '{revision}'"))
    database.close()


def test_status_of_an_absent_store_changes_nothing(location: Location) -> None:
    before = migrate.status(location)
    assert (before.current, before.head, before.pending) == (None, HEAD, ALL)
    assert location.path is None or not location.path.exists()


def test_up_down_and_up_again(location: Location) -> None:
    up = migrate.upgrade(location)
    assert (up.current, up.pending, up.backups) == (HEAD, (), [])
    with StateStore.open(location) as store:
        p = store.partition("docs").partition_id
        store.apply_documents(p, [row("a")], "r")
    step = migrate.rollback(location)
    assert (step.current, step.pending) == (ALL[-2], (HEAD,))
    with StateStore.open(location) as store:
        assert len(store.find_documents()) == 1, "one step back and up again loses no document"
    down = migrate.rollback(location, "base")
    assert (down.current, down.pending) == (None, ALL)
    assert len(down.backups) == (3 if location.path else 0)
    assert migrate.upgrade(location).current == HEAD
    with StateStore.open(location) as store:
        assert store.partitions() == []


def test_a_backup_is_a_whole_store(sqlite_location: Location, tmp_path: Path) -> None:
    with StateStore.open(sqlite_location) as store:
        store.apply_documents(store.partition("docs").partition_id, [row("a")], "r")
        (backup,) = migrate.rollback(sqlite_location).backups
    assert backup.name.startswith(f"state.sqlite3.backup-{HEAD}-")
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    copy = tmp_path / "restored" / "state.sqlite3"
    copy.parent.mkdir()
    copy.write_bytes(backup.read_bytes())
    with StateStore.open(Location.file(copy)) as restored:
        assert len(restored.find_documents()) == 1


def test_only_the_last_three_backups_are_kept(sqlite_location: Location) -> None:
    migrate.upgrade(sqlite_location)
    made = [migrate.record_backup(sqlite_location, HEAD) for _ in range(5)]
    assert migrate.status(sqlite_location).backups == made[:1:-1]
    assert sorted(p.name for p in sqlite_location.path.parent.glob("*.partial")) == []  # type: ignore[union-attr]


def test_a_store_newer_than_the_code_is_refused_untouched(location: Location) -> None:
    migrate.upgrade(location)
    set_revision(location, "9999")
    for action in (
        lambda: StateStore.open(location),
        lambda: migrate.status(location),
        lambda: migrate.upgrade(location),
    ):
        with pytest.raises(MigrationError, match=r"9999.*newer"):
            action()
    set_revision(location, HEAD)
    StateStore.open(location).close()


def test_without_upgrade_a_store_must_be_there(location: Location) -> None:
    with pytest.raises(MigrationError, match="no tables"):
        StateStore.open(location, upgrade=False)
    StateStore.open(location).close()
    StateStore.open(location, upgrade=False).close()


def test_going_back_from_nothing_or_to_nowhere_says_so(location: Location) -> None:
    with pytest.raises(MigrationError, match=r"no state yet|no revision"):
        migrate.rollback(location)
    migrate.upgrade(location)
    with pytest.raises(MigrationError, match="8888"):
        migrate.rollback(location, "8888")
    assert migrate.status(location).current == HEAD


def test_stores_with_different_prefixes_share_a_database(location: Location) -> None:
    one = dataclasses.replace(location, prefix=f"{location.prefix}one_")
    two = dataclasses.replace(location, prefix=f"{location.prefix}two_")
    with StateStore.open(one) as a, StateStore.open(two) as b:
        a.apply_documents(a.partition("docs").partition_id, [row("a")], "r")
        assert b.partitions() == []
        migrate.rollback(two)
        assert len(a.find_documents()) == 1


def test_the_migrations_make_exactly_the_tables_of_the_schema(location: Location) -> None:
    migrate.upgrade(location)
    database = Database(location)
    mine = f"{location.prefix}alembic_version"

    def ours(name: str | None, kind: str, parents: object) -> bool:
        return kind != "table" or (str(name).startswith(location.prefix) and name != mine)

    with database.read() as connection:
        options = {"compare_type": True, "include_name": ours, "version_table": mine}
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, tables(location.prefix).metadata) == []
    database.close()


def test_files_are_for_their_owner_only(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        location = Location.file(tmp_path / "made" / "state?#%20.sqlite3")
        with StateStore.open(location) as store:
            with store.lock("docs"):
                store.apply_documents(store.partition("docs").partition_id, [row("a")], "r")
            found = {path.name: stat.S_IMODE(path.stat().st_mode) for path in location.path.parent.rglob("*")}  # type: ignore[union-attr]
    finally:
        os.umask(old)
    assert {"state?#%20.sqlite3", "state?#%20.sqlite3-wal", "state?#%20.sqlite3-shm"} <= set(found)
    assert {name: mode for name, mode in found.items() if mode & 0o077} == {}
    assert stat.S_IMODE((tmp_path / "made").stat().st_mode) == 0o700


def test_a_secret_is_in_no_message_and_no_repr(tmp_path: Path) -> None:
    secret = "hunter2"
    location = Location(f"postgresql://u:{secret}@127.0.0.1:1/db?password={secret}", timeout_s=2)
    with pytest.raises(StateError) as caught:
        StateStore.open(location)
    assert secret not in f"{location!r} {location.safe} {caught.value} {caught.value.hint}"
    for wrong in (f"postgresql://u:{secret}@host:port/db", f"mysql://u:{secret}@host/db"):
        with pytest.raises(StateError) as refused:
            Location(wrong)
        assert secret not in str(refused.value)
        assert refused.value.__cause__ is None


def test_the_settings_name_the_place(tmp_path: Path) -> None:
    assert Location.from_settings(StateSettings(), tmp_path).path == tmp_path / "state.sqlite3"
    settings = StateSettings.model_validate({"path": tmp_path / "x.db", "table_prefix": "p_", "timeout": "5s"})
    location = Location.from_settings(settings, tmp_path)
    assert (location.path, location.prefix, location.timeout_s) == (tmp_path / "x.db", "p_", 5)
    remote = Location.from_settings(
        StateSettings.model_validate({"url": "postgresql://h/db", "pool_size": 2}), tmp_path
    )
    assert (remote.path, remote.pool_size) == (None, 2)
