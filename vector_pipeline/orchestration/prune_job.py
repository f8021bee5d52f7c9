"""`prune` as a job with a form, and its weekly schedule."""

from collections.abc import Sequence
from datetime import UTC, datetime

import dagster as dg
from pydantic import Field

from vector_pipeline.consistency.prunable import Prunable, find_all, free_all
from vector_pipeline.consistency.pruning import PRUNE_LOCK, prunable_kinds
from vector_pipeline.orchestration.names import INDEX_POOL
from vector_pipeline.orchestration.retention import dagster_kinds
from vector_pipeline.settings_file import SettingsError, find_settings_file, load_settings
from vector_pipeline.sync.pipeline import Pipeline

PRUNE_JOB = "prune"


class PruneConfig(dg.Config):
    """What the form of the launchpad asks."""

    dry_run: bool = Field(default=True, description="Only say what would be removed.")
    collections_now: bool = Field(
        default=False, description="Drop former collections at once; `rollback` is not possible after that."
    )


class PruneIncomplete(dg.Failure):
    """Some kinds could not be looked at or freed; the others were."""


@dg.op(name="remove", pool=INDEX_POOL, required_resource_keys={"pipeline"})
def prune_op(context: dg.OpExecutionContext, config: PruneConfig) -> None:
    """Removes what is no longer needed and past its retention, or says what that would be."""
    pipeline: Pipeline = context.resources.pipeline
    now = datetime.now(UTC)
    kinds = [
        *prunable_kinds(pipeline, now, collections_now=config.collections_now),
        *dagster_kinds(context.instance, pipeline.data_dir, now, pipeline.settings.retention.runs),
    ]
    if config.dry_run:
        found = find_all(kinds)
    else:
        with pipeline.store.lock(PRUNE_LOCK, 0):
            found = free_all(kinds)
    context.add_output_metadata(
        {
            "dry_run": config.dry_run,
            "number": sum(one.number for one in found),
            "bytes": sum(one.size or 0 for one in found),
            "free_bytes": pipeline.store.free_bytes(),
            "table": dg.MetadataValue.md(_table(found)),
        }
    )
    if failed := [one for one in found if one.error]:
        raise PruneIncomplete("; ".join(f"{one.kind}: {one.error}" for one in failed))


def build_prune_job() -> dg.JobDefinition:
    """The job that prunes; started by hand without changes to the form it only shows."""

    @dg.job(name=PRUNE_JOB, description="Removes what is no longer needed and past its retention; first only shows it.")
    def prune() -> None:
        prune_op()

    return prune


def build_prune_schedule(*, running: bool) -> dg.ScheduleDefinition:
    """Prunes every week; off unless the settings or someone in the UI turn it on."""
    return dg.ScheduleDefinition(
        name="prune_weekly",
        job_name=PRUNE_JOB,
        cron_schedule="41 3 * * 0",
        run_config=dg.RunConfig(ops={"remove": PruneConfig(dry_run=False)}),
        description="Removes what is past its retention, every Sunday. On where `retention.schedule` says so.",
        default_status=dg.DefaultScheduleStatus.RUNNING if running else dg.DefaultScheduleStatus.STOPPED,
    )


def prunes_by_itself() -> bool:
    """Whether the settings turn the schedule on; False where they can't be read."""
    try:
        return load_settings(find_settings_file(None)).settings.retention.schedule
    except SettingsError:
        return False


def _table(found: Sequence[Prunable]) -> str:
    lines = ["| what | number | bytes | oldest | waiting |", "| --- | ---: | ---: | --- | ---: |"]
    for one in found:
        oldest = one.oldest.date().isoformat() if one.oldest else ""
        lines.append(f"| {one.kind} | {one.number} | {one.size or ''} | {oldest} | {one.waiting or ''} |")
    return "\n".join(lines)
