"""Runs by their ids: found by the beginning of one, cancelled, and tried again, as Dagster does it."""

from __future__ import annotations

from pathlib import Path

import dagster as dg

from vector_pipeline.errors import PipelineError
from vector_pipeline.orchestration.abandoned import end_abandoned_runs
from vector_pipeline.orchestration.busy import MOST_RUNS
from vector_pipeline.orchestration.launch import job_named
from vector_pipeline.orchestration.names import INTERACTIVE_TAG
from vector_pipeline.orchestration.private import (
    GRPC_INFO_TAG,
    MAX_RETRIES_TAG,
    PARENT_RUN_ID_TAG,
    RESUME_RETRY_TAG,
    ROOT_RUN_ID_TAG,
    TAGS_TO_MAYBE_OMIT_ON_RETRY,
    DagsterUserCodeUnreachableError,
    queue_run,
    unfinished_steps,
)
from vector_pipeline.orchestration.queue_submit import job_origin

_RECENT = 5_000
"""Runs among which one is looked for by the beginning of its id."""

_OF_THE_FIRST_TRY = {GRPC_INFO_TAG, INTERACTIVE_TAG, MAX_RETRIES_TAG, *TAGS_TO_MAYBE_OMIT_ON_RETRY}
"""Tags that say how a run went or was started, and nothing of what it is for."""


class NoSuchRun(PipelineError):
    """No run, or more than one, begins like this."""


class NotPossible(PipelineError):
    """The run is not in a state in which this can be done to it."""


def find_run(instance: dg.DagsterInstance, beginning: str) -> dg.DagsterRun:
    """The run whose id begins so, among the latest. Raises NoSuchRun."""
    if exact := instance.get_run_by_id(beginning):
        return exact
    found = [one for one in instance.get_run_ids(limit=_RECENT) if beginning and one.startswith(beginning)]
    if len(found) == 1 and (run := instance.get_run_by_id(found[0])):
        return run
    if found:
        raise NoSuchRun(f"{len(found)} runs begin with {beginning}", hint="give more characters of the id")
    raise NoSuchRun(
        f"no run begins with {beginning!r}", hint="`vector-pipeline queue status` lists runs with their ids"
    )


def cancel(instance: dg.DagsterInstance, data_dir: Path, run: dg.DagsterRun) -> str:
    """Cancels a run: "canceled" where it is over with it, "stopping" where its process still has to end.

    A run under way closes its row in the ingestion history by itself. Raises NotPossible.
    """
    if run.is_finished:
        raise NotPossible(f"run {run.run_id} has ended: {run.status.value.lower()}")
    end_abandoned_runs(data_dir, lambda: instance)
    if (now := instance.get_run_by_id(run.run_id)) is None or now.is_finished:
        return "canceled"
    if INTERACTIVE_TAG in run.tags:
        raise NotPossible(f"run {run.run_id} belongs to a sync at a terminal", hint="stop it there with Ctrl-C")
    try:
        instance.run_coordinator.cancel_run(run.run_id)
    except DagsterUserCodeUnreachableError:
        # Who started it is gone, and with it the run, or it would have been found alive or abandoned above.
        instance.report_run_canceled(now, "Canceled: the server that was to run it is gone.")
    ended = instance.get_run_by_id(run.run_id)
    return "canceled" if ended is None or ended.is_finished else "stopping"


def cancel_queued(instance: dg.DagsterInstance) -> list[str]:
    """Cancels all runs that wait in the queue; their ids."""
    waiting = dg.RunsFilter(statuses=[dg.DagsterRunStatus.QUEUED])
    ids = [run.run_id for run in instance.get_runs(waiting, limit=MOST_RUNS)]
    for run_id in ids:
        instance.run_coordinator.cancel_run(run_id)
    return ids


def retry(instance: dg.DagsterInstance, run: dg.DagsterRun) -> tuple[dg.DagsterRun, bool]:
    """Asks for an ended run again: the new run, and whether it goes on behind the steps that succeeded.

    Raises NotPossible, NoDaemon.
    """
    if not run.is_finished:
        raise NotPossible(f"run {run.run_id} has not ended", hint="`vector-pipeline watch` follows it")
    steps = None
    if run.status != dg.DagsterRunStatus.SUCCESS:
        left = unfinished_steps(instance, run)
        done = any(event.is_step_success for event in _events(instance, run))
        steps = left if left[0] and done else None
    tags = {key: value for key, value in run.tags.items() if key not in _OF_THE_FIRST_TRY}
    tags |= {PARENT_RUN_ID_TAG: run.run_id, ROOT_RUN_ID_TAG: run.root_run_id or run.run_id}
    tags |= {RESUME_RETRY_TAG: "true"} if steps else {}
    origin = job_origin(instance, run.job_name)
    return queue_run(instance, job_named(run.job_name), origin, tags=tags, like=run, steps=steps), steps is not None


def _events(instance: dg.DagsterInstance, run: dg.DagsterRun) -> list[dg.DagsterEvent]:
    found = instance.all_logs(run.run_id, of_type=dg.DagsterEventType.STEP_SUCCESS)
    return [entry.dagster_event for entry in found if entry.dagster_event]
