"""The few things of Dagster that have no public name yet. Everything private is imported here and nowhere else."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence, Set
from pathlib import Path
from typing import TYPE_CHECKING, cast

import dagster as dg
from dagster._core.code_pointer import ModuleCodePointer
from dagster._core.definitions.data_version import DATA_VERSION_TAG
from dagster._core.errors import DagsterUserCodeUnreachableError
from dagster._core.execution.api import create_execution_plan
from dagster._core.execution.plan.state import KnownExecutionState
from dagster._core.instance.ref import InstanceRef
from dagster._core.origin import JobPythonOrigin, RepositoryPythonOrigin
from dagster._core.remote_origin import RemoteJobOrigin, RemoteRepositoryOrigin
from dagster._core.run_coordinator.base import SubmitRunContext
from dagster._core.run_coordinator.queued_run_coordinator import QueuedRunCoordinator, RunQueueConfig
from dagster._core.scheduler.instigation import InstigatorState, SensorInstigatorData
from dagster._core.storage.dagster_run import FINISHED_STATUSES, NOT_FINISHED_STATUSES
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage
from dagster._core.storage.tags import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
    BACKFILL_ID_TAG,
    GRPC_INFO_TAG,
    MAX_RETRIES_TAG,
    PARENT_RUN_ID_TAG,
    PARTITION_NAME_TAG,
    PRIORITY_TAG,
    RESUME_RETRY_TAG,
    ROOT_RUN_ID_TAG,
    SCHEDULE_NAME_TAG,
    TAGS_TO_MAYBE_OMIT_ON_RETRY,
    WILL_RETRY_TAG,
)
from dagster._grpc.client import DagsterGrpcClient

if TYPE_CHECKING:
    from dagster._core.workspace.context import BaseWorkspaceRequestContext

__all__ = [
    "ASSET_PARTITION_RANGE_END_TAG",
    "ASSET_PARTITION_RANGE_START_TAG",
    "BACKFILL_ID_TAG",
    "DATA_VERSION_TAG",
    "FINISHED_STATUSES",
    "GRPC_INFO_TAG",
    "MAX_RETRIES_TAG",
    "NOT_FINISHED_STATUSES",
    "PARENT_RUN_ID_TAG",
    "PARTITION_NAME_TAG",
    "PRIORITY_TAG",
    "RESUME_RETRY_TAG",
    "ROOT_RUN_ID_TAG",
    "SCHEDULE_NAME_TAG",
    "TAGS_TO_MAYBE_OMIT_ON_RETRY",
    "WILL_RETRY_TAG",
    "DagsterUserCodeUnreachableError",
    "InstanceRef",
    "QueuedRunCoordinator",
    "RemoteJobOrigin",
    "RemoteRepositoryOrigin",
    "RunQueueConfig",
    "SubmitRunContext",
    "code_location",
    "event_files",
    "forget_input_version",
    "latest_materializations",
    "queue_run",
    "read_marks",
    "server_answers",
    "unfinished_steps",
    "write_mark",
]


def forget_input_version(context: dg.AssetExecutionContext, key: dg.AssetKey) -> None:
    """Makes Dagster look the version of an input up again when the step's output is recorded.

    It reads them before the step begins; a source observed within the step would then count as newer than
    what was made from that very observation.
    """
    context.get_step_execution_context().wipe_input_asset_version_info(key)


def latest_materializations(instance: dg.DagsterInstance, key: dg.AssetKey) -> Mapping[str, int]:
    """The storage id of the latest materialization of each partition of an asset."""
    return instance.event_log_storage.get_latest_storage_id_by_partition(key, dg.DagsterEventType.ASSET_MATERIALIZATION)


def event_files(instance: dg.DagsterInstance) -> Mapping[str, Path]:
    """The file with the events of each run, by run id; none where they are kept in another way than in SQLite files."""
    storage = instance.event_log_storage
    if not isinstance(storage, SqliteEventLogStorage):
        return {}
    # Events of no run have a file, too, with nothing in front of its ending.
    return {run_id: Path(storage.path_for_shard(run_id)) for run_id in storage.get_all_run_ids() if run_id}


def read_marks(instance: dg.DagsterInstance, keys: Set[str]) -> Mapping[str, str]:
    """What stands under these keys in the table of small values in Dagster's database; a key may be missing."""
    return instance.run_storage.get_cursor_values(set(keys))


def write_mark(instance: dg.DagsterInstance, key: str, value: str) -> None:
    """Puts a value into that table. There is no removing: "" stands for nothing."""
    instance.run_storage.set_cursor_values({key: value})


def code_location(instance: dg.DagsterInstance, sensors: str) -> RemoteRepositoryOrigin | None:
    """Where the daemon finds our jobs: what the sensor says whose name begins so and that ticked last, None before
    the first tick."""
    states = [one for one in instance.all_instigator_state() if one.instigator_name.startswith(sensors)]

    def ticked_at(state: InstigatorState) -> float:
        data = state.instigator_data
        return (data.last_tick_timestamp or 0.0) if isinstance(data, SensorInstigatorData) else 0.0

    latest = max(states, key=ticked_at, default=None)
    return latest.origin.repository_origin if latest else None


def unfinished_steps(instance: dg.DagsterInstance, run: dg.DagsterRun) -> tuple[Sequence[str], KnownExecutionState]:
    """The steps of a failed or canceled run that did not succeed, and what the others left."""
    return KnownExecutionState.build_resume_retry_reexecution(instance, run)


def queue_run(
    instance: dg.DagsterInstance,
    job: dg.JobDefinition,
    origin: RemoteJobOrigin,
    *,
    tags: Mapping[str, str],
    like: dg.DagsterRun | None = None,
    steps: tuple[Sequence[str], KnownExecutionState] | None = None,
) -> dg.DagsterRun:
    """Asks the daemon for a run of a job, which may be a further one of the run `like`, of these steps only.

    This is what the web interface does, without a process of its own that loads the code.
    """
    selection = like.asset_selection if like else None
    whole = job.get_subset(asset_selection=selection) if selection else job
    config = like.run_config if like else None
    plan = create_execution_plan(
        whole,
        run_config=config,
        step_keys_to_execute=steps[0] if steps else None,
        known_state=steps[1] if steps else None,
        instance_ref=instance.get_ref(),
        tags=tags,
    )
    run = instance.create_run_for_job(
        job,
        execution_plan=plan,
        run_config=config,
        tags=tags,
        status=dg.DagsterRunStatus.NOT_STARTED,
        asset_selection=selection,
        parent_run_id=like.run_id if like else None,
        root_run_id=(like.root_run_id or like.run_id) if like else None,
        remote_job_origin=origin,
        job_code_origin=_code_origin(job.name),
    )
    # The queue asks the workspace nothing; only who has a code server could make one.
    return instance.run_coordinator.submit_run(SubmitRunContext(run, cast("BaseWorkspaceRequestContext", None)))


def _code_origin(job: str) -> JobPythonOrigin:
    pointer = ModuleCodePointer("vector_pipeline.definitions", "defs", os.getcwd())
    return JobPythonOrigin(job, RepositoryPythonOrigin(sys.executable, pointer))


def server_answers(run: dg.DagsterRun) -> bool:
    """Whether the code server that was told to start a run is still there. The run must name one."""
    said = json.loads(run.tags[GRPC_INFO_TAG])
    client = DagsterGrpcClient(
        port=said.get("port"), socket=said.get("socket"), host=said.get("host"), use_ssl=bool(said.get("use_ssl"))
    )
    try:
        client.ping("")
    except DagsterUserCodeUnreachableError:
        return False
    return True
