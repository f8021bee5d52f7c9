"""A state store in PostgreSQL: dumped from one snapshot, put back in one transaction, its password never seen."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa

from vector_pipeline.consistency.backup.errors import BackupError
from vector_pipeline.consistency.backup.making import make_backup
from vector_pipeline.consistency.backup.postgres_copy import table_names
from vector_pipeline.consistency.backup.restoring import restore_backup
from vector_pipeline.consistency.backup.verifying import verify
from vector_pipeline_tests.consistency.backup.aged_project import page
from vector_pipeline_tests.project import Project


@pytest.fixture
def project(postgres_url: str, folder: Path) -> Project:
    """A project whose state is in PostgreSQL, beside tables of others, synced."""
    url = postgres_url.replace("tester@", "tester:s3cret-word@")
    project = Project(folder / "project", {"state": {"url": url, "table_prefix": "kept_"}})
    project.add_folder("notes", folder / "notes")
    for number in range(4):
        (folder / "notes" / f"{number}.md").write_text(page(number))
    project.sync()
    return project


def test_an_old_dump_restored_and_synced_is_exact(project: Project, folder: Path, postgres_url: str) -> None:
    notes = folder / "notes"
    then = project.snapshot()
    with project.open() as pipeline:
        made = make_backup(pipeline, folder / "backups")
    assert made.manifest is not None
    assert made.manifest.partitions["local_files/notes"].documents == 4
    assert verify(made.path, project.data) == []
    (notes / "0.md").write_text(page(0, "edited since"))
    (notes / "1.md").unlink()
    (notes / "new.md").write_text(page(9))
    project.sync()
    others = sa.create_engine(postgres_url.replace("postgresql://", "postgresql+psycopg://"))
    with others.begin() as connection:
        connection.execute(sa.text("CREATE TABLE IF NOT EXISTS of_others(number int)"))
        connection.execute(sa.text("INSERT INTO of_others VALUES (1)"))
    with project.open() as pipeline:
        restored = restore_backup(pipeline, made, force=True)
    assert restored.before is not None
    assert project.snapshot() == then
    with others.begin() as connection:
        assert connection.execute(sa.text("SELECT number FROM of_others LIMIT 1")).scalar() == 1
    others.dispose()
    # Compared with a store of its own: the tables in PostgreSQL are this project's.
    project.sync()
    fresh = Project(folder / "fresh", {**project.settings, "state": {}, "data_dir": str(folder / "fresh" / "data")})
    fresh.sync()
    assert project.snapshot() == fresh.snapshot()
    with project.open() as pipeline:
        restore_backup(pipeline, restored.before, force=True)
    assert project.snapshot() == fresh.snapshot()


def test_a_dump_without_a_table_is_found_out(project: Project, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with project.open() as pipeline, monkeypatch.context() as patch:
        patch.setattr(
            "vector_pipeline.consistency.backup.postgres_copy.table_names",
            lambda prefix: [name for name in table_names(prefix) if not name.endswith("embeddings")],
        )
        made = make_backup(pipeline, folder / "backups")
    assert any("lacks the tables kept_embeddings" in trouble for trouble in verify(made.path, project.data))


def test_a_missing_program_says_what_to_install(
    project: Project, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(folder))
    with project.open() as pipeline, pytest.raises(BackupError, match=r"pg_dump is not installed.*postgresql-client"):
        make_backup(pipeline, folder / "backups")
    assert list((folder / "backups").iterdir()) == []


def test_the_password_is_in_no_command_line_and_no_error(
    project: Project, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In place of `pg_dump`, a program that shows what everybody on the machine can see of it, and fails."""
    program = folder / "pg_dump"
    program.write_text(
        '#!/bin/sh\necho "$@" > "$0.arguments"\necho "$PGPASSWORD" > "$0.password"\necho no >&2\nexit 3\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    with project.open() as pipeline, pytest.raises(BackupError, match="pg_dump failed: no") as caught:
        make_backup(pipeline, folder / "backups")
    assert (folder / "pg_dump.password").read_text() == "s3cret-word\n"
    assert "s3cret-word" not in (folder / "pg_dump.arguments").read_text() + str(caught.value)
