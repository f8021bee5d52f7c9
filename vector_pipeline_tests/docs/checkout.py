"""The folder that a reader of the documentation stands in, our commands on the path; made once, put back often."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from unittest.mock import patch

from vector_pipeline.cli import sync
from vector_pipeline.orchestration import collection
from vector_pipeline_tests.docs.fences import ROOT, Answer, run

_FILES = ("pipeline.yaml", "README.md", "Makefile", ".gitignore", "examples", "docs/index.md", "benchmarks/corpus.py")
"""What of this repository a checkout holds: enough for a repository and a folder of a few documents each."""

_SHELL_COMMAND = '#!/bin/sh\nexec "{python}" -m vector_pipeline "$@"\n'


@dataclass(frozen=True)
class Checkout:
    """The folder, a copy of it that it is made from anew, and variables that the reader has set."""

    folder: Path
    pristine: Path
    variables: dict[str, str] = field(default_factory=dict)

    @classmethod
    def make(cls, place: Path, fill: Callable[[Path], None]) -> Checkout:
        """A folder that `fill` has filled, brought in step once."""
        made = cls(place / "here", place / "pristine")
        binaries = made.folder / ".venv" / "bin"
        binaries.mkdir(parents=True)
        (binaries / "python").symlink_to(sys.executable)
        command = binaries / "vector-pipeline"
        command.write_text(_SHELL_COMMAND.format(python=sys.executable))
        command.chmod(0o755)
        fill(made.folder)
        answer = made.run("vector-pipeline sync")
        assert answer.code == 0, answer.out
        shutil.copytree(made.folder, made.pristine, symlinks=True)
        return made

    def renew(self) -> None:
        """Makes the folder what it was at first."""
        shutil.rmtree(self.folder)
        shutil.copytree(self.pristine, self.folder, symlinks=True)
        self.variables.clear()
        if (self.folder / ".git").exists():
            # The files are others now; without this Git would write all of them again at the next checkout.
            subprocess.run(["git", "update-index", "-q", "--refresh"], cwd=self.folder, check=True)

    @property
    def environment(self) -> Mapping[str, str]:
        """The commands on the path; an editor that leaves files as they are."""
        binaries = self.folder / ".venv" / "bin"
        path = f"{binaries}{os.pathsep}{os.environ['PATH']}"
        return {"PATH": path, "PYTHONPATH": str(ROOT), "EDITOR": "true", **self.variables}

    def run(self, line: str) -> Answer:
        """Runs one line in the folder."""
        return run(line, self.folder, self.environment)


@contextmanager
def no_check_after_sync() -> Iterator[None]:
    """Syncs as those of a large collection, which is not looked at after each: half of what a small sync costs."""
    with patch.object(sync, "QUICKLY_CHECKED", -1), patch.object(collection, "QUICK_SECONDS", -1e9):
        yield


def small_clone(folder: Path) -> None:
    """Fills a folder with a repository that holds a part of this one."""
    for name in _FILES:
        source, target = ROOT / name, folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target)
        else:
            shutil.copy(source, target)
    for line in ("git init -q -b main", "git add .", "git commit -q -m first"):
        subprocess.run(line.split(), cwd=folder, check=True, capture_output=True)
