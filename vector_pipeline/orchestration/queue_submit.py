"""Asking the running daemon for syncs: runs that wait in its queue like those of the sensors, and stay there."""

from __future__ import annotations

import dagster as dg

from vector_pipeline.errors import PipelineError
from vector_pipeline.orchestration.launch import job_named
from vector_pipeline.orchestration.names import REASON_TAG, partitions_of, sync_job_name
from vector_pipeline.orchestration.private import (
    PARTITION_NAME_TAG,
    PRIORITY_TAG,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
    code_location,
    queue_run,
)
from vector_pipeline.orchestration.queue_marks import BY_HAND
from vector_pipeline.orchestration.queue_status import is_alive, last_heartbeat
from vector_pipeline.sync.due import Due
from vector_pipeline.sync.modes import as_tags
from vector_pipeline.sync.stages import Options

_START = "start it with `vector-pipeline dev`, or sync here with `vector-pipeline sync`"


class NoDaemon(PipelineError):
    """There is nobody who would start what is put into the queue."""


def submit_sync(instance: dg.DagsterInstance, due: Due, options: Options, priority: int | None = None) -> str:
    """Puts a sync of a partition into the queue; the id of its run. Raises NoDaemon."""
    source_type, name = due.partition.split("/", 1)
    instance.add_dynamic_partitions(str(partitions_of(source_type).name), [name])
    tags = {
        PARTITION_NAME_TAG: name,
        REASON_TAG: due.reason,
        PRIORITY_TAG: str(BY_HAND if priority is None else priority),
        **as_tags(options),
    }
    job = job_named(sync_job_name(source_type))
    return queue_run(instance, job, job_origin(instance, job.name), tags={**job.tags, **tags}).run_id


def put_forward(instance: dg.DagsterInstance, run_id: str, priority: int) -> None:
    """Gives a run that waits another priority."""
    instance.add_run_tags(run_id, {PRIORITY_TAG: str(priority)})


def job_origin(instance: dg.DagsterInstance, job: str) -> RemoteJobOrigin:
    """Where the running daemon finds a job of ours. Raises NoDaemon."""
    return RemoteJobOrigin(_living(instance), job)


def raise_if_no_daemon(instance: dg.DagsterInstance) -> None:
    """Raises NoDaemon where nobody would start what is put into the queue."""
    _living(instance)


def _living(instance: dg.DagsterInstance) -> RemoteRepositoryOrigin:
    heard_at = last_heartbeat(instance)
    found = code_location(instance, "observe_") if is_alive(heard_at) else None
    if found is None:
        since = f"was last heard of at {heard_at:%Y-%m-%d %H:%M:%S} UTC" if heard_at else "has never run"
        why = "has not loaded the pipeline yet" if is_alive(heard_at) else since
        raise NoDaemon(f"Dagster's daemon {why}; nothing was put into its queue", hint=_START)
    return found
