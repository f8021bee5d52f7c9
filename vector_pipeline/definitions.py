"""The Dagster code location: every source type's chain, the collection, sensors, schedules and jobs.

Loading it touches nothing but the settings file, for the number of sources that share a run.
"""

from __future__ import annotations

import warnings

import dagster as dg

from vector_pipeline.orchestration.alert_sensor import build_alert_sensor
from vector_pipeline.orchestration.assets import build_chain
from vector_pipeline.orchestration.backup_job import build_backup_job, build_backup_schedule
from vector_pipeline.orchestration.collection import (
    build_check_jobs,
    build_check_schedule,
    build_check_sensor,
    build_checks,
    build_collection,
)
from vector_pipeline.orchestration.names import chain_keys, sync_job_name
from vector_pipeline.orchestration.plan_job import build_plan_job
from vector_pipeline.orchestration.prune_job import build_prune_job, build_prune_schedule, prunes_by_itself
from vector_pipeline.orchestration.repair_job import build_repair_jobs
from vector_pipeline.orchestration.resources import limits_in_force, pipeline_resource, sources_per_run
from vector_pipeline.orchestration.sensors import build_sensor
from vector_pipeline.settings_limits import LimitSettings
from vector_pipeline.sources.registry import SOURCE_TYPES


@dg.definitions
def defs() -> dg.Definitions:
    """Everything Dagster shows and runs."""
    return build_definitions(list(SOURCE_TYPES), sources_per_run(), limits_in_force())


def build_definitions(source_types: list[str], per_run: int, limits: LimitSettings | None = None) -> dg.Definitions:
    """The definitions for these source types, with up to `per_run` sources in one run of a backfill.

    Sensors ask for a run per source all the same: one that fails then holds no other back.
    """
    with warnings.catch_warnings():
        # Observable sources are marked beta; that is known, and the version is pinned.
        warnings.simplefilter("ignore", category=dg.BetaWarning)
        return _build(source_types, per_run, limits)


def _build(source_types: list[str], per_run: int, limits: LimitSettings | None) -> dg.Definitions:
    check_jobs = build_check_jobs()
    jobs = [
        dg.define_asset_job(
            sync_job_name(source_type),
            selection=dg.AssetSelection.assets(*chain_keys(source_type)),
            description=f"Brings {source_type} sources in step: documents, chunks, embeddings, points.",
        )
        for source_type in source_types
    ]
    return dg.Definitions(
        assets=[
            *(asset for t in source_types for asset in build_chain(t, per_run, limits)),
            build_collection(source_types),
        ],
        asset_checks=[build_checks()],
        jobs=[*jobs, *check_jobs, *build_repair_jobs(), build_backup_job(), build_prune_job(), build_plan_job()],
        sensors=[
            *(build_sensor(source_type) for source_type in source_types),
            build_check_sensor(source_types, check_jobs),
            build_alert_sensor(source_types),
        ],
        schedules=[
            build_check_schedule(),
            build_backup_schedule(),
            build_prune_schedule(running=prunes_by_itself()),
        ],
        resources={"pipeline": pipeline_resource},
        # A process per step costs seconds; the stages of a partition follow each other anyway.
        executor=dg.in_process_executor,
    )
