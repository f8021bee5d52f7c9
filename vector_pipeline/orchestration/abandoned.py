"""Runs whose process died without a word: found by the lock that each run holds, and ended.

Dagster's own launcher can't tell whether the process of a run is still there once the daemon was killed too, or
where the run began at a terminal; such a run would keep its partition and its places in pools for a day. The lock
on a run's file is released by the operating system however the process died. The files stay on one machine: a
run without a file here is another machine's and left alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
from filelock import FileLock, Timeout

from vector_pipeline.orchestration.names import INTERACTIVE_TAG
from vector_pipeline.orchestration.private import MAX_RETRIES_TAG

GRACE_SECONDS = 5.0
"""A run that ends releases its lock a moment before it is recorded as finished."""

_MESSAGE = "The process of this run is gone: it was killed, or the machine went down. The next run finishes its work."


@contextmanager
def marked_alive(data_dir: Path, instance: dg.DagsterInstance, run_id: str) -> Iterator[None]:
    """Shows that a run is alive for the length of the block, and gives its places in pools back at the end."""
    path = _folder(data_dir) / f"{run_id}.lock"
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = _lock(path)
    lock.acquire()
    try:
        yield
    finally:
        # An interrupted step does not give its place back by itself.
        instance.event_log_storage.free_concurrency_slots_for_run(run_id)
        path.unlink(missing_ok=True)
        lock.release()


def end_abandoned_runs(data_dir: Path, instance: Callable[[], dg.DagsterInstance]) -> list[str]:
    """Records the runs of this machine whose process is gone as failed and frees what they held; their ids.

    `instance` is called only where there is such a run: opening one costs more than looking.
    """
    folder = _folder(data_dir)
    if not folder.is_dir():
        return []
    return [path.stem for path in sorted(folder.glob("*.lock")) if _is_free(path) and _end(path, instance())]


def _end(path: Path, instance: dg.DagsterInstance) -> bool:
    """Ends the run of a file that nobody holds; False where the run ended by itself, or took its lock meanwhile."""
    run_id = path.stem
    abandoned = not _finishes(instance, run_id)
    if not _is_free(path):
        return False
    if abandoned:
        run = instance.get_run_by_id(run_id)
        if run is not None and INTERACTIVE_TAG in run.tags:
            # Whoever waited for it at a terminal is gone; the sensors see to what is left.
            instance.add_run_tags(run_id, {MAX_RETRIES_TAG: "0"})
            run = instance.get_run_by_id(run_id)
        if run is not None and not run.is_finished:
            instance.report_run_failed(run, _MESSAGE)
    instance.event_log_storage.free_concurrency_slots_for_run(run_id)
    path.unlink(missing_ok=True)
    return abandoned


def _finishes(instance: dg.DagsterInstance, run_id: str) -> bool:
    """Whether the run is finished (or unknown), or becomes so within the grace."""
    deadline = time.monotonic() + GRACE_SECONDS
    while True:
        run = instance.get_run_by_id(run_id)
        if run is None or run.is_finished:
            return True
        if time.monotonic() >= deadline:
            return False
        time.sleep(0.1)


def _is_free(path: Path) -> bool:
    lock = _lock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return False
    lock.release()
    return True


def _lock(path: Path) -> FileLock:
    # Not one per thread: two runs of one process exclude each other like those of two.
    return FileLock(path, mode=0o600, thread_local=False)


def _folder(data_dir: Path) -> Path:
    return data_dir / "runs"
