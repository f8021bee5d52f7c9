"""`sync --dry-run`: what people and scripts read, and that it leaves nothing behind."""

from __future__ import annotations

from collections.abc import Callable

from vector_pipeline.sync.stages import EMBEDDINGS
from vector_pipeline_tests.cli.command import Command, write
from vector_pipeline_tests.cli.conftest import NASTY
from vector_pipeline_tests.project import counts
from vector_pipeline_tests.sync.followed_plan import everything_recorded

Make = Callable[[dict[str, str | bytes]], Command]
NOTES = "local_files/notes"


def test_a_first_plan_says_what_comes_and_leaves_neither_dagster_nor_a_partition_behind(new_project: Make) -> None:
    command = new_project({"a.md": "# A\n\nWords.\n", "b.md": "# B\n\nOther words.\n"})
    answer = command.inside("sync", "--dry-run", "--verbose")
    assert answer.code == 0
    assert [line.split() for line in answer.out.splitlines()[:3]] == [
        [NOTES],
        ["+", "added", "a.md"],
        ["+", "added", "b.md"],
    ]
    assert "2 added, 2 points written" in answer.out
    assert "2 texts (" in answer.out
    assert "nothing was written" in answer.out
    assert not (command.project.data / "dagster").exists()
    assert everything_recorded(command.project)["partitions"] == []


def test_the_sync_does_what_its_plan_said_and_after_it_there_is_nothing_to_do(new_project: Make) -> None:
    command = new_project({"a.md": "# A\n\nWords.\n", "b.md": "# B\n\nOther words.\n"})
    command.project.let_age()
    plan = command.inside("sync", "--dry-run", "--json").json()
    done = command.inside("sync", "--json").json()["sources"][0]["counts"]
    assert {name: done[name] for name in plan["sources"][0]["counts"]} == plan["sources"][0]["counts"]
    assert plan["totals"]["tokens"] == done["embeddings: tokens"] > 0
    then = command.inside("sync", "--dry-run")
    assert (then.code, then.out.splitlines()[-1]) == (0, "nothing to do")


def test_money_is_said_at_the_price_of_the_settings(new_project: Make) -> None:
    command = new_project({"a.md": "# A\n\nWords.\n"})
    command.project.settings["embedding"] = {"price_per_million_tokens": 500_000, "currency": "EUR"}
    command.project.write()
    plan = command.inside("sync", "--dry-run", "--json").json()
    assert plan["currency"] == "EUR"
    assert plan["totals"]["cost"] == plan["totals"]["tokens"] / 2 > 0
    assert f"{plan['totals']['cost']:,.2f} EUR" in command.inside("sync", "--dry-run").out
    assert counts(command.project.sync(), EMBEDDINGS)["cost"] == plan["totals"]["cost"]


def test_the_verdict_of_the_brake_comes_with_the_command_that_releases_it(new_project: Make) -> None:
    command = new_project({f"{number}.md": f"# N\n\nNumber {number}.\n" for number in range(3)})
    command.project.sync()
    for file in (command.project.folder / "notes").iterdir():
        file.unlink()
    answer = command.inside("sync", "--dry-run")
    assert answer.code == 1
    assert "3 of 3 documents are gone at the source; the brake would stop the sync" in answer.err
    release = f"vector-pipeline sync --source {NOTES} --allow-deletions"
    assert f"`{release}`" in answer.err
    plan = command.inside("sync", "--dry-run", "--json").json()
    assert plan["sources"][0]["brake"] == {"holds": True, "vanished": 3, "held": 3, "release": release}
    released = command.inside(*release.split()[1:], "--dry-run")
    assert released.code == 0
    assert "3 deleted" in released.out


def test_a_source_that_is_away_is_said_beside_the_others(new_project: Make) -> None:
    command = new_project({"a.md": "# A\n\nWords.\n"})
    away = command.project.add_folder("away", command.project.folder / "away")
    (command.project.folder / "away").rmdir()
    answer = command.inside("sync", "--dry-run")
    assert answer.code == 1
    assert "1 added" in answer.out
    assert f"error: {away}: folder" in answer.err
    assert "→" in answer.err
    plan = command.inside("sync", "--dry-run", "--json").json()
    assert [one["outlook"] for one in plan["sources"]] == ["failed", "planned"]


def test_the_options_of_a_sync_are_those_of_its_plan(new_project: Make) -> None:
    command = new_project({"a.md": "# A\n\nWords.\n", "b.md": "# B\n\nOther words.\n"})
    command.project.sync()
    notes = command.project.folder / "notes"
    write(notes, {"a.md": "# A\n\nAnother text.\n", "c.md": "# C\n\nNew.\n"})
    (notes / "b.md").unlink()
    said = {}
    for arguments in (["--mode", "add-only"], ["--mode", "update-only"], ["--only", "c.md"], ["--limit", "1"]):
        (one,) = command.inside("sync", "--dry-run", "--json", *arguments).json()["sources"]
        said[arguments[1]] = one["changes"]
    assert said == {"add-only": {"added": 1}, "update-only": {"changed": 1}, "c.md": {"added": 1}, "1": said["1"]}
    assert sum(said["1"].values()) == 1
    again = command.inside("sync", "--dry-run", "--force", "--only", "c.md", "--source", NOTES)
    assert "1 added" in again.out


def test_an_estimate_is_marked_as_one(new_project: Make) -> None:
    command = new_project({"a.md": "# A\n\nWords.\n"})
    first = command.inside("sync", "--dry-run", "--estimate")
    assert "1 to read" in first.out
    assert "can't be guessed" in first.out
    command.project.sync()
    write(command.project.folder / "notes", {"b.md": "# B\n\nMore.\n"})
    then = command.inside("sync", "--dry-run", "--estimate", "-v")
    assert "? to read       b.md" in then.out
    assert "about 1 text " in then.out
    assert command.inside("sync", "--dry-run", "--estimate", "--json").json()["sources"][0]["is_estimate"]


def test_names_from_outside_do_nothing_to_the_terminal(new_project: Make) -> None:
    command = new_project({f"odd [bold]{NASTY}.md": "# Odd\n\nWords.\n"})
    for arguments in (["-v"], ["-v", "--json"]):
        answer = command.inside("sync", "--dry-run", *arguments)
        assert "[bold]" in answer.out
        assert not set(answer.out) & set("\x1b\x07\x9b\x7f\u202e")


def test_wrong_use_is_said_in_a_line(new_project: Make) -> None:
    command = new_project({})
    for arguments, words in (
        (["--dry-run", "--source", "git/typo"], "git/typo"),
        (["--verbose"], "--dry-run"),
        (["--estimate"], "--dry-run"),
        (["--dry-run", "--detach"], "give one of them"),
        (["--dry-run", "--priority", "5"], "--detach"),
    ):
        answer = command.inside("sync", *arguments)
        assert (answer.code, answer.out) == (2, "")
        assert words in answer.err
