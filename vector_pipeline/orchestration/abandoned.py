"""Runs whose process died without a word: found by the lock that each run holds, and ended.

Dagster's own launcher can't tell whether the process of a run is still there once the daemon was killed too, or
where the run began at a terminal; such a run would keep its partition and its places in pools for a day. The lock
on a run's file is released by the operating system however the process died. The files stay on one machine: a
run without a file here is another machine's and left alone.

A run takes its lock when its process is up and has read the settings. One that was killed before is known by the
code server that was to run it, which no longer answers, or by the lock that the terminal took before it began.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
from filelock import FileLock, Timeout

from vector_pipeline.orchestration.busy import MOST_RUNS
from vector_pipeline.orchestration.names import ABANDONED_TAG, INTERACTIVE_TAG, LAUNCH_TAG
from vector_pipeline.orchestration.private import GRPC_INFO_TAG, MAX_RETRIES_TAG, server_answers

GRACE_SECONDS = 5.0
"""A run that ends releases its lock a moment before it is recorded as finished."""

_LAUNCH = "launch-"
"""Begins the name of the file of a terminal, the id of a run the file of a run."""

_LOADED_AT = datetime.now(UTC)
_looked_for_lost_starts = threading.Event()

_MESSAGE = "The process of this run is gone: it was killed, or the machine went down. The next run finishes its work."


@contextmanager
def marked_alive(data_dir: Path, instance: dg.DagsterInstance, run_id: str) -> Iterator[None]:
    """Shows that a run is alive for the length of the block, and gives its places in pools back at the end."""
    path = _lock_path(data_dir, run_id)
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


@contextmanager
def launching(data_dir: Path, launch: str) -> Iterator[None]:
    """Shows that the terminal is alive which has a run begin under this name (LAUNCH_TAG), for the block's length."""
    path = _lock_path(data_dir, f"{_LAUNCH}{launch}")
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _lock(path):
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


def end_abandoned_runs(data_dir: Path, instance: Callable[[], dg.DagsterInstance]) -> list[str]:
    """Records the runs of this machine whose process is gone as failed and frees what they held; their ids.

    `instance` is called only where there is such a run: opening one costs more than looking.
    """
    folder = _folder(data_dir)
    if not folder.is_dir():
        return []
    free = [path for path in sorted(folder.glob("*.lock")) if _is_free(path)]
    if not free:
        return []
    opened = instance()
    _wait_for_ends(opened, [path.stem for path in free])
    return [run_id for path in free for run_id in _end(path, opened)]


def end_lost_starts(data_dir: Path, instance: Callable[[], dg.DagsterInstance]) -> list[str]:
    """Ends the runs that were being started when all processes were killed; their ids.

    Looks once in a process: what is being started since then has a server that lives as long as this process.
    """
    if _looked_for_lost_starts.is_set():
        return []
    opened = instance()
    begun = opened.get_run_records(
        dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED]), limit=MOST_RUNS
    )
    unlocked = [one for one in begun if not _lock_path(data_dir, one.dagster_run.run_id).exists()]
    lost = [one.dagster_run for one in unlocked if _is_lost(one)]
    for run in lost:
        _report(opened, run)
    _looked_for_lost_starts.set()
    return [run.run_id for run in lost]


def _is_lost(record: dg.RunRecord) -> bool:
    """Whether nobody is left who would bring the run up."""
    if GRPC_INFO_TAG not in record.dagster_run.tags:
        # A run that goes on without one belongs to a terminal, maybe to one of another machine.
        is_starting = record.dagster_run.status == dg.DagsterRunStatus.STARTING
        return is_starting and record.update_timestamp.astimezone(UTC) < _LOADED_AT
    return not server_answers(record.dagster_run)


def _end(path: Path, instance: dg.DagsterInstance) -> list[str]:
    """Ends the run of a file that nobody holds; none where the run ended by itself, or took its lock meanwhile."""
    if not _is_free(path):
        return []
    named = path.stem
    wanted = dg.RunsFilter(run_ids=[named])
    if named.startswith(_LAUNCH):
        wanted = dg.RunsFilter(tags={LAUNCH_TAG: named.removeprefix(_LAUNCH)})
    runs = instance.get_runs(wanted, limit=MOST_RUNS)
    abandoned = [run for run in runs if not run.is_finished]
    for run in abandoned:
        _report(instance, run)
    for run_id in {named, *(run.run_id for run in runs)}:
        instance.event_log_storage.free_concurrency_slots_for_run(run_id)
    path.unlink(missing_ok=True)
    return [run.run_id for run in abandoned]


def _report(instance: dg.DagsterInstance, run: dg.DagsterRun) -> None:
    """Records that a run is over: as canceled where a person wanted that, else as failed."""
    if run.status == dg.DagsterRunStatus.CANCELING:
        instance.report_run_canceled(run, _MESSAGE)
        return
    # Whoever waited for it at a terminal is gone; the sensors see to what is left.
    no_retries = {MAX_RETRIES_TAG: "0"} if INTERACTIVE_TAG in run.tags else {}
    instance.add_run_tags(run.run_id, {ABANDONED_TAG: "true", **no_retries})
    instance.report_run_failed(instance.get_run_by_id(run.run_id) or run, _MESSAGE)


def _wait_for_ends(instance: dg.DagsterInstance, run_ids: list[str]) -> None:
    """Returns when all of the runs are finished (or unknown), or after the grace."""
    deadline = time.monotonic() + GRACE_SECONDS
    while time.monotonic() < deadline:
        runs = map(instance.get_run_by_id, run_ids)
        if all(run is None or run.is_finished for run in runs):
            return
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


def _lock_path(data_dir: Path, run_id: str) -> Path:
    return _folder(data_dir) / f"{run_id}.lock"


def _folder(data_dir: Path) -> Path:
    return data_dir / "runs"
