"""`check`: what it prints, its exit codes, and that one check which can't run holds up no other."""

from __future__ import annotations

from pathlib import Path

import pytest

from vector_pipeline_tests.cli.command import Command, write
from vector_pipeline_tests.cli.conftest import NASTY
from vector_pipeline_tests.project import Project

NASTY_NAME = f"odd [bold]{NASTY}.md"


@pytest.fixture
def command(tmp_path: Path) -> Command:
    """Two synced folders, local_files/a and local_files/b."""
    project = Project(tmp_path)
    for name in "ab":
        write(tmp_path / name, {f"{name}.md": f"# {name}\n\nAbout {name}.\n", NASTY_NAME: f"# Odd\n\nOddly {name}.\n"})
        project.add_folder(name, tmp_path / name)
    project.sync()
    return Command(project)


def lose_points(project: Project, partition: str) -> None:
    with project.open() as pipeline:
        pipeline.index.delete_source(pipeline.collection, partition)


def test_all_checks_pass_and_the_exit_code_is_0(command: Command) -> None:
    answer = command.inside("check", "--json")
    assert answer.code == 0
    found = answer.json()
    assert found["passed"]
    assert {"points_match_state", "vectors_valid", "source_spot_check"} <= {one["name"] for one in found["checks"]}
    assert "passed" in command.inside("check", "vectors_valid").out


def test_offenders_are_named_and_the_exit_code_is_1(command: Command) -> None:
    lose_points(command.project, "local_files/a")
    answer = command.inside("check", "points_match_state", "vectors_valid")
    assert answer.code == 1
    assert "failed" in answer.out
    assert "a.md" in answer.out
    assert "missing" in answer.out
    assert NASTY not in answer.out
    assert "odd [bold]" in answer.out, "brackets in names are no markup"
    found = command.inside("check", "points_match_state", "vectors_valid", "--json").json()
    assert not found["passed"]
    [failed, passed] = found["checks"]
    assert failed["offenders_by_source"] == {"local_files/a": {"missing": 2}}
    assert {row["document"] for row in failed["first_offenders"]} == {"a.md", NASTY_NAME}
    assert passed["passed"]


def test_a_look_at_one_source_sees_no_other(command: Command) -> None:
    lose_points(command.project, "local_files/a")
    assert command.inside("check", "points_match_state", "--source", "local_files/b").code == 0
    both = command.inside(
        "check", "points_match_state", "--source", "local_files/a", "--source", "local_files/b", "--json"
    )
    assert both.code == 1
    [result] = both.json()["checks"]
    assert (result["compared"], result["offenders"]) == (4, 2), "of both sources together"


def test_a_warning_alone_ends_with_0(command: Command, tmp_path: Path) -> None:
    text = "The same passage, word for word, in one place and in another. " * 10
    write(tmp_path, {"a/same.md": text, "b/same.md": text})
    command.project.sync()
    answer = command.inside("check", "duplicates_across_sources")
    assert answer.code == 0
    assert "warning" in answer.out


def test_a_check_that_can_t_run_says_why_and_the_others_go_on(command: Command) -> None:
    command.project.settings["index"] = {"url": "http://127.0.0.1:9", "prefer_grpc": False, "max_retries": 0}
    command.project.write()
    answer = command.inside("check", "points_match_state", "deletions_plausible", "--json")
    assert answer.code == 1
    found = {one["name"]: one for one in answer.json()["checks"]}
    assert "127.0.0.1" in found["points_match_state"]["error"]
    assert not found["points_match_state"]["passed"]
    assert found["deletions_plausible"]["passed"]
    assert "could not run" in command.inside("check", "points_match_state").out


def test_unknown_names_are_wrong_use(command: Command) -> None:
    unknown = command.inside("check", "nonsense")
    assert unknown.code == 2
    assert "points_match_state" in unknown.err
    assert command.inside("check", "--source", "git/nothing").code == 2


def test_the_list_says_what_there_is_and_runs_nothing(command: Command) -> None:
    lose_points(command.project, "local_files/a")
    answer = command.inside("check", "--list")
    assert answer.code == 0
    assert "Every live document with text has chunks." in answer.out
    listed = command.inside("check", "--list", "--json").json()["checks"]
    assert {"counts_match", "retrievable"} <= {one["name"] for one in listed}
