"""The record of what was applied is not believed where it may be wrong: the index itself is asked, and mended."""

from __future__ import annotations

from pathlib import Path

import pytest

from vector_pipeline.consistency.checks import check_points_match_state
from vector_pipeline.consistency.repairs import record_offenders
from vector_pipeline_tests.project import Project
from vector_pipeline_tests.sync.exactness import assert_consistent, assert_exact, due, settle
from vector_pipeline_tests.sync.killed_sync import KillPoint, sync_killed


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    folder = tmp_path / "notes"
    folder.mkdir()
    for number in range(5):
        (folder / f"{number}.md").write_text(f"# Note {number}\n\nword{number} text\n")
    return folder


@pytest.fixture
def project(tmp_path: Path, notes: Path) -> Project:
    made = Project(tmp_path / "p")
    made.add_folder("notes", notes)
    return made


def lose_points(project: Project, number: int) -> None:
    """Points vanish from the collection behind our back."""
    with project.open() as pipeline:
        ids = [row for frame in pipeline.index.scroll(pipeline.collection) for row in frame["point_id"].to_list()]
        pipeline.index.delete(pipeline.collection, ids[:number])


def test_an_index_left_and_returned_to_is_brought_up_to_date(project: Project, notes: Path) -> None:
    project.sync()
    project.settings["index"] = {"path": str(project.folder / "elsewhere")}
    project.write()
    (notes / "0.md").unlink()
    (notes / "1.md").write_text("# Note 1\n\nrewritten entirely\n")
    project.sync()
    assert_exact(project)
    del project.settings["index"]
    project.write()
    assert due(project, "local_files/notes") is not None, "what the first index lacks is work to do"
    project.sync()
    assert_exact(project)
    assert project.paths() == {f"{number}.md" for number in range(1, 5)}


def test_a_full_sync_killed_while_it_repairs_is_finished_by_the_next_one(project: Project) -> None:
    project.sync()
    lose_points(project, 2)
    sync_killed(project, "local_files/notes", KillPoint("index", "upsert", after=False), full=True)
    assert due(project, "local_files/notes") is not None
    project.sync()
    assert_exact(project)


def test_an_interrupted_sync_is_followed_by_a_look_at_all_of_the_source(project: Project, notes: Path) -> None:
    project.sync()
    lose_points(project, 2)
    (notes / "new.md").write_text("# New\n")
    sync_killed(project, "local_files/notes", KillPoint("index", "upsert", after=False))
    project.sync()
    assert_exact(project)


def test_what_a_check_found_is_mended_by_the_next_sync(project: Project) -> None:
    settle(project, "local_files/notes")
    lose_points(project, 2)
    assert due(project, "local_files/notes") is None, "nothing has changed at the source"
    with project.open() as pipeline:
        result = check_points_match_state(pipeline)
        assert not result.passed
        assert record_offenders(pipeline, result) == ["local_files/notes"]
    assert due(project, "local_files/notes") is not None
    project.sync()
    assert_exact(project)
    assert due(project, "local_files/notes") is None, "mended once, it is believed again"


def test_points_of_a_source_that_nobody_knows_any_more_are_removed_after_a_check(project: Project, notes: Path) -> None:
    other = project.folder / "other"
    other.mkdir()
    (other / "b.md").write_text("# Beta\n\nconfidential text\n")
    project.add_folder("other", other)
    project.sync()
    project.remove("local_files/other")
    for file in project.data.glob("state.sqlite3*"):
        if file.is_file():
            file.unlink()
    project.sync()
    with project.open() as pipeline:
        result = check_points_match_state(pipeline)
        assert result.by_partition == {"local_files/other": {"orphaned": 1}}
        assert record_offenders(pipeline, result) == ["local_files/other"]
    project.sync("local_files/other")
    assert_consistent(project)
    assert project.paths() == {f"{number}.md" for number in range(5)}


def test_another_document_prefix_cuts_again_within_the_cap(project: Project, notes: Path) -> None:
    (notes / "long.md").write_text("# Long\n\n" + "several plain words in a row. " * 200)
    project.settings["chunking"] = {"max_tokens": 64, "target_chars": 2000}
    project.write()
    project.sync()
    project.settings["embedding"] = {"document_prefix": "passage of the company handbook for search: "}
    project.write()
    project.sync()
    assert_exact(project)
    with project.open() as pipeline:
        found = pipeline.store.find_documents(partition=None, pattern="long", limit=1)[0]
        chunks = pipeline.store.document_chunks(found.document_no, pipeline.chunking)
        assert max(pipeline.embedder.count_tokens([chunk.text for chunk in chunks])) <= 64
