"""A backup or a restore in a process of its own that is killed (SIGKILL) before or after a chosen call."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vector_pipeline.consistency.backup import making, restoring, sqlite_copy, state_copy
from vector_pipeline.consistency.backup.making import make_backup
from vector_pipeline.consistency.backup.restoring import restore_backup
from vector_pipeline.consistency.backup.shelf import find_backups
from vector_pipeline.index import edge_files
from vector_pipeline.index.edge import EdgeIndex
from vector_pipeline.settings_file import load_settings
from vector_pipeline.state.store import StateStore
from vector_pipeline.sync.pipeline import Pipeline

_OWNERS: dict[str, Any] = {
    "index": EdgeIndex,
    "store": StateStore,
    "path": Path,
    "making": making,
    "restoring": restoring,
    "state_copy": state_copy,
    "sqlite_copy": sqlite_copy,
    "edge_files": edge_files,
}
_PATIENCE = 120.0


@dataclass(frozen=True)
class KillPoint:
    """Before or after the `call`-th call of something by name."""

    owner: str
    name: str
    after: bool = True
    call: int = 1

    def __str__(self) -> str:
        return f"{'after' if self.after else 'before'} call {self.call} of {self.owner}.{self.name}"


def backup_killed(settings_file: Path, folder: Path, point: KillPoint) -> None:
    """Makes a backup in a process that dies at the point; fails if it gets past it."""
    _killed(_backup, settings_file, folder, point)


def restore_killed(settings_file: Path, backup: Path, point: KillPoint) -> None:
    """Restores a backup in a process that dies at the point; fails if it gets past it."""
    _killed(_restore, settings_file, backup, point)


def _killed(work: Callable[[Pipeline, Path], None], settings_file: Path, folder: Path, point: KillPoint) -> None:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    process = context.Process(target=_run, args=(work, settings_file, folder, point))
    process.start()
    process.join(_PATIENCE)
    if process.is_alive():
        process.kill()
        process.join()
        raise AssertionError(f"still running after {_PATIENCE:g} s, meant to die {point}")
    assert process.exitcode == -signal.SIGKILL, f"exit code {process.exitcode}: never came to {point}"


def _run(work: Callable[[Pipeline, Path], None], settings_file: Path, folder: Path, point: KillPoint) -> None:
    owner = _OWNERS[point.owner]
    original = getattr(owner, point.name)
    calls = 0

    def call(*arguments: Any, **named: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == point.call and not point.after:
            os.kill(os.getpid(), signal.SIGKILL)
        answer = original(*arguments, **named)
        if calls == point.call:
            os.kill(os.getpid(), signal.SIGKILL)
        return answer

    setattr(owner, point.name, call)
    loaded = load_settings(settings_file)
    with Pipeline(loaded.settings, loaded.data_dir) as pipeline:
        work(pipeline, folder)


def _backup(pipeline: Pipeline, folder: Path) -> None:
    make_backup(pipeline, folder)


def _restore(pipeline: Pipeline, backup: Path) -> None:
    (found,) = find_backups(str(backup), backup.parent)
    restore_backup(pipeline, found, force=True)
