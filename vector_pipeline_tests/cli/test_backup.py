"""The commands about backups, as a person uses them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from vector_pipeline.sync.restore_mark import RestoreMark, remove_mark, write_mark
from vector_pipeline_tests.cli.command import Command, write
from vector_pipeline_tests.project import Project
from vector_pipeline_tests.sync.exactness import scratch_folder


@pytest.fixture(scope="module")
def command() -> Iterator[Command]:
    """The command line of a project that holds two notes. Tests leave it as it was."""
    with scratch_folder() as folder:
        project = Project(folder / "project")
        project.add_folder("notes", folder / "notes")
        write(folder / "notes", {"a.md": "# A\n\nFirst words.\n", "b.md": "# B\n\nOther words.\n"})
        project.sync()
        yield Command(project)


@pytest.fixture
def place(command: Command) -> Iterator[Path]:
    """A folder for backups."""
    folder = command.project.folder / "kept here"
    yield folder
    for one in (folder, command.project.data / "backups"):
        shutil.rmtree(one, ignore_errors=True)


def test_a_backup_is_made_listed_verified_restored(command: Command, place: Path) -> None:
    made = command.inside("backup", str(place))
    assert made.code == 0
    path, numbers = made.out.splitlines()
    assert Path(path).parent == place
    assert numbers.startswith("2 documents, 2 points, ")
    assert numbers.endswith(", verified")
    name = Path(path).name
    assert name in command.inside("backups", "list", str(place)).out
    assert command.inside("backups", "verify", path).out == f"{name}: good\n"
    before = command.project.snapshot()
    refused = command.inside("restore", str(place))
    assert refused.code == 1
    assert "--force" in refused.err
    done = command.inside("restore", str(place), "--force")
    assert done.code == 0, done.err
    assert "sync" in done.out.splitlines()[-1]
    assert command.project.snapshot() == before


def test_what_is_said_as_json(command: Command, place: Path) -> None:
    made = command.inside("backup", "--no-verify", "--state-only", "--json", str(place)).json()
    assert (made["documents"], made["verified"], made["collections"]) == (2, False, {})
    (listed,) = command.inside("backups", "list", str(place), "--json").json()["backups"]
    assert listed == made
    (verdict,) = command.inside("backups", "verify", str(place), "--json").json()["backups"]
    assert (verdict["ok"], verdict["troubles"]) == (True, [])
    restored = command.inside("restore", made["path"], "--force", "--json").json()
    assert (restored["backup"], restored["sources"]) == (made["path"], ["local_files/notes"])
    pruned = command.inside("backups", "prune", str(place), "--json").json()
    assert (pruned["removed"], pruned["dry_run"]) == ([], False)


def test_a_damaged_backup_is_red(command: Command, place: Path) -> None:
    path = Path(command.inside("backup", "--json", str(place)).json()["path"])
    state = path / "state.sqlite3.zst"
    state.write_bytes(state.read_bytes()[:-3])
    verdict = command.inside("backups", "verify", str(place))
    assert (verdict.code, "state.sqlite3.zst was changed" in verdict.out) == (1, True)
    (path / "manifest.json").write_text("{}")
    listed = command.inside("backups", "list", str(place))
    assert (listed.code, "manifest.json is not one" in listed.out) == (1, True)


def test_the_folder_of_the_settings_is_the_default(command: Command, place: Path) -> None:
    assert "there are no backups" in command.inside("backups", "list").out
    path = Path(command.inside("backup").out.splitlines()[0])
    assert path.parent == command.project.data / "backups"
    assert command.inside("backups", "verify", path.name).code == 0
    assert command.inside("backups", "prune", "--dry-run").out == "nothing is beyond the limits\n"


@pytest.mark.parametrize(
    ("line", "code", "words"),
    [
        (["restore", "nowhere"], 1, "there is no backup nowhere"),
        (["backups", "verify", "nowhere"], 1, "there is no backup nowhere"),
        (["backup", "--all-collections", "--state-only"], 2, "exclude each other"),
    ],
)
def test_what_can_not_be_done_is_said(command: Command, line: list[str], code: int, words: str) -> None:
    answer = command.inside(*line)
    assert (answer.code, words in answer.err) == (code, True)


def test_commands_on_a_half_restored_project_say_how_to_go_on(command: Command) -> None:
    write_mark(command.project.data, RestoreMark(Path("/backups/one"), state_only=True))
    try:
        answer = command.inside("status")
    finally:
        remove_mark(command.project.data)
    assert answer.code == 1
    assert "vector-pipeline restore /backups/one --state-only" in answer.err
