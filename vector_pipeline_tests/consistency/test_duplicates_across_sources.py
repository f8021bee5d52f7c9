"""Texts that stand in several documents are listed with their places: whole documents, and chunks of others."""

from __future__ import annotations

from pathlib import Path

import pytest

from vector_pipeline.consistency.result import CheckResult
from vector_pipeline_tests.consistency.answers import answer
from vector_pipeline_tests.project import Project

LONG = "# Alike\n\n" + "A sentence that stands in several places and means the same in each of them.\n" * 6


@pytest.fixture
def project(tmp_path: Path) -> Project:
    made = Project(tmp_path / "project", {"embedding": {"dimensions": 64}})
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "own.md").write_text(f"# Own\n\nOnly {name} says {name * 300}.\n")
        (tmp_path / name / "short.md").write_text("# Short\n\nOf no matter.\n")
        made.add_folder(name, tmp_path / name)
    return made


def put(folder: Path, name: str, text: str = LONG) -> None:
    (folder / name).write_text(text)


def found(project: Project, partition: str | None = None) -> CheckResult:
    return answer(project, "duplicates_across_sources", partition=partition)


def test_short_texts_and_different_ones_are_no_duplicates(project: Project) -> None:
    project.sync()
    result = found(project)
    assert (result.passed, result.severity, result.compared) == (True, "warning", 0)


def test_the_same_text_in_several_places_is_listed_once(project: Project, tmp_path: Path) -> None:
    put(tmp_path / "a", "one.md")
    put(tmp_path / "a", "two.md")
    put(tmp_path / "b", "three.md")
    project.sync()
    result = found(project)
    (why,) = result.offending["why"]
    assert why.endswith("in 3 documents: local_files/a one.md, local_files/a two.md, local_files/b three.md")
    assert result.numbers["documents_with_repeated_text"] == 3
    assert result.numbers["repeated_bytes"] == 2 * len(LONG)
    assert result.numbers["repeated_chunks"] == 0, "what is said of the documents is not said again of their chunks"
    (tmp_path / "a" / "one.md").unlink()
    (tmp_path / "b" / "three.md").unlink()
    project.sync()
    assert found(project).passed


def test_a_passage_in_documents_that_differ_is_found(project: Project, tmp_path: Path) -> None:
    rest = "\n\n## {0}\n\n" + "What only {0} says, at some length, so that it is cut by itself. " * 20
    put(tmp_path / "a", "one.md", LONG + rest.format("apple"))
    put(tmp_path / "b", "two.md", LONG + rest.format("pear"))
    project.sync()
    result = found(project)
    (why,) = result.offending["why"]
    assert why.startswith("a chunk of")
    assert why.endswith("in 2 documents: local_files/a one.md, local_files/b two.md")
    assert result.numbers["repeated_texts"] == 0


def test_one_source_is_told_what_it_has_a_share_in(project: Project, tmp_path: Path) -> None:
    put(tmp_path / "a", "one.md")
    put(tmp_path / "a", "two.md")
    project.sync()
    assert not found(project, "local_files/a").passed
    assert found(project, "local_files/b").passed


def test_the_length_is_a_setting(project: Project, tmp_path: Path) -> None:
    put(tmp_path / "a", "one.md")
    put(tmp_path / "b", "two.md")
    project.settings["checks"] = {"shared_text": "10KB"}
    project.write()
    project.sync()
    assert found(project).passed


def test_many_texts_are_counted_and_the_largest_listed(project: Project, tmp_path: Path) -> None:
    for number in range(60):
        for name in ("a", "b"):
            put(tmp_path / name, f"{number}.md", f"# {number}\n\n" + f"Word {number} of many. " * (15 + number))
    project.sync()
    result = found(project)
    assert (result.offenders, result.numbers["repeated_texts"]) == (50, 60)
    assert "59.md" in result.offending["why"][0]
