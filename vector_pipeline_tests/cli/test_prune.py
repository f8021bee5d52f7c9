"""`prune`: shows first, asks on a terminal, removes with --yes, and speaks JSON."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from collections.abc import Callable

import pytest

from vector_pipeline_tests.cli.command import SECONDS, Answer, Command, wait_until

TEXTS = "texts nothing refers to"


@pytest.fixture
def command(new_project: Callable[[dict[str, str | bytes]], Command]) -> Command:
    """A project with three runs in its history, of which one may go at once."""
    command = new_project({"boats.md": "# Boats\n\nBoats sail over the sea.\n"})
    command.project.settings["retention"] = {"history": "0.001s", "embeddings": "0.001s"}
    command.project.write()
    note = command.project.folder / "notes" / "boats.md"
    for text in ("sail", "sink"):
        note.write_text(f"# Boats\n\nBoats {text}.\n")
        command.project.sync()
    return command


def number(answer: Answer, kind: str) -> int:
    return next(int(one["number"]) for one in answer.json()["kinds"] if one["kind"] == kind)


def answered(command: Command, answer: str) -> str:
    """What a terminal shows where somebody answers the question."""
    ours, theirs = pty.openpty()
    line = [sys.executable, "-m", "vector_pipeline", "--config", str(command.project.file), "prune"]
    process = subprocess.Popen(
        line, env=command.environment, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
    )
    os.close(theirs)
    shown = bytearray()

    def asked() -> bool:
        shown.extend(os.read(ours, 65_536))
        return b"[y/N]" in shown

    try:
        wait_until(asked)
        os.write(ours, f"{answer}\n".encode())
        try:
            while data := os.read(ours, 65_536):
                shown.extend(data)
        except OSError:
            pass  # how Linux says that nobody has the terminal open any more
        assert process.wait(SECONDS) == 0
    finally:
        process.kill()
        process.wait()
        os.close(ours)
    return shown.decode()


def test_it_shows_and_removes_nothing_without_being_told(command: Command) -> None:
    for arguments in (["prune"], ["prune", "--dry-run"]):
        shown = command.inside(*arguments)
        assert shown.code == 0
        assert "history entries" in shown.out
        assert "nothing was removed; --yes does it" in shown.out
    found = command.inside("prune", "--json")
    assert (found.code, found.json()["removed"], number(found, "history entries")) == (0, False, 3)


def test_told_to_it_removes_and_a_second_time_what_the_first_had_noted(command: Command) -> None:
    first = command.inside("prune", "--yes")
    assert "removed 3 history entries" in first.out
    assert "what waits is removed when its time has come" in first.out
    second = command.inside("prune", "--yes", "--vacuum", "--json")
    assert (second.code, second.json()["removed"], number(second, TEXTS)) == (0, True, 2)
    assert second.json()["free_bytes"] == 0
    assert "nothing to remove" in command.inside("prune", "--yes").out
    assert "Boats sink." in command.inside("search", "boats").out


def test_on_a_terminal_it_asks(command: Command) -> None:
    refused = answered(command, "n")
    assert "nothing was removed" in refused
    assert "removed 3 history entries" in answered(command, "y")


def test_to_remove_and_only_to_show_contradict_each_other(command: Command) -> None:
    assert command.inside("prune", "--yes", "--dry-run").code == 2
