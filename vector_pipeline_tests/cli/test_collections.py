"""`collections`, `switch` and `rollback`: what they show, what they do, and when they fail."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from vector_pipeline_tests.cli.command import Command, write
from vector_pipeline_tests.project import Project


@pytest.fixture
def command(tmp_path: Path) -> Command:
    """A project with two folders, in step."""
    write(tmp_path / "a", {"a.md": "# Alpha\n\nFirst words.\n"})
    write(tmp_path / "b", {"b.md": "# Beta\n\nSecond words.\n"})
    project = Project(tmp_path / "p")
    project.add_folder("a", tmp_path / "a")
    project.add_folder("b", tmp_path / "b")
    project.sync()
    return Command(project)


def listed(command: Command) -> list[tuple[str, str]]:
    """Collections and their states, as they come."""
    found = command.inside("collections", "--json").json()["collections"]
    return [(row["collection"], row["state"]) for row in found]


def test_a_change_is_followed_from_the_first_source_to_the_way_back(command: Command) -> None:
    [(old, state)] = listed(command)
    assert state == "live"
    project = command.project
    project.settings["embedding"] = {"dimensions": 128}
    project.write()
    with project.open() as pipeline:
        new = pipeline.collection
    assert "being built: 0 %, 0 of 2 points, 0 of 2 sources complete" in command.inside("status").err
    project.sync("local_files/a")
    shown = command.inside("collections")
    assert re.search(rf"{new} +building \d+ %", shown.out)
    assert re.search(rf"{old} +live +2 +2 .* wordllama, 256, 1200 characters", shown.out)
    assert "1 of 2 sources complete; missing: local_files/b" in shown.err
    answer = command.inside("sync", "--json")
    assert answer.code == 0, answer.err
    assert (answer.json()["switched"], answer.json()["check"]["passed"]) == (True, True)
    assert listed(command) == [(new, "live"), (old, "former")]
    assert command.inside("switch").out == f"searches use {new} already\n"
    assert command.inside("rollback").out == f"searches use {old} now\n"
    assert listed(command) == [(old, "live"), (new, "rejected")]
    assert "was taken back" in command.inside("status").err
    assert command.inside("sync").code == 0, "a collection that was taken back is no failure"
    assert "b.md" in command.inside("search", "second words").out
    result = command.inside("switch", "--json").json()
    assert (result["moved"], result["collection"]) == (True, new)


def test_what_offends_in_the_collection_being_built_is_named_keeps_searches_away_and_is_mended(
    command: Command,
) -> None:
    [(old, _)] = listed(command)
    project = command.project
    project.settings["embedding"] = {"dimensions": 128}
    project.write()
    project.sync("local_files/a")
    with project.open() as pipeline:
        new = pipeline.collection
        [point] = next(pipeline.index.scroll(new))["point_id"].to_list()
        pipeline.index.delete(new, [point])
    answer = command.inside("check", "points_match_state", "--json")
    found = answer.json()
    assert (answer.code, found["collections"]) == (1, [old, new])
    assert found["checks"][0]["offenders_by_source"] == {"local_files/a": {f"missing (in {new})": 1}}
    answer = command.inside("switch")
    assert answer.code == 1
    assert f"searches stay on {old} rather than {new}" in answer.err
    assert "points_match_state found 1 of" in answer.err
    assert "`vector-pipeline repair` mends it" in answer.err
    answer = command.inside("repair", "--yes", "--check", "points_match_state")
    assert answer.code == 0, answer.err
    assert f"{old}, which searches use" in answer.out
    assert f"{new}, which searches do not use yet" in answer.out
    assert command.inside("switch").out == f"searches use {new} now\n", "what was missing it had built before"


def test_a_build_that_an_earlier_sync_completed_is_switched_to_by_one_with_nothing_to_do(command: Command) -> None:
    project = command.project
    project.settings["chunking"] = {"target_chars": 200}
    project.write()
    with project.open() as pipeline:
        from vector_pipeline.sync.runner import sync_partition

        for name in pipeline.partitions():
            sync_partition(pipeline, name, "run")
    answer = command.inside("sync")
    assert answer.code == 0, answer.err
    assert "searches use the collection of the present settings now" in answer.out


def test_before_anything_was_indexed_and_without_a_former_one_the_commands_say_so(
    command: Command, tmp_path: Path
) -> None:
    answer = command.inside("rollback")
    assert answer.code == 1
    assert "no collection of former settings to go back to" in answer.err
    fresh = Command(Project(tmp_path / "fresh"))
    assert "no collections" in fresh.inside("collections").out
    for name in ("switch", "rollback"):
        assert fresh.inside(name).code == 1
