"""What a run is doing can be read from another process while it runs, and is gone afterwards."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from vector_pipeline.sync import activity
from vector_pipeline.sync.activity import recorded_activity
from vector_pipeline.sync.progress import Progress, listening, report
from vector_pipeline_tests.cli.command import wait_until
from vector_pipeline_tests.project import Project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A folder that is never read."""
    project = Project(tmp_path)
    project.add_folder("notes", tmp_path / "notes")
    return project


def test_what_a_stage_reports_is_in_the_store_until_it_ends(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(activity, "EVERY_SECONDS", 0.01)
    heard: list[Progress] = []
    name = "local_files/notes"
    with project.open() as pipeline, project.open() as elsewhere:
        with listening(heard.append), recorded_activity(pipeline, name, "documents", "run-1"):
            wait_until(lambda: bool(elsewhere.store.activities()))
            report(name, "documents", "documents", 7, 20)
            wait_until(lambda: elsewhere.store.activities()[0].done == 7)
            (row,) = elsewhere.store.activities()
        assert (row.partition, row.run_id, row.stage, row.total, row.pid) == (
            name,
            "run-1",
            "documents",
            20,
            os.getpid(),
        )
        assert row.memory > 1_000_000
        assert elsewhere.store.activities() == []
    assert [one.done for one in heard] == [7], "whoever listens already still hears"


def test_a_stage_that_fails_leaves_nothing_behind(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(activity, "EVERY_SECONDS", 0.01)
    with project.open() as pipeline:

        def interrupted() -> None:
            with recorded_activity(pipeline, "local_files/notes", "points", "run-1"):
                wait_until(lambda: bool(pipeline.store.activities()))
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            interrupted()
        assert pipeline.store.activities() == []


def test_a_store_that_can_not_be_written_does_not_fail_the_run(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(activity, "EVERY_SECONDS", 0.01)
    with project.open() as pipeline:
        with recorded_activity(pipeline, "local_files/notes", "points", "run-1"):
            wait_until(lambda: bool(pipeline.store.activities()))
            with pipeline.store._db.write() as connection:
                connection.exec_driver_sql("DROP TABLE progress")
        assert pipeline.store.partitions()


def test_a_quick_stage_writes_nothing(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(activity, "EVERY_SECONDS", 60.0)  # however slow the machine, the stage is quicker
    with project.open() as pipeline:
        before = pipeline.store._db.location.path
        assert before is not None
        wal = before.with_name(f"{before.name}-wal")
        pipeline.store.partition("local_files/notes")
        size = wal.stat().st_size
        with recorded_activity(pipeline, "local_files/notes", "points", "run-1"):
            report("local_files/notes", "points", "points", 1)
        assert wal.stat().st_size == size
