"""A source with too many documents in quarantine fails; one that waits for long, or for ever, is a warning."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from vector_pipeline.documents import Failure
from vector_pipeline_tests.consistency.answers import answer, failing, offences
from vector_pipeline_tests.project import Project

BOUNDED, SETTLED = "quarantine_bounded", "quarantine_settled"
NOTES = "local_files/notes"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A folder of three notes and a file that is no PDF."""
    folder = tmp_path / "notes"
    folder.mkdir()
    for number in range(3):
        (folder / f"{number}.md").write_text(f"# {number}\n\nText {number}.\n")
    (folder / "broken.pdf").write_text("no PDF")
    made = Project(tmp_path / "project")
    made.add_folder("notes", folder)
    made.sync()
    return made


def limit(project: Project, **settings: object) -> None:
    project.settings["checks"] = settings
    project.write()


def test_a_document_in_quarantine_is_no_fault(project: Project) -> None:
    assert failing(project) == {}
    assert offences(project, SETTLED) == []


def test_more_than_the_number_and_the_share_fails(project: Project, tmp_path: Path) -> None:
    limit(project, quarantine_documents=0)
    assert failing(project) == {BOUNDED: ["1 documents in quarantine beside 3 held; 0 documents or 5 % may be"]}
    limit(project, quarantine_documents=0, quarantine_share=0.25)
    assert offences(project, BOUNDED) == [], "the share is not above its limit"
    limit(project, quarantine_documents=1, quarantine_share=0)
    assert offences(project, BOUNDED) == [], "the number is not above its limit"
    limit(project, quarantine_documents=0)
    (tmp_path / "notes" / "broken.pdf").unlink()
    project.sync()
    assert offences(project, BOUNDED) == []


def test_a_document_that_waits_for_long_is_a_warning(project: Project) -> None:
    assert offences(project, SETTLED, later=timedelta(days=6)) == []
    result = answer(project, SETTLED, later=timedelta(days=8))
    assert (result.severity, result.offending["partition"].to_list()) == ("warning", [NOTES])
    assert "8.0 days" in result.offending["why"][0]
    limit(project, quarantine_age="30d")
    assert offences(project, SETTLED, later=timedelta(days=8)) == []


def test_a_document_that_was_given_up_is_a_warning(project: Project) -> None:
    gone = Failure(b"1.md", "v", "file:///1.md", "embeddings", "the endpoint refuses the text", most_attempts=2)
    with project.open() as pipeline:
        number = pipeline.store.partition(NOTES).partition_id
        pipeline.store.quarantine(number, [(bytes(16), gone)], first_delay=timedelta(minutes=1))
        assert offences(project, SETTLED) == [], "another attempt is to come"
        pipeline.store.quarantine(number, [(bytes(16), gone)], first_delay=timedelta(minutes=1))
    assert offences(project, SETTLED) == ["embeddings: given up after 2 attempts"]
