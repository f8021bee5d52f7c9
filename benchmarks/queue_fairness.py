"""How soon a changed file is searchable while many runs wait: the runs of a backfill over hundreds of folders are put
into the queue of a real `vector-pipeline dev`, then files of other folders are changed one after the other. Prints a
table.

    python -m benchmarks.queue_fairness --folders 500 --changes 5
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import tempfile
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, cast

import dagster as dg

from vector_pipeline.orchestration.launch import job_named
from vector_pipeline.orchestration.names import partitions_of, sync_job_name
from vector_pipeline.orchestration.private import (
    BACKFILL_ID_TAG,
    PARTITION_NAME_TAG,
    RemoteJobOrigin,
    SubmitRunContext,
    code_location,
    queue_run,
)
from vector_pipeline.orchestration.queue_pause import pause, resume
from vector_pipeline_tests.orchestration.test_daemon import ask, dagster_dev, finds, instance_of, wait_for
from vector_pipeline_tests.project import Project

if TYPE_CHECKING:
    from dagster._core.workspace.context import BaseWorkspaceRequestContext

FRESH = 3
"""Folders whose files are changed: in step before the others are queued."""


def main() -> None:
    """Reads the arguments, measures, prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folders", type=int, default=500)
    parser.add_argument("--changes", type=int, default=5)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="fairness") as folder:
        measure(Path(folder), given.folders, given.changes)


def measure(folder: Path, folders: int, changes: int) -> None:
    """Queues a run for each of the folders, and changes files while they wait."""
    project = Project(folder / "project")
    os.environ["VECTOR_PIPELINE_CONFIG"] = str(project.file)
    fresh = [_folder(project, folder, f"fresh{number}") for number in range(FRESH)]
    project.sync()
    names = [_folder(project, folder, f"bulk{number:04}").name for number in range(folders)]
    with dagster_dev(project) as address:
        wait_for("the web interface", lambda: _answers(address), 300)
        with instance_of(project) as instance:
            pause(instance, "the backfill is being queued")
            origin = wait_for("the sensors", lambda: code_location(instance, "observe_local_files"), 300)
            _queue(instance, RemoteJobOrigin(origin, sync_job_name("local_files")), names)
            resume(instance)
            wait_for("the first of the backfill", lambda: _ended(instance) >= 2, 600)
            print(f"{_queued(instance)} runs queued; {os.cpu_count()} cores, {platform.machine()}\n")
            print("| change | searchable after s | runs queued then | runs ended meanwhile |\n|---|---|---|---|")
            taken = [_change(project, instance, fresh[number % FRESH], number) for number in range(changes)]
    print(f"\nmedian {statistics.median(taken):.0f} s, longest {max(taken):.0f} s")


def _queue(instance: dg.DagsterInstance, origin: RemoteJobOrigin, names: list[str]) -> None:
    """A run for each partition, as a backfill asks for them; all but the first are copies, which takes less time."""
    instance.add_dynamic_partitions(str(partitions_of("local_files").name), names)
    job = job_named(origin.job_name)
    of_backfill = {BACKFILL_ID_TAG: "measured"}
    first = queue_run(instance, job, origin, tags={PARTITION_NAME_TAG: names[0], **of_backfill})
    for name in names[1:]:
        tags = {**of_backfill, PARTITION_NAME_TAG: name}
        copy = first._replace(run_id=str(uuid.uuid4()), tags=tags, status=dg.DagsterRunStatus.NOT_STARTED)
        context = SubmitRunContext(instance.add_run(copy), cast("BaseWorkspaceRequestContext", None))
        instance.run_coordinator.submit_run(context)


def _folder(project: Project, folder: Path, name: str) -> Path:
    path = folder / name
    path.mkdir()
    (path / "note.md").write_text(f"# Note\n\nA note of {name}.\n")
    project.add_folder(name, path)
    return path


def _change(project: Project, instance: dg.DagsterInstance, folder: Path, number: int) -> float:
    """Seconds from a change to the search that finds it."""
    words, before, begun = f"walrus number {number} of {folder.name}", _ended(instance), time.monotonic()
    (folder / "note.md").write_text(f"# Note\n\nThe {words} sings.\n")
    wait_for(words, lambda: finds(project, words), 600)
    took = time.monotonic() - begun
    print(f"| {number + 1} | {took:.0f} | {_queued(instance)} | {_ended(instance) - before} |", flush=True)
    return took


def _queued(instance: dg.DagsterInstance) -> int:
    return instance.get_runs_count(dg.RunsFilter(statuses=[dg.DagsterRunStatus.QUEUED]))


def _ended(instance: dg.DagsterInstance) -> int:
    return instance.get_runs_count(dg.RunsFilter(statuses=[dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE]))


def _answers(address: str) -> bool:
    try:
        return bool(ask(address, "{ version }"))
    except OSError:
        return False


if __name__ == "__main__":
    main()
