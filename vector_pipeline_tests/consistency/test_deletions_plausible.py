"""A run that deleted beyond the brake without leave is found; what the brake let pass, or a person allowed, is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from vector_pipeline.sync.errors import BrakePulled
from vector_pipeline_tests.consistency.answers import answer, change_store, failing, offences
from vector_pipeline_tests.project import Project

CHECK = "deletions_plausible"
NOTES = "local_files/notes"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A synced folder of ten notes, of which two and a fifth may go at once."""
    folder = tmp_path / "notes"
    folder.mkdir()
    made = Project(tmp_path / "project", {"limits": {"brake_documents": 2, "brake_share": 0.2}})
    made.add_folder("notes", folder)
    write(folder, range(10))
    made.sync()
    return made


def write(folder: Path, numbers: range, text: str = "Text") -> None:
    for number in numbers:
        (folder / f"{number}.md").write_text(f"# {number}\n\n{text} {number}.\n")


def delete(folder: Path, numbers: range) -> None:
    for number in numbers:
        (folder / f"{number}.md").unlink()


def pretend_that_nobody_allowed_it(project: Project) -> None:
    """As a run would stand that a fault led past the brake."""
    change_store(project, "UPDATE ingestion_history SET mode = 'auto' WHERE mode LIKE '%allowed'")


def test_a_deletion_past_the_brake_is_found_until_the_documents_are_back(project: Project, tmp_path: Path) -> None:
    delete(tmp_path / "notes", range(4))
    project.sync(allow_deletions=True)
    assert offences(project, CHECK) == []
    pretend_that_nobody_allowed_it(project)
    wrong = failing(project)
    assert list(wrong) == [CHECK]
    (why,) = wrong[CHECK]
    assert "deleted 4 of 10 documents" in why
    write(tmp_path / "notes", range(4))
    project.sync()
    assert failing(project) == {}


def test_a_person_may_allow_it_afterwards(project: Project, tmp_path: Path) -> None:
    delete(tmp_path / "notes", range(4))
    project.sync(allow_deletions=True)
    pretend_that_nobody_allowed_it(project)
    project.sync()
    assert len(offences(project, CHECK)) == 1
    project.sync(allow_deletions=True)
    assert offences(project, CHECK) == []


def test_what_the_brake_lets_pass_is_plausible(project: Project, tmp_path: Path) -> None:
    delete(tmp_path / "notes", range(2))
    project.sync()
    result = answer(project, CHECK)
    assert (result.passed, result.compared, result.numbers["deleted_lately"]) == (True, 1, 2)


def test_a_pulled_brake_is_no_deletion(project: Project, tmp_path: Path) -> None:
    delete(tmp_path / "notes", range(4))
    with pytest.raises(BrakePulled):
        project.sync()
    assert offences(project, CHECK) == []


def test_a_lower_brake_judges_no_former_run(project: Project, tmp_path: Path) -> None:
    delete(tmp_path / "notes", range(2))
    project.sync()
    project.settings["limits"] = {"brake_documents": 0, "brake_share": 0}
    project.write()
    assert offences(project, CHECK) == []


def test_moved_documents_are_not_gone(project: Project, tmp_path: Path) -> None:
    for number in range(10):
        (tmp_path / "notes" / f"{number}.md").rename(tmp_path / "notes" / f"moved-{number}.md")
    project.sync()
    result = answer(project, CHECK)
    assert (result.passed, result.numbers["deleted_lately"]) == (True, 10)


def test_a_source_that_was_removed_and_added_again_is_plausible(project: Project, tmp_path: Path) -> None:
    settings = project.settings["sources"]["local_files"]["notes"]
    project.remove(NOTES)
    with project.open() as pipeline:
        from vector_pipeline.sync.runner import run_stage
        from vector_pipeline.sync.stages import DOCUMENTS

        run_stage(pipeline, DOCUMENTS, NOTES, "the run that removes it, stopped half way")
    project.settings["sources"]["local_files"] = {"notes": settings}
    project.write()
    delete(tmp_path / "notes", range(5))
    project.sync()
    assert failing(project) == {}


def test_a_document_that_comes_and_goes_with_the_same_text_is_a_warning(project: Project, tmp_path: Path) -> None:
    folder = tmp_path / "notes"
    for round_no in range(3):
        assert offences(project, "deletions_last") == []
        delete(folder, range(1, 3))
        project.sync()
        write(folder, range(1, 2))
        write(folder, range(2, 3), f"Another text, {round_no},")
        project.sync()
    result = answer(project, "deletions_last")
    assert result.severity == "warning"
    assert result.offending["why"].to_list() == ["deleted and added again 3 times in a week with the same text"]
