"""A sync in a process of its own that is killed at a chosen call: the n-th of a method, before or after it works.

The process is forked from a server that has imported everything and started nothing, so that it costs milliseconds.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vector_pipeline.index.edge import EdgeIndex
from vector_pipeline.settings_file import load_settings
from vector_pipeline.sources.local_files import LocalFiles
from vector_pipeline.state.store import StateStore
from vector_pipeline.sync.pipeline import Pipeline
from vector_pipeline.sync.runner import sync_partition
from vector_pipeline.sync.stages import Options
from vector_pipeline_tests.project import Project

_OWNERS: dict[str, type] = {"store": StateStore, "index": EdgeIndex, "files": LocalFiles}
_PATIENCE = 300.0


@dataclass(frozen=True)
class KillPoint:
    """The `call`-th call of a method of the "store", the "index" or the "files"; of `fetch`, its `call`-th answer."""

    owner: str
    method: str
    call: int = 1
    after: bool = True

    def __str__(self) -> str:
        return f"{'after' if self.after else 'before'} call {self.call} of {self.owner}.{self.method}"


def sync_killed(
    project: Project, partition: str, point: KillPoint, *, full: bool = False, options: Options | None = None
) -> None:
    """Syncs a partition in a process that dies at the point; fails if it gets past it."""
    code = sync_until(project, partition, point, options or Options(full=full))
    assert code == -signal.SIGKILL, f"exit code {code}: never came to {point}"


def sync_until(project: Project, partition: str, point: KillPoint, options: Options) -> int | None:
    """Syncs a partition in a process that dies at the point if it gets there; the exit code."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    process = context.Process(target=_sync, args=(project.file, partition, point, options))
    process.start()
    process.join(_PATIENCE)
    if process.is_alive():
        process.kill()
        process.join()
        raise AssertionError(f"still running after {_PATIENCE:g} s, meant to die {point}")
    return process.exitcode


def _sync(settings_file: Path, partition: str, point: KillPoint, options: Options) -> None:
    _arm(point)
    loaded = load_settings(settings_file)
    with Pipeline(loaded.settings, loaded.data_dir) as pipeline:
        sync_partition(pipeline, partition, "killed", options)


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _arm(point: KillPoint) -> None:
    owner = _OWNERS[point.owner]
    original = getattr(owner, point.method)
    calls = 0

    def call(*arguments: Any, **named: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == point.call and not point.after:
            _die()
        answer = original(*arguments, **named)
        if calls == point.call:
            _die()
        return answer

    def generate(*arguments: Any, **named: Any) -> Iterator[Any]:
        nonlocal calls
        for answer in original(*arguments, **named):
            calls += 1
            if calls == point.call:
                _die()
            yield answer

    setattr(owner, point.method, generate if point.method == "fetch" else call)
