"""Repair, rebuild and reset as jobs that a person starts from a form in the launchpad."""

# Dagster reads the annotations of configs when their ops are defined: they must not be postponed.

from collections.abc import Sequence
from typing import Any

import dagster as dg
from pydantic import Field

from vector_pipeline.consistency.check_file import all_checks
from vector_pipeline.consistency.rebuilding import Rebuilt, rebuild
from vector_pipeline.consistency.repair_plan import RepairPlan
from vector_pipeline.consistency.repairing import Repair, Wanted, carry_out, examine, repairable
from vector_pipeline.consistency.resetting import reset
from vector_pipeline.consistency.result import CheckResult
from vector_pipeline.orchestration.names import COLLECTION, INDEX_POOL
from vector_pipeline.sync.pipeline import Pipeline

REPAIR_JOB, REBUILD_JOB, RESET_JOB = "repair", "rebuild", "reset"
MENDING_JOBS = frozenset({REPAIR_JOB, REBUILD_JOB, RESET_JOB})
"""After them all checks are run again."""

_PLAN = ("source", "action", "number")
_DONE = ("source", "what", "number")
_CHECKS = ("check", "before", "after")
_LEFT = ("check", "source", "offenders", "why")


class RepairForm(dg.Config):
    """What to mend."""

    dry_run: bool = Field(default=True, description="Only show what would be done.")
    full: bool = Field(default=False, description="Look at everything instead of samples.")
    sync: bool = Field(default=False, description="Also sync sources that are behind, in full.")
    sources: list[str] = Field(default=[], description="TYPE/NAME of each; none for all, and what belongs to none.")
    checks: list[str] = Field(default=[], description="Only what these checks find; none for all checks.")


class RebuildForm(dg.Config):
    """What to write again."""

    sources: list[str] = Field(default=[], description="TYPE/NAME of each; none for all.")


class ResetForm(dg.Config):
    """What to forget."""

    source: str = Field(default="", description="TYPE/NAME of the source.")
    confirm: str = Field(default="", description="The same again, so that nothing is forgotten by a slip.")
    drop: bool = Field(default=False, description="Remove documents and points at once, not when they are read again.")


def build_repair_jobs() -> list[dg.JobDefinition]:
    """The three jobs."""
    return [_repair_job(), _rebuild_job(), _reset_job()]


def _repair_job() -> dg.JobDefinition:
    @dg.op(name="mend", pool=INDEX_POOL, required_resource_keys={"pipeline"})
    def mend(context: dg.OpExecutionContext, config: RepairForm) -> None:
        pipeline: Pipeline = context.resources.pipeline
        sources = _known(pipeline, config.sources)
        if unknown := set(config.checks) - set(all_checks()):
            raise dg.Failure(
                f"no check {', '.join(unknown)}; there are: {', '.join(all_checks())}", allow_retries=False
            )
        wanted = Wanted(sources, config.checks, full=config.full, sync=config.sync)
        passed = True
        for build in repairable(pipeline):
            outcome = examine(build, wanted)
            if not config.dry_run:
                carry_out(build, outcome)
            metadata = repair_metadata(outcome, dry_run=config.dry_run)
            said = "repair: what would be done" if config.dry_run else "repair: what was done"
            context.log_event(dg.AssetObservation(asset_key=COLLECTION, description=said, metadata=metadata))
            passed = passed and outcome.passed
        if not (config.dry_run or passed):
            raise dg.Failure("not everything could be mended; see the observation of this run", allow_retries=False)

    @dg.job(name=REPAIR_JOB, description="Mends what the checks find, by the smallest set of actions.")
    def job() -> None:
        mend()

    return job


def _rebuild_job() -> dg.JobDefinition:
    @dg.op(name="write_again", pool=INDEX_POOL, required_resource_keys={"pipeline"})
    def write_again(context: dg.OpExecutionContext, config: RebuildForm) -> None:
        pipeline: Pipeline = context.resources.pipeline
        rebuilt = rebuild(pipeline, _known(pipeline, config.sources))
        context.log_event(
            dg.AssetObservation(asset_key=COLLECTION, description="rebuild", metadata=rebuild_metadata(rebuilt))
        )
        if errors := [f"{one.partition}: {one.error}" for one in rebuilt if one.error]:
            raise dg.Failure("\n".join(errors), allow_retries=False)

    @dg.job(name=REBUILD_JOB, description="Writes all points again from what is stored; asks no source or endpoint.")
    def job() -> None:
        write_again()

    return job


def _reset_job() -> dg.JobDefinition:
    @dg.op(name="forget", pool=INDEX_POOL, required_resource_keys={"pipeline"})
    def forget(context: dg.OpExecutionContext, config: ResetForm) -> None:
        pipeline: Pipeline = context.resources.pipeline
        [source] = _known(pipeline, [config.source])
        if config.confirm != source:
            raise dg.Failure(f"`confirm` must repeat the source's name, {source}", allow_retries=False)
        done = reset(pipeline, source, drop=config.drop)
        metadata: dict[str, Any] = {
            "source": done.partition,
            "documents": done.documents,
            "points": done.points,
            "quarantined": done.quarantined,
            "mirror_removed": done.mirror,
            "dropped": done.dropped,
        }
        context.log_event(dg.AssetObservation(asset_key=COLLECTION, description="reset", metadata=metadata))

    @dg.job(name=RESET_JOB, description="Forgets what is stored of a source: the next sync reads all of it again.")
    def job() -> None:
        forget()

    return job


def repair_metadata(outcome: Repair, *, dry_run: bool) -> dict[str, Any]:
    """Tables of the plan, of what was done, of the checks before and after, and of what is left."""
    done = [(one.partition, what, number) for one in outcome.done for what, number in one.counts.items()]
    metadata: dict[str, Any] = {
        "collection": outcome.collection,
        "dry_run": dry_run,
        "passed": outcome.passed,
        "offenders_before": sum(one.offenders for one in outcome.before),
        "checks": _table(_CHECKS, _compared(outcome)),
    }
    left = [(one.check, one.partition, one.number, one.why) for one in outcome.plans[-1].left]
    for name, columns, rows in (
        ("plan", _PLAN, _planned(outcome.plan)),
        ("done", _DONE, done),
        ("left_for_a_person", _LEFT, left),
    ):
        if rows:
            metadata[name] = _table(columns, rows)
    if outcome.after is not None:
        metadata["offenders_after"] = sum(one.offenders for one in outcome.after)
        metadata.update(_totals(done))
    if errors := [f"{one.partition}: {one.error}" for one in outcome.done if one.error]:
        metadata["errors"] = "\n".join(errors)
    return metadata


def rebuild_metadata(rebuilt: Sequence[Rebuilt]) -> dict[str, Any]:
    """A row per source and number, and the totals."""
    rows = [(one.partition, what, number) for one in rebuilt for what, number in one.counts.items()]
    rows += [(one.partition, "documents kept", one.kept) for one in rebuilt if one.kept]
    rows += [(one.partition, "texts without a vector", one.lacking) for one in rebuilt if one.lacking]
    return {"done": _table(_DONE, rows), **_totals(rows)}


def _planned(plan: RepairPlan) -> list[tuple[object, ...]]:
    rows: list[tuple[object, ...]] = [("", plan.rebuild, "")] if plan.rebuild else []
    return rows + [(one.partition, name, number) for one in plan.partitions for name, number in one.counts.items()]


def _compared(outcome: Repair) -> list[tuple[object, ...]]:
    before = {one.name: _verdict(one) for one in outcome.before}
    after = {one.name: _verdict(one) for one in outcome.after or ()}
    return [(name, before.get(name, ""), after.get(name, "not yet")) for name in before | after]


def _verdict(result: CheckResult) -> str:
    return result.error or ("passed" if result.passed else f"{result.offenders} offenders")


def _totals(rows: Sequence[tuple[str, str, int]]) -> dict[str, int]:
    totals: dict[str, int] = {}
    for _, what, number in rows:
        name = what.replace(" ", "_")
        totals[name] = totals.get(name, 0) + number
    return totals


def _table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> dg.TableMetadataValue:
    """Rows as a table in Dagster's pages."""
    records = [dg.TableRecord({name: str(value) for name, value in zip(columns, row, strict=True)}) for row in rows]
    schema = dg.TableSchema(columns=[dg.TableColumn(name, "string") for name in columns])
    return dg.MetadataValue.table(records=records, schema=schema)


def _known(pipeline: Pipeline, sources: Sequence[str]) -> list[str]:
    """The sources named. Raises dg.Failure for one that neither the settings nor the store know."""
    known = {*pipeline.partitions(), *(one.name for one in pipeline.store.partitions())}
    if unknown := [name for name in sources if name not in known]:
        raise dg.Failure(f"no source {', '.join(unknown)}; there are: {', '.join(sorted(known))}", allow_retries=False)
    return list(dict.fromkeys(sources))
