"""The collection as an asset, its global check, and when they run: after syncs, and on a schedule."""

import time
from collections.abc import Iterator, Sequence
from itertools import takewhile
from typing import Any

import dagster as dg
from pydantic import Field

from vector_pipeline.consistency.check_file import AFTER_SYNCS, Check, checks_on
from vector_pipeline.consistency.check_file import COLLECTION as ON_COLLECTION
from vector_pipeline.consistency.checks import checked_builds, each_result, is_of_a_collection, look_at, run_checks
from vector_pipeline.consistency.look import Depth
from vector_pipeline.consistency.repairs import record_offenders
from vector_pipeline.consistency.result import CheckResult, with_other
from vector_pipeline.consistency.switching import settle_alias
from vector_pipeline.orchestration.metadata import check_result
from vector_pipeline.orchestration.names import (
    CHECK_ALL_JOB,
    CHECK_JOB,
    COLLECTION,
    FULL_TAG,
    INDEX_POOL,
    OPTIMIZE_TAG,
    chain_keys,
    is_sync_job,
    stage_key,
)
from vector_pipeline.orchestration.private import FINISHED_STATUSES, NOT_FINISHED_STATUSES
from vector_pipeline.orchestration.records import with_records
from vector_pipeline.orchestration.repair_job import MENDING_JOBS
from vector_pipeline.orchestration.standing import standing_answers
from vector_pipeline.sync.builds import build_progress
from vector_pipeline.sync.collection import prepare_collection
from vector_pipeline.sync.pipeline import Pipeline
from vector_pipeline.sync.stages import POINTS

CHECK_SHARE = 0.05
"""Part of the time that checks after syncs may take: where one takes a minute, the next waits for twenty."""

QUICK_SECONDS = 5.0
"""Of a check that are not counted for the pause: Dagster's own start, and small collections."""

MOST_RUNS = 500
"""Runs that one tick of the sensor looks at."""


class CheckForm(dg.Config):
    """How closely to look."""

    full: bool = Field(default=False, description="Read everything where otherwise a sample is read.")


def build_collection(source_types: list[str]) -> dg.AssetsDefinition:
    """The collection that all points go to: its schema, alias, size and upkeep."""

    @dg.asset(
        key=COLLECTION,
        deps=[stage_key(source_type, POINTS) for source_type in source_types],
        group_name="qdrant",
        kinds={"qdrant"},
        pool=INDEX_POOL,
        required_resource_keys={"pipeline"},
        description="The Qdrant collection: schema, payload indexes, alias, optimizer and statistics.",
    )
    def collection(context: dg.AssetExecutionContext) -> dg.MaterializeResult:  # type: ignore[type-arg]  # Dagster reads the bare class only
        pipeline: Pipeline = context.resources.pipeline
        prepare_collection(pipeline)
        searched = settle_alias(pipeline)
        if searched.reason:
            context.log.warning(f"searches stay on {searched.collection}: {searched.reason}")
        progress = build_progress(pipeline)
        info = pipeline.index.info(pipeline.collection)
        optimized = False
        # Optimizing keeps everyone else from the embedded shard while it lasts: only when the schedule asks for it.
        pending = info.points - info.indexed_vectors
        if context.run.tags.get(OPTIMIZE_TAG) == "true" and pending > pipeline.settings.index.optimize_above:
            optimized = pipeline.index.optimize(pipeline.collection)
            info = pipeline.index.info(pipeline.collection)
        return dg.MaterializeResult(
            data_version=dg.DataVersion(f"{pipeline.collection}:{info.points}"),
            metadata={
                "dagster/row_count": info.points,
                "collection": pipeline.collection,
                "alias": pipeline.settings.index.alias,
                "searched": searched.collection == pipeline.collection,
                "searched_collection": searched.collection,
                "complete_percent": progress.percent if progress else 100,
                "not_switched": searched.reason,
                "location": pipeline.index.location,
                "indexed_vectors": info.indexed_vectors,
                "segments": info.segments,
                "disk_bytes": info.disk_bytes,
                "payload_indexes": len(info.payload_indexes),
                "optimized": optimized,
            },
        )

    return collection


def build_checks() -> dg.AssetChecksDefinition:
    """All checks of the collection, in one step: they share what they read."""
    checks = {check.name: check for check in checks_on(ON_COLLECTION)}

    @dg.multi_asset_check(
        name="collection_checks",
        specs=[
            dg.AssetCheckSpec(name, asset=COLLECTION, blocking=False, description=_description(check))
            for name, check in checks.items()
        ],
        can_subset=True,
        pool=INDEX_POOL,
        required_resource_keys={"pipeline"},
    )
    def collection_checks(
        context: dg.AssetCheckExecutionContext, config: CheckForm
    ) -> Iterator[dg.AssetCheckResult | dg.AssetCheckEvaluation]:
        full = config.full or context.run.tags.get(FULL_TAG) == "true"
        depth = Depth.FULL if full else Depth.SAMPLE
        selected = [checks[name] for name in sorted(key.name for key in context.selected_asset_check_keys)]
        searched, *built = checked_builds(context.resources.pipeline)
        others = {
            (result.name, build.collection): (build, result)
            for build in built
            for result in run_checks(look_at(build, depth=depth), filter(is_of_a_collection, selected))
        }
        for result in each_result(with_records(look_at(searched, depth=depth), context.instance), selected):
            _record(context, searched, result)
            for (name, collection), (build, other) in others.items():
                if name == result.name:
                    _record(context, build, other)
                    result = with_other(result, other, collection)
            yield check_result(result, COLLECTION)
        if context.run.job_name == CHECK_JOB:
            left = checks.keys() - {check.name for check in selected}
            yield from standing_answers(context.instance, [dg.AssetCheckKey(COLLECTION, name) for name in sorted(left)])

    return collection_checks


def _description(check: Check) -> str:
    """The invariant, and when it is looked at where that is not after every sync."""
    return check.invariant if check.when == AFTER_SYNCS else f"{check.invariant} Looked at every hour."


def _record(context: dg.AssetCheckExecutionContext, build: Pipeline, result: CheckResult) -> None:
    """Has the next runs mend what offends."""
    if doubted := record_offenders(build, result):
        context.log.warning(f"the next run of {', '.join(doubted)} compares everything with the index")


def build_check_jobs() -> list[Any]:
    """The jobs that look after the collection and prove it right: by what costs little, and by everything."""
    upkeep = dg.AssetSelection.assets(COLLECTION).without_checks()
    cheap = [check.name for check in checks_on(ON_COLLECTION) if check.when == AFTER_SYNCS]
    return [
        dg.define_asset_job(
            CHECK_JOB,
            selection=upkeep | dg.AssetSelection.checks(*(dg.AssetCheckKey(COLLECTION, name) for name in cheap)),
            description="Collection upkeep and the checks that ask neither sources nor the embedding endpoint.",
        ),
        dg.define_asset_job(
            CHECK_ALL_JOB,
            selection=upkeep | dg.AssetSelection.checks_for_assets(COLLECTION),
            description="Collection upkeep and all checks. With `full` they read everything, else samples.",
        ),
    ]


def build_check_schedule() -> dg.ScheduleDefinition:
    """All checks, every hour, whether or not anything ran."""
    return dg.ScheduleDefinition(
        name="check_collection_hourly",
        job_name=CHECK_ALL_JOB,
        cron_schedule="17 * * * *",
        tags={OPTIMIZE_TAG: "true"},
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="All checks, those too that ask sources or embed queries, and the optimizer where it has work.",
    )


def build_check_sensor(source_types: list[str], check_jobs: list[Any]) -> dg.SensorDefinition:
    """Starts the check when syncs have ended and none is under way: once for all that ran together.

    After a repair it starts all checks, so that what was mended is green again at once.
    """
    stages = frozenset(key for source_type in source_types for key in chain_keys(source_type))

    @dg.sensor(
        name="check_after_syncs",
        jobs=check_jobs,
        minimum_interval_seconds=30,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Checks the collection after syncs, and by all checks after a repair.",
    )
    def sensor(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        instance = context.instance
        ended = _ended_since(instance, stages, context.cursor)
        if not ended:
            return dg.SkipReason("nothing was synced since the last check")
        unfinished = instance.get_runs(dg.RunsFilter(statuses=NOT_FINISHED_STATUSES), limit=MOST_RUNS)
        if any(run.job_name in (CHECK_JOB, CHECK_ALL_JOB) or _is_sync(run, stages) for run in unfinished):
            return dg.SkipReason("runs are under way")
        if (pause := pause_before_check(instance)) > 0:
            return dg.SkipReason(f"the last check took long enough to wait another {pause:.0f} s")
        latest = ended[0].run_id
        job = CHECK_ALL_JOB if any(run.job_name in MENDING_JOBS for run in ended) else CHECK_JOB
        return dg.SensorResult(run_requests=[dg.RunRequest(run_key=latest, job_name=job)], cursor=latest)

    return sensor


def _is_sync(run: dg.DagsterRun, stages: frozenset[dg.AssetKey]) -> bool:
    """Whether a run, of whatever job (a backfill or a repair too), works on what a stage of a source made."""
    return (
        is_sync_job(run.job_name)
        or run.job_name in MENDING_JOBS
        or bool(run.asset_selection and run.asset_selection & stages)
    )


def _ended_since(
    instance: dg.DagsterInstance, stages: frozenset[dg.AssetKey], checked: str | None
) -> list[dg.DagsterRun]:
    """The syncs and repairs that ended after the one with the id `checked`, the latest first.

    Well or badly: one that failed may have written before.
    """
    records = instance.get_run_records(
        dg.RunsFilter(statuses=FINISHED_STATUSES), limit=MOST_RUNS // 10, order_by="update_timestamp", ascending=False
    )
    ended = [record.dagster_run for record in records if _is_sync(record.dagster_run, stages)]
    return list(takewhile(lambda run: run.run_id != checked, ended))


def pause_before_check(instance: dg.DagsterInstance) -> float:
    """Seconds until the next check may begin, 0 or less where it may now."""
    last: Sequence[dg.RunRecord] = instance.get_run_records(dg.RunsFilter(job_name=CHECK_JOB), limit=1)
    if not last or last[0].start_time is None or last[0].end_time is None:
        return 0.0
    took = max(0.0, last[0].end_time - last[0].start_time - QUICK_SECONDS)
    return last[0].end_time + took / CHECK_SHARE - time.time()
