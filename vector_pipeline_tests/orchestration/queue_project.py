"""A queue without a daemon: what says that one is there, runs that wait, and which of them Dagster would start now."""

from __future__ import annotations

import time
from collections.abc import Mapping

import dagster as dg
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.remote_origin import (
    ManagedGrpcPythonEnvCodeLocationOrigin,
    RemoteInstigatorOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.scheduler.instigation import InstigatorState, InstigatorStatus, SensorInstigatorData
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._daemon.run_coordinator.queued_run_coordinator_daemon import QueuedRunCoordinatorDaemon
from dagster._daemon.types import DaemonHeartbeat

from vector_pipeline.orchestration.launch import job_named
from vector_pipeline.orchestration.names import partitions_of, sync_job_name
from vector_pipeline.orchestration.private import PARTITION_NAME_TAG, RemoteJobOrigin, code_location, queue_run


def pretend_daemon(instance: dg.DagsterInstance, *, seconds_ago: float = 0.0) -> None:
    """Leaves in the instance what a daemon leaves there that was last alive so long ago."""
    location = ManagedGrpcPythonEnvCodeLocationOrigin(LoadableTargetOrigin(module_name="vector_pipeline.definitions"))
    origin = RemoteInstigatorOrigin(RemoteRepositoryOrigin(location, "__repository__"), "observe_local_files")
    data = SensorInstigatorData(last_tick_timestamp=time.time() - seconds_ago)
    state = InstigatorState(origin, InstigatorType.SENSOR, InstigatorStatus.DECLARED_IN_CODE, data)
    if code_location(instance, "observe_") is None:
        instance.add_instigator_state(state)
    beat = DaemonHeartbeat(time.time() - seconds_ago, QueuedRunCoordinatorDaemon.daemon_type(), "daemon", [])
    instance.add_daemon_heartbeat(beat)


def enqueue(
    instance: dg.DagsterInstance, key: str, tags: Mapping[str, str] | None = None, source_type: str = "local_files"
) -> str:
    """Puts a sync into the queue as a sensor or the web interface does; the id of its run. Without a key the tags say
    for which partitions it is.
    """
    if key:
        instance.add_dynamic_partitions(str(partitions_of(source_type).name), [key])
    origin = code_location(instance, "observe_")
    assert origin, "there is no daemon"
    job = job_named(sync_job_name(source_type))
    tags = {**({PARTITION_NAME_TAG: key} if key else {}), **(tags or {})}
    return queue_run(instance, job, RemoteJobOrigin(origin, job.name), tags=tags).run_id


def next_to_start(instance: dg.DagsterInstance) -> list[str]:
    """The partition keys of the runs that Dagster's own queue would start now, in its order."""
    daemon = QueuedRunCoordinatorDaemon(1)
    runs = daemon._get_runs_to_dequeue(instance, instance.get_concurrency_config(), None)
    return [run.tags[PARTITION_NAME_TAG] for run in runs]


def start(instance: dg.DagsterInstance, run_id: str, status: str = "PIPELINE_START") -> None:
    """Makes a queued run stand as started, or as starting (PIPELINE_STARTING)."""
    run = instance.get_run_by_id(run_id)
    assert run
    event = dg.DagsterEvent(event_type_value=status, job_name=run.job_name)
    instance.report_dagster_event(event, run_id)
