"""Running the Dagster jobs in this process, for someone who waits at a terminal.

The runs are ordinary runs of the instance: they stand in the UI with their materializations and checks. They differ
in that a failed or stopped step is not tried again: the person at the terminal sees it and decides.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import dagster as dg

from vector_pipeline.definitions import defs
from vector_pipeline.orchestration.abandoned import launching
from vector_pipeline.orchestration.instance import make_storage
from vector_pipeline.orchestration.names import (
    CHECK_JOB,
    INTERACTIVE_TAG,
    LAUNCH_TAG,
    partitions_of,
    sync_job_name,
)
from vector_pipeline.orchestration.private import MAX_RETRIES_TAG, PARTITION_NAME_TAG, InstanceRef
from vector_pipeline.orchestration.standing import is_told_again
from vector_pipeline.sync.modes import as_tags
from vector_pipeline.sync.stages import Options

_RUN_CONFIG = {
    # Dagster's own console log would run through the progress display; what it says is in the run's event log.
    "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
    # Dagster counts Ctrl-C as a failure to try again.
    "execution": {"config": {"retries": {"disabled": {}}}},
}

# Capturing what steps print redirects this process's own output and starts two more processes for every run.
_NO_CAPTURE = {
    "compute_logs": {"module": "dagster._core.storage.noop_compute_log_manager", "class": "NoOpComputeLogManager"}
}


@dataclass(frozen=True, slots=True)
class RunOutcome:
    """How a run ended.

    `error` says what the failed step said; `failed_checks` maps the names of failed checks to their descriptions.
    """

    run_id: str
    success: bool
    failed_checks: dict[str, str]
    error: str = ""


@contextmanager
def terminal_instance(home: Path) -> Iterator[dg.DagsterInstance]:
    """The instance whose home is `home`, for runs in this process."""
    make_storage(home)
    ref = InstanceRef.from_dir(str(home), overrides=_NO_CAPTURE)
    with dg.DagsterInstance.from_ref(ref) as instance:
        yield instance


def run_sync(instance: dg.DagsterInstance, data_dir: Path, partition: str, options: Options) -> RunOutcome:
    """Runs the sync job of a partition's source type for that partition. Errors are in the ingestion history."""
    source_type, name = partition.split("/", 1)
    instance.add_dynamic_partitions(str(partitions_of(source_type).name), [name])
    return _run(instance, data_dir, sync_job_name(source_type), {PARTITION_NAME_TAG: name, **as_tags(options)})


def run_check(instance: dg.DagsterInstance, data_dir: Path) -> RunOutcome:
    """Runs the collection's upkeep and its global check."""
    return _run(instance, data_dir, CHECK_JOB, {})


def record_stop(instance: dg.DagsterInstance, run_id: str) -> None:
    """Marks a run as canceled that a person stopped, whether Dagster took that for a failure or noticed nothing."""
    run = instance.get_run_by_id(run_id)
    if run is not None and run.status not in (dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.CANCELED):
        instance.report_run_canceled(run, "Stopped at the terminal; the next run goes on from here.")


def forget_partition(instance: dg.DagsterInstance, partition: str) -> None:
    """Deletes the partition key of a source of which nothing is left."""
    source_type, name = partition.split("/", 1)
    instance.delete_dynamic_partition(str(partitions_of(source_type).name), name)


def job_named(name: str) -> dg.JobDefinition:
    """The job as the code location defines it."""
    return _definitions().resolve_job_def(name)


@cache
def _definitions() -> dg.Definitions:
    return defs()


def _run(instance: dg.DagsterInstance, data_dir: Path, job: str, tags: dict[str, str]) -> RunOutcome:
    """Runs a job to its end. Raises KeyboardInterrupt where it was stopped outside a step."""
    launch = str(uuid.uuid4())
    try:
        with (
            launching(data_dir, launch),
            dg.execute_job(
                dg.build_reconstructable_job(__name__, job_named.__name__, (job,)),
                instance,
                run_config=_RUN_CONFIG,
                tags={INTERACTIVE_TAG: "true", LAUNCH_TAG: launch, MAX_RETRIES_TAG: "0", **tags},
            ) as result,
        ):
            return _outcome(result)
    except KeyboardInterrupt:
        for run in instance.get_runs(dg.RunsFilter(tags={LAUNCH_TAG: launch})):
            record_stop(instance, run.run_id)
        raise


def _outcome(result: dg.JobExecutionResult) -> RunOutcome:
    failed = {
        f"{evaluation.asset_key.to_user_string()}: {evaluation.check_name}": evaluation.description or ""
        for evaluation in result.get_asset_check_evaluations()
        # An hour may have passed since an answer that is told again: this run says nothing about it.
        if not (evaluation.passed or is_told_again(evaluation))
    }
    return RunOutcome(result.run_id, result.success, failed, "" if result.success else _first_failure(result))


def _first_failure(result: dg.JobExecutionResult) -> str:
    """What the first failed step said on purpose; "" for errors that nobody foresaw: they may carry text."""
    for event in result.all_events:
        if event.is_step_failure and (said := event.step_failure_data.user_failure_data):
            return said.description or ""
    return ""
