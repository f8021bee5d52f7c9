"""What runs say of themselves is borne out by documents and their history, or the difference is told."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from vector_pipeline.errors import PipelineError
from vector_pipeline.sync.runner import run_stage
from vector_pipeline.sync.stages import DOCUMENTS
from vector_pipeline_tests.consistency.answers import answer, change_store, failing, offences, undone
from vector_pipeline_tests.project import Project

CHECK = "history_consistent"
NOTES, OTHER = "local_files/notes", "local_files/other"
DAY = timedelta(days=1)

OF_NOTES = "partition_id = (SELECT partition_id FROM partitions WHERE name = 'local_files/notes')"
ONE_NOTE = f"document_no = (SELECT min(document_no) FROM documents WHERE {OF_NOTES})"
LAST_RUN = f"ingestion_no = (SELECT max(ingestion_no) FROM ingestion_history WHERE {OF_NOTES})"
LONG_AGO = int((datetime.now(UTC) - 3 * DAY).timestamp() * 1_000_000)


@pytest.fixture(scope="module")
def synced(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Two folders of three notes, synced, changed and synced again. Only its state store may be changed."""
    return made_in(tmp_path_factory.mktemp("synced"))


@pytest.fixture
def damaged(synced: Project) -> Iterator[Project]:
    """The same, put right at the end."""
    with undone(synced):
        yield synced


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """The same, to be synced."""
    return made_in(tmp_path)


def made_in(folder: Path) -> Project:
    made = Project(folder / "project")
    for name in ("notes", "other"):
        place = folder / name
        place.mkdir()
        for number in range(3):
            (place / f"{number}.md").write_text(f"# {number}\n\nText {number} of {name}.\n")
        made.add_folder(name, place)
    made.sync()
    (folder / "notes" / "1.md").write_text("# 1\n\nA changed text.\n")
    (folder / "notes" / "2.md").unlink()
    made.sync(NOTES)
    return made


@pytest.mark.parametrize(
    ("damage", "found"),
    [
        (f"UPDATE ingestion_history SET status = 'fine' WHERE {LAST_RUN}", "an unknown status, fine"),
        (f"UPDATE ingestion_history SET finished_at = NULL WHERE {LAST_RUN}", "nobody knows when"),
        (f"UPDATE ingestion_history SET finished_at = {LONG_AGO} WHERE {LAST_RUN}", "ended before it began"),
        (f"UPDATE ingestion_history SET started_at = started_at * 2 WHERE {LAST_RUN}", "lies in the future"),
        (
            f"UPDATE ingestion_history SET status = 'running', started_at = {LONG_AGO} WHERE {LAST_RUN}",
            "stands as running, and no run is at work",
        ),
        (
            f"UPDATE ingestion_history SET counts = json_set(counts, '$.\"documents: added\"', 7) WHERE {LAST_RUN}",
            "says that it added 7, changed 1 and deleted 1 documents; their history has 0, 1 and 1",
        ),
        (f"DELETE FROM ingestion_history WHERE {LAST_RUN}", "changed documents, and the history of runs"),
        (f"UPDATE documents SET revision = 99 WHERE {ONE_NOTE}", "is newer than its source"),
        (f"UPDATE documents SET revision = 0 WHERE {ONE_NOTE}", "is older than the last of its changes"),
    ],
    ids=lambda value: "" if "WHERE" in value else value,
)
def test_a_history_that_does_not_fit_is_found(damaged: Project, damage: str, found: str) -> None:
    change_store(damaged, damage)
    result = answer(damaged, CHECK)
    assert result.offending["partition"].unique().to_list() == [NOTES]
    assert any(found in why for why in result.offending["why"])


def test_a_run_that_stands_as_running_is_closed_by_the_next(project: Project) -> None:
    change_store(project, f"UPDATE ingestion_history SET status = 'running', started_at = {LONG_AGO} WHERE {LAST_RUN}")
    project.settings["state"] = {"timeout": "1s"}
    project.write()
    with project.open() as pipeline, pipeline.store.lock(NOTES):
        result = answer(project, CHECK)
        assert (result.passed, result.unconfirmed) == (True, (NOTES,)), "a run may be at work"
    del project.settings["state"]
    project.write()
    assert len(offences(project, CHECK)) == 1
    project.sync(NOTES)
    assert offences(project, CHECK) == []


@pytest.mark.parametrize(
    ("damage", "found"),
    [
        (f"DELETE FROM documents WHERE {ONE_NOTE}", "left 2 documents, 1 are there"),
        (f"UPDATE documents SET deleted = 1 WHERE {ONE_NOTE}", "is deleted, and its history does not know it"),
        ("UPDATE documents SET deleted = 0 WHERE deleted = 1", "is there, and its history says it was deleted"),
    ],
    ids=("lost", "deleted", "undeleted"),
)
def test_a_document_that_came_or_went_behind_our_back_is_found_and_mended(
    project: Project, damage: str, found: str
) -> None:
    if damage.startswith("DELETE"):
        for table in ("chunks", "chunked"):
            change_store(project, f"DELETE FROM {table} WHERE {ONE_NOTE}")
    change_store(project, damage)
    assert any(found in why for why in offences(project, CHECK))
    project.sync(NOTES, full=True)
    assert failing(project) == {}


def live(project: Project) -> set[str]:
    """The addresses of the documents that are held."""
    with project.open() as pipeline:
        return {document.uri for document in pipeline.store.find_documents(limit=100)}


def test_a_document_that_left_the_store_behind_our_back_and_its_source_too_is_settled(project: Project) -> None:
    before = live(project)
    change_store(project, f"UPDATE documents SET deleted = 1 WHERE {ONE_NOTE}")
    (gone,) = before - live(project)
    Path(gone.removeprefix("file://")).unlink()
    project.sync(NOTES)
    assert any("its history does not know it" in why for why in offences(project, CHECK))
    project.sync(NOTES, full=True)
    assert failing(project) == {}


def test_a_history_of_runs_that_was_lost_is_found(damaged: Project) -> None:
    change_store(damaged, f"DELETE FROM ingestion_history WHERE {OF_NOTES}")
    assert any("was built, and the history knows no run" in why for why in offences(damaged, CHECK))


def test_a_history_of_documents_that_was_lost_is_found(damaged: Project) -> None:
    change_store(damaged, "DELETE FROM document_history")
    assert {"added 3" in why or "changed 1" in why for why in offences(damaged, CHECK)} == {True}


def test_old_histories_may_be_cut(damaged: Project) -> None:
    """Retention takes the oldest rows of either history, not necessarily of both at once."""
    for table, column in (("document_history", "changed_at"), ("ingestion_history", "started_at")):
        change_store(damaged, f"UPDATE {table} SET {column} = {column} - {int(30 * DAY.total_seconds() * 1e6)}")
    assert offences(damaged, CHECK) == []
    change_store(damaged, "DELETE FROM document_history WHERE history_no < 4")
    change_store(damaged, "DELETE FROM ingestion_history WHERE ingestion_no = 1")
    assert offences(damaged, CHECK) == []


def test_a_run_older_than_what_is_kept_is_not_judged(damaged: Project) -> None:
    for table, column, days in (("document_history", "changed_at", 6), ("ingestion_history", "started_at", 30)):
        change_store(damaged, f"UPDATE {table} SET {column} = {column} - {int(days * DAY.total_seconds() * 1e6)}")
    change_store(damaged, "DELETE FROM document_history WHERE history_no < 3")
    assert offences(damaged, CHECK) == []


def test_runs_that_fail_stop_or_do_a_part_are_no_fault(project: Project, tmp_path: Path) -> None:
    (tmp_path / "notes" / "0.md").write_text("# 0\n\nNew.\n")
    with project.open() as pipeline:
        run_stage(pipeline, DOCUMENTS, NOTES, "of one stage only")
        pipeline.store.touch_documents(pipeline.store.partition(NOTES).partition_id, [bytes(16)])
        pipeline.store.begin_ingestion(pipeline.store.partition(OTHER).partition_id, "killed", "auto")
    assert offences(project, CHECK) == []
    (tmp_path / "notes").rename(tmp_path / "away")
    with pytest.raises(PipelineError):
        project.sync(NOTES)
    assert offences(project, CHECK) == []


def test_a_reset_and_a_removed_source_are_no_fault(project: Project) -> None:
    with project.open() as pipeline:
        pipeline.store.forget_scan(pipeline.store.partition(OTHER).partition_id)
    assert offences(project, CHECK) == []
    project.remove(NOTES)
    assert offences(project, CHECK) == []
    with project.open() as pipeline:
        pipeline.store.drop_partition(NOTES)
    assert offences(project, CHECK) == []


def test_a_project_that_was_never_synced_passes(tmp_path: Path) -> None:
    fresh = Project(tmp_path / "fresh")
    fresh.add_folder("notes", tmp_path / "notes")
    result = answer(fresh, CHECK)
    assert (result.passed, result.compared) == (True, 0)
