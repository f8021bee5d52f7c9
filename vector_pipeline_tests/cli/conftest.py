"""A project with a folder and a repository, brought in step once by the command line for all tests of a module."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from vector_pipeline_tests.cli.command import Answer, Command, write
from vector_pipeline_tests.git_repository import GitRepository
from vector_pipeline_tests.project import Project

NASTY = "\x1b]0;owned\x07\x1b[31mred\x9b2J\x7f\u202etxt"
"""What a hostile author puts into names and titles: escape sequences, C1 controls, reversed writing."""

VAULT: dict[str, str | bytes] = {
    "oncall.md": "---\ntags: [incident, rota]\n---\n# On call\n\nThe pager rota changes each Monday at nine.\n\n"
    "## Handover\n\nHand over open incidents in writing before the shift ends.\n",
    "runbooks/backup.md": "---\ntags: [backup]\n---\n# Backups\n\nBackups are encrypted and kept off site.\n",
    "runbooks/restore.md": "# Restore\n\nRestore a backup to a scratch host before it is needed.\n",
    f"odd [bold]{NASTY}.md": f"# Title {NASTY}\n\nzebra crossing {NASTY} [red]not markup[/red]\n",
}


@dataclass(frozen=True)
class Synced:
    """A project, its command line, and what the first sync printed as JSON."""

    project: Project
    command: Command
    first: Answer


@pytest.fixture(scope="module")
def synced(tmp_path_factory: pytest.TempPathFactory) -> Synced:
    """Folder local_files/vault and repository git/code, in step. Tests of the module leave them alone."""
    folder = tmp_path_factory.mktemp("synced")
    write(folder / "vault", VAULT)
    with open(os.fsencode(folder / "vault") + b"/caf\xe9.md", "wb") as file:
        file.write(b"# Coffee\n\nThe espresso machine stands on the second floor.\n")
    repository = GitRepository(folder / "code.git")
    repository.write("docs/deploy.md", "# Deploy\n\nA canary takes five percent of the traffic first.\n")
    repository.write("tool.py", 'def greet(name):\n    """Greets someone by name."""\n    return f"hello {name}"\n')
    repository.commit("first")
    project = Project(folder)
    project.add_folder("vault", folder / "vault")
    project.add_git("code", repository.path, web_url="https://git.example.org/team/code")
    command = Command(project)
    return Synced(project, command, command("sync", "--json"))


@pytest.fixture
def new_project(tmp_path: Path) -> Callable[[dict[str, str | bytes]], Command]:
    """Makes a project with one folder, local_files/notes, that holds the files given."""

    def make(files: dict[str, str | bytes]) -> Command:
        write(tmp_path / "notes", files)
        project = Project(tmp_path)
        project.add_folder("notes", tmp_path / "notes")
        return Command(project)

    return make
