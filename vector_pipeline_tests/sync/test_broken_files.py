"""A folder of broken files among good ones: the good ones come in, each bad one is set aside with its own reason."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from vector_pipeline_tests.cli.command import Answer, Command
from vector_pipeline_tests.conversion.broken_files import BROKEN
from vector_pipeline_tests.project import Project
from vector_pipeline_tests.sync.exactness import assert_consistent, quarantined, scratch_folder, settle
from vector_pipeline_tests.sync.test_files_of_every_kind import FILES, write

PARTITION = "local_files/files"
BAD = {name: file for name, file in BROKEN.items() if file.reason}
ODD = {name: file for name, file in BROKEN.items() if not file.reason}


@pytest.fixture(scope="module")
def project() -> Iterator[Project]:
    """All files in one folder, synced by the command line."""
    with scratch_folder() as folder:
        write(folder / "files")
        for name, file in BROKEN.items():
            (folder / "files" / f"broken {name}").write_bytes(file.make())
        project = Project(folder / "project")
        project.add_folder("files", folder / "files")
        yield project


@pytest.fixture(scope="module")
def first(project: Project) -> Answer:
    """What the first sync printed."""
    return Command(project).inside("sync")


def test_the_good_ones_are_indexed_and_the_bad_ones_have_a_reason_each(project: Project, first: Answer) -> None:
    assert len(BAD) >= 25
    reasons = {name.removeprefix("broken "): why for name, why in quarantined(project).items()}
    assert set(reasons) == set(BAD)
    for name, file in BAD.items():
        assert reasons[name].startswith(file.reason), name
        assert "Traceback" not in reasons[name]
        assert ";" in reasons[name], f"{name}: what can a person do?"
    assert len(set(reasons.values())) >= 25
    held = project.paths()
    assert held >= set(FILES)
    assert held <= set(FILES) | {f"broken {name}" for name in ODD}
    for name, file in ODD.items():
        if file.words:
            assert f"broken {name}" in held, name
    for name, good in FILES.items():
        assert project.search(good.question)[0]["path"] == name
    assert_consistent(project)


def test_a_person_is_told_how_many_and_where_to_look(project: Project, first: Answer) -> None:
    assert first.code == 1, "a sync that could not do all its work does not look well"
    assert f"{PARTITION}: {len(BAD)} documents could not be brought in" in first.err
    assert "vector-pipeline quarantine list" in first.err
    rows = Command(project).inside("quarantine", "list", "--json").json()["quarantined"]
    assert len(rows) == len(BAD)
    assert all(row["stage"] == "documents" for row in rows)


def test_a_second_sync_converts_and_changes_nothing(project: Project, first: Answer) -> None:
    settle(project, PARTITION)
    before, reasons = project.snapshot(), quarantined(project)
    shutil.rmtree(project.data / "conversions")
    answer = Command(project).inside("sync")
    assert answer.code == 1
    assert "in step" in answer.out
    assert not (project.data / "conversions").exists(), "nothing was converted"
    assert (project.snapshot(), quarantined(project)) == (before, reasons)


def test_a_mended_file_leaves_quarantine_by_itself(project: Project, first: Answer) -> None:
    name = "broken for a while.docx"
    file = Path(project.settings["sources"]["local_files"]["files"]["path"]) / name
    file.write_bytes(BROKEN["truncated.docx"].make())
    settle(project, PARTITION)
    assert name in quarantined(project)
    file.write_bytes(FILES["letter.docx"].data)
    settle(project, PARTITION)
    assert name not in quarantined(project)
    assert name in project.paths()
    file.unlink()  # for the other tests, in whatever order they come
    settle(project, PARTITION)
