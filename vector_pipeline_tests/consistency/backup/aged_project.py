"""A project with a backup that is older than what it holds: pages were edited, removed and added since, and synced.

`reset` puts everything back in its place, so that a module's tests share one such life.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml

from vector_pipeline.consistency.backup.making import make_backup
from vector_pipeline.consistency.backup.shelf import Backup, list_backups
from vector_pipeline.index.edge_copy import copy_tree
from vector_pipeline_tests.project import Project, Snapshot
from vector_pipeline_tests.sync.exactness import scratch_folder

NOTES = "local_files/notes"


def page(number: int, words: str = "as written first") -> str:
    return f"# Page {number}\n\nIt stands here, {words}.\n\n## Detail {number}\n\nMore of page {number}.\n"


@dataclass
class AgedProject:
    """The project, its backup, what the collection held then, and what it has to hold for the sources as they are."""

    folder: Path
    project: Project
    backup: Path
    then: Snapshot
    now: Snapshot

    @property
    def backups(self) -> Path:
        """Where backups go."""
        return self.folder / "backups"

    @property
    def notes(self) -> Path:
        """The source."""
        return self.folder / "notes"

    def listed(self) -> list[Backup]:
        """The backups there are."""
        return list_backups(self.backups)

    def chosen(self) -> Backup:
        """The old backup."""
        return next(one for one in self.listed() if one.path == self.backup)

    def reset(self) -> None:
        """Data and backups as they were when the fixture was made."""
        for name in ("project", "backups"):
            shutil.rmtree(self.folder / name, ignore_errors=True)
            copy_tree(self.folder / "kept" / name, self.folder / name, durable=False)
        self.project.settings = yaml.safe_load(self.project.file.read_text())


@contextmanager
def aged_project() -> Iterator[AgedProject]:
    """A project in a scratch folder that lives for the block."""
    with scratch_folder() as folder:
        settings = {"backup": {"folder": str(folder / "backups")}, "index": {"batch_size": 3}}
        project = Project(folder / "project", settings)
        # Links are the same wherever the project is built, so that collections can be compared.
        notes = folder / "notes"
        project.add_folder("notes", notes, url_template="https://example.org/{path}")
        for number in range(8):
            _write(notes / f"{number}.md", page(number), 1_700_000_000)
        project.sync()
        with project.open() as pipeline:
            backup = make_backup(pipeline, folder / "backups")
        then = project.snapshot()
        for number in range(2):
            _write(notes / f"{number}.md", page(number, "edited since"), 1_700_000_100)
        (notes / "5.md").unlink()
        _write(notes / "new.md", page(100), 1_700_000_100)
        project.sync()
        for name in ("project", "backups"):
            copy_tree(folder / name, folder / "kept" / name, durable=False)
        yield AgedProject(folder, project, backup.path, then, project.rebuilt(folder / "fresh"))


def _write(path: Path, text: str, at: int) -> None:
    path.write_text(text)
    os.utime(path, (at, at))
