"""Dagster's own records past their retention: finished runs with their events and logs, and files of runs long gone.

Deleting a run takes its materializations along, by which Dagster tells what is stale and the UI shows what is there.
The run of the latest materialization of each partition therefore stays, and the latest runs of each job.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg

from vector_pipeline.consistency.prunable import Kind, Prunable
from vector_pipeline.orchestration.abandoned import end_abandoned_runs
from vector_pipeline.orchestration.names import partitions_of
from vector_pipeline.orchestration.private import (
    FINISHED_STATUSES,
    event_files,
    latest_materializations,
)

RUNS, FILES = "Dagster runs", "files of runs that are gone"

_PAGE = 500
_MOST_RUNS = 1_000_000
_YOUNG = timedelta(days=1)
"""A file of a run may be made a moment before the run is recorded."""
_ENDINGS = ("", "-wal", "-shm", "-journal")


@dataclass(frozen=True, slots=True)
class EndedRun:
    """A finished run: its id and job, whether it succeeded, when it ended."""

    run_id: str
    job: str
    succeeded: bool
    ended_at: datetime


def plan_runs(runs: Sequence[EndedRun], kept: Collection[str], before: datetime) -> list[EndedRun]:
    """The runs to delete, oldest first: ended by `before`, not among `kept`, neither the latest of their job nor its
    latest that succeeded.
    """
    latest: dict[tuple[str, bool], EndedRun] = {}
    for run in sorted(runs, key=lambda run: run.ended_at):
        latest[run.job, False] = run
        if run.succeeded:
            latest[run.job, True] = run
    staying = {run.run_id for run in latest.values()} | set(kept)
    due = [run for run in runs if run.ended_at <= before and run.run_id not in staying]
    return sorted(due, key=lambda run: run.ended_at)


def dagster_kinds(instance: dg.DagsterInstance, data_dir: Path, now: datetime, retention: timedelta) -> list[Kind]:
    """Finished runs, and files left of runs that are no more."""

    def due() -> list[EndedRun]:
        runs = list(_ended_runs(instance))
        before = now - retention
        # What has to stay is asked for only where there is something to delete.
        if not plan_runs(runs, (), before):
            return []
        return plan_runs(runs, _runs_of_latest_materializations(instance), before)

    def find_runs() -> Prunable:
        found = due()
        files = event_files(instance)
        size = sum(_size(files[run.run_id]) for run in found if run.run_id in files)
        oldest = found[0].ended_at if found else None
        return Prunable(RUNS, len(found), size or None, oldest)

    def free_runs() -> Prunable:
        found = due()
        files = event_files(instance)
        size = sum(_delete(instance, run.run_id, files.get(run.run_id)) for run in found)
        return Prunable(RUNS, len(found), size or None, found[0].ended_at if found else None)

    def find_files() -> Prunable:
        return _told([*_stray_files(instance, now), *_stray_locks(instance, data_dir)])

    def free_files() -> Prunable:
        told = find_files()
        for path in _stray_files(instance, now):
            _delete_logs(instance, path.stem)
            _unlink(path)
        end_abandoned_runs(data_dir, lambda: instance)
        return told

    return [Kind(RUNS, find_runs, free_runs), Kind(FILES, find_files, free_files)]


def _ended_runs(instance: dg.DagsterInstance) -> Iterator[EndedRun]:
    cursor = None
    for _ in range(0, _MOST_RUNS, _PAGE):
        page = instance.get_run_records(dg.RunsFilter(statuses=FINISHED_STATUSES), limit=_PAGE, cursor=cursor)
        for record in page:
            run = record.dagster_run
            ended = record.end_time or record.update_timestamp.timestamp()
            succeeded = run.status == dg.DagsterRunStatus.SUCCESS
            yield EndedRun(run.run_id, run.job_name, succeeded, datetime.fromtimestamp(ended, UTC))
        if len(page) < _PAGE:
            return
        cursor = page[-1].dagster_run.run_id


def _runs_of_latest_materializations(instance: dg.DagsterInstance) -> set[str]:
    """The runs that made the latest of each asset; of partitions those that there still are."""
    found: set[str] = set()
    for key in instance.all_asset_keys():
        partitioned = latest_materializations(instance, key)
        keys = set(instance.get_dynamic_partitions(str(partitions_of(key.path[0]).name)))
        ids = [storage_id for partition, storage_id in partitioned.items() if partition in keys]
        for start in range(0, len(ids), _PAGE):
            some = ids[start : start + _PAGE]
            chosen = dg.AssetRecordsFilter(asset_key=key, storage_ids=some)
            found |= {record.run_id for record in instance.fetch_materializations(chosen, limit=len(some)).records}
        if not partitioned:
            found |= {record.run_id for record in instance.fetch_materializations(key, limit=1).records}
    return found


def _delete(instance: dg.DagsterInstance, run_id: str, file: Path | None) -> int:
    """Deletes a run with its logs and its file; the bytes of the file."""
    size = _size(file) if file else 0
    # Its logs first: without the run nobody would look for them.
    _delete_logs(instance, run_id)
    instance.delete_run(run_id)
    if file:
        _unlink(file)
    return size


def _delete_logs(instance: dg.DagsterInstance, run_id: str) -> None:
    with contextlib.suppress(OSError):
        instance.compute_log_manager.delete_logs(prefix=[run_id])


def _stray_files(instance: dg.DagsterInstance, now: datetime) -> Iterator[Path]:
    """Files of events whose run was deleted: Dagster empties them and leaves them behind."""
    files = event_files(instance)
    ids = sorted(files)
    for start in range(0, len(ids), _PAGE):
        some = ids[start : start + _PAGE]
        known = {run.run_id for run in instance.get_runs(dg.RunsFilter(run_ids=some))}
        for run_id in some:
            if run_id not in known and _touched(files[run_id]) <= (now - _YOUNG).timestamp():
                yield files[run_id]


def _stray_locks(instance: dg.DagsterInstance, data_dir: Path) -> Iterator[Path]:
    """Locks of runs of this machine that have ended: left by a process that was killed."""
    for path in sorted((data_dir / "runs").glob("*.lock")):
        run = instance.get_run_by_id(path.stem)
        if run is None or run.is_finished:
            yield path


def _told(paths: Sequence[Path]) -> Prunable:
    oldest = min((datetime.fromtimestamp(_touched(path), UTC) for path in paths), default=None)
    return Prunable(FILES, len(paths), sum(map(_size, paths)) or None, oldest)


def _touched(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return time.time()


def _size(path: Path) -> int:
    total = 0
    for ending in _ENDINGS:
        with contextlib.suppress(OSError):
            total += path.with_name(path.name + ending).stat().st_size
    return total


def _unlink(path: Path) -> None:
    for ending in _ENDINGS:
        path.with_name(path.name + ending).unlink(missing_ok=True)
