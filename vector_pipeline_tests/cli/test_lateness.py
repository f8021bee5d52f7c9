"""What is not in step for long, and what keeps searches on old settings, can't be overlooked."""

from __future__ import annotations

from pathlib import Path

from vector_pipeline.sync.sightings import DIFFERS, UNANSWERED
from vector_pipeline_tests.cli.command import Command, write
from vector_pipeline_tests.consistency.damage import in_store
from vector_pipeline_tests.project import Project


def age_runs(project: Project) -> None:
    """Makes it as if all runs had been a day earlier."""
    with project.open() as pipeline:
        day = 24 * 3600 * 1_000_000
        earlier = f"started_at = started_at - {day}, finished_at = finished_at - {day}"
        assert in_store(pipeline, f"UPDATE ingestion_history SET {earlier}") > 0


def backdate(project: Project, note: str) -> None:
    """Makes it as if what is noted of the only source had been so for two hours longer."""
    with project.open() as pipeline:
        hours = 2 * 3600 * 1_000_000
        statement = "UPDATE cursors SET revision = revision - ? WHERE stage = ? AND revision > 0"
        assert in_store(pipeline, statement, hours, note) == 1


def test_a_source_behind_for_longer_than_its_limit_makes_status_fail(tmp_path: Path) -> None:
    write(tmp_path / "notes", {"a.md": "# One\n"})
    project = Project(tmp_path / "p")
    project.add_folder("notes", tmp_path / "notes")
    command = Command(project)
    assert command.inside("sync").code == 0
    assert command.inside("status").code == 0
    write(tmp_path / "notes", {"a.md": "# Two\n"})
    assert command.inside("status", "--probe").code == 0
    age_runs(project)
    backdate(project, DIFFERS)
    assert command.inside("status", "--probe").code == 1
    (row,) = command.inside("status", "--json").json()["sources"]
    assert (row["state"], row["late"]) == ("behind", True)
    assert command.inside("sync").code == 0
    assert command.inside("status").code == 0


def test_a_source_that_changed_after_a_quiet_day_is_not_late_at_once(tmp_path: Path) -> None:
    write(tmp_path / "notes", {"a.md": "# One\n"})
    project = Project(tmp_path / "p")
    partition = project.add_folder("notes", tmp_path / "notes")
    command = Command(project)
    project.sync()
    age_runs(project)
    write(tmp_path / "notes", {"a.md": "# Two\n"})
    answer = command.inside("status", "--probe", "--json")
    (row,) = answer.json()["sources"]
    assert (answer.code, row["source"], row["state"], row["late"]) == (0, partition, "behind", False)
    assert row["behind_seconds"] < 60
    backdate(project, DIFFERS)
    answer = command.inside("status", "--json")
    (row,) = answer.json()["sources"]
    assert (answer.code, row["late"], row["behind_seconds"] // 60) == (1, True, 120)


def test_a_source_that_stopped_answering_a_while_ago_is_late(tmp_path: Path) -> None:
    write(tmp_path / "notes", {"a.md": "# One\n"})
    project = Project(tmp_path / "p")
    project.add_folder("notes", tmp_path / "notes")
    command = Command(project)
    project.sync()
    age_runs(project)
    (tmp_path / "notes").rename(tmp_path / "away")

    def state(*options: str) -> tuple[str, bool]:
        (row,) = command.inside("status", "--json", *options).json()["sources"]
        return row["state"], row["late"]

    assert state("--probe") == ("unreachable", False)
    assert state() == ("unreachable", False), "known from the last look, without asking again"
    backdate(project, UNANSWERED)
    assert state("--probe") == ("unreachable", True)


def test_a_source_that_keeps_searches_on_the_former_settings_is_named(tmp_path: Path) -> None:
    write(tmp_path / "a", {"a.md": "# Alpha\n\nFirst words.\n"})
    write(tmp_path / "b", {"b.md": "# Beta\n\nSecond words.\n"})
    project = Project(tmp_path / "p")
    project.add_folder("a", tmp_path / "a")
    project.add_folder("b", tmp_path / "b")
    command = Command(project)
    assert command.inside("sync").code == 0
    (tmp_path / "b").rename(tmp_path / "away")
    project.settings["chunking"] = {"max_tokens": 64}
    project.write()
    answer = command.inside("sync", "--source", "local_files/a", "--json")
    assert answer.code == 1
    assert answer.json()["searches_wait_for"] == ["local_files/b"]
    found = command.inside("search", "second words")
    assert "b.md" in found.out, "the collection of the former settings still answers"
    status = command.inside("status")
    assert "0 of 2 sources complete" not in status.err
    assert "1 of 2 sources complete; missing: local_files/b" in status.err
    assert command.inside("status", "--json").json()["searches_wait_for"] == ["local_files/b"]
    (tmp_path / "away").rename(tmp_path / "b")
    answer = command.inside("sync", "--json")
    assert (answer.code, answer.json()["searches_wait_for"], answer.json()["switched"]) == (0, [], True)
    assert command.inside("search", "second words").err == ""
