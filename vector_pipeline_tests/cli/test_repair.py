"""`repair`, `rebuild` and `reset` as a person and a script see them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from vector_pipeline_tests.cli.command import Command
from vector_pipeline_tests.consistency.damage import A, B, Healthy, points_of, stored
from vector_pipeline_tests.sync.exactness import scratch_folder

INDEX_CHECK = ("--check", "points_match_state")


@pytest.fixture(scope="module")
def made() -> Iterator[Healthy]:
    """A healthy project that is put back for each test."""
    with scratch_folder() as folder:
        yield Healthy(folder)


@pytest.fixture
def command(made: Healthy) -> Command:
    """The command line for the project, a point of which is lost."""
    made.put_back()
    project = made.project
    with project.open() as pipeline:
        pipeline.index.delete(pipeline.collection, [points_of(pipeline)[0].point_id])
    return Command(project)


def test_a_dry_run_shows_the_plan_and_changes_nothing(command: Command) -> None:
    with command.project.open() as pipeline:
        before = stored(pipeline)
    answer = command.inside("repair", *INDEX_CHECK, "--dry-run")
    assert (answer.code, answer.out.splitlines()[0]) == (0, f"{A}: 1 point to write")
    with command.project.open() as pipeline:
        assert stored(pipeline) == before
    assert len(command.project.snapshot()) == 17


def test_without_a_terminal_nothing_is_mended_unless_that_is_asked_for(command: Command) -> None:
    answer = command("repair", *INDEX_CHECK)
    assert answer.code == 1
    assert "--yes" in answer.err
    assert len(command.project.snapshot()) == 17
    answer = command.inside("repair", *INDEX_CHECK, "--yes")
    assert answer.code == 0
    assert "1 point written" in answer.out
    assert ["points_match_state", "1", "offender", "passed"] in [line.split() for line in answer.out.splitlines()]
    assert len(command.project.snapshot()) == 18
    assert "nothing to mend" in command.inside("repair", *INDEX_CHECK).out


def test_json_says_what_would_be_done_and_what_was(command: Command) -> None:
    (told,) = command.inside("repair", *INDEX_CHECK, "--dry-run", "--json").json()["collections"]
    assert (told["passed"], told["done"]) == (False, False)
    assert [len(one["write"]) for one in told["plan"]] == [1]
    answer = command.inside("repair", *INDEX_CHECK, "--yes", "--json")
    (told,) = answer.json()["collections"]
    assert (answer.code, told["passed"], told["done"]) == (0, True, True)
    assert told["sources"] == [{"source": A, "counts": {"points written": 1}, "error": ""}]


def test_unknown_names_are_wrong_use(command: Command) -> None:
    assert command.inside("repair", "--check", "typo").code == 2
    assert command.inside("repair", "--source", "git/typo").code == 2
    assert command.inside("rebuild", "--source", "git/typo").code == 2
    assert command.inside("reset", "--source", "git/typo", "--yes").code == 2


def test_a_rebuild_writes_everything_again(command: Command) -> None:
    assert command.inside("rebuild").code == 1
    told = command.inside("rebuild", "--yes", "--json").json()["sources"]
    assert [(one["source"], one["counts"]) for one in told] == [(A, {"points written": 9}), (B, {"points written": 9})]
    assert len(command.project.snapshot()) == 18


def test_a_reset_is_asked_about_and_leaves_points_unless_they_are_dropped(command: Command) -> None:
    assert command.inside("reset", "--source", A).code == 1
    answer = command.inside("reset", "--source", A, "--yes")
    assert answer.code == 0
    assert "stay searchable" in answer.out
    assert len(command.project.snapshot()) == 17
    assert command.inside("reset", "--source", A, "--drop", "--yes").code == 0
    assert len(command.project.snapshot()) == 9
    assert "nothing is stored" in command.inside("reset", "--source", A, "--yes").out
