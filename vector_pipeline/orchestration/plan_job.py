"""`plan` as a job with a form: what a sync would do, as numbers and tables in the metadata of the run."""

from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg
from pydantic import Field

from vector_pipeline.errors import PipelineError
from vector_pipeline.orchestration.metadata import cell, printable
from vector_pipeline.orchestration.run_options import SyncConfig
from vector_pipeline.sync.modes import read_options
from vector_pipeline.sync.plan import Change, DocumentChange, Outlook, Plan, SourcePlan
from vector_pipeline.sync.planner import Wish, make_plan
from vector_pipeline.sync.stages import Options
from vector_pipeline.sync.summary import money

PLAN_JOB = "plan"

MOST_NAMED = 200
"""Documents that the metadata of a run names."""


class PlanConfig(SyncConfig):
    """What the form of the launchpad asks: how the sync would run, and how closely to look."""

    sources: list[str] = Field([], description="Sources such as git/handbook, or whole sites; none is all of them.")
    documents: bool = Field(False, description=f"Name the documents, {MOST_NAMED} at most.")
    estimate: bool = Field(False, description="Guess from earlier runs, without reading documents.")


class PlanIncomplete(dg.Failure):
    """Some sources could not be looked at; the others were."""


@dg.op(name="look", required_resource_keys={"pipeline"})
def plan_op(context: dg.OpExecutionContext, config: PlanConfig) -> None:
    """Says what a sync would do now, what it would cost and how long it would take."""
    try:
        options = _options(context.run.tags, config)
        wish = Wish(tuple(config.sources), options, is_detailed=config.documents, is_estimate=config.estimate)
        plan = make_plan(context.resources.pipeline, wish)
    except PipelineError as error:
        raise dg.Failure(description=str(error), allow_retries=False) from None
    if failed := [one for one in plan.sources if one.outlook == Outlook.FAILED]:
        said = "\n".join(f"{one.error}; {one.hint}" if one.hint else one.error for one in failed)
        # The output of a step that fails is never recorded, nor its metadata: the failure carries it.
        raise PlanIncomplete(said, metadata=plan_metadata(plan), allow_retries=False)
    context.add_output_metadata(plan_metadata(plan))


def build_plan_job() -> dg.JobDefinition:
    """The job that plans."""

    @dg.job(
        name=PLAN_JOB, description="Says what a sync would do, what it costs and how long it takes; writes nothing."
    )
    def plan() -> None:
        plan_op()

    return plan


def plan_metadata(plan: Plan) -> dict[str, Any]:
    """A plan as metadata: its sources as a table, its documents where they are named, its sums as numbers.

    The tables come first: of long metadata the page of a run shows the beginning. The sums are of what would go ahead.
    """
    named = [(one.source, each) for one in plan.sources for each in one.documents]
    counted = ("embeddings: embedded", "embeddings: tokens", "points: upserted", "points: deleted")
    metadata: dict[str, Any] = {
        "table": dg.MetadataValue.md(_table(plan)),
        **({"documents": _documents(named)} if named else {}),
        "sources": len(plan.sources),
        "held_back": len(plan.held_back),
        **{name.replace(": ", "_"): plan.total(name) for name in counted},
        "cost": dg.MetadataValue.float(plan.cost),
        "currency": plan.currency,
    }
    ahead = [one for one in plan.sources if one.goes_ahead]
    for change in Change:
        metadata[change.value.replace(" ", "_")] = sum(one.changes.get(change, 0) for one in ahead)
    if plan.seconds is not None:
        metadata["estimated_seconds"] = dg.MetadataValue.float(plan.seconds)
    return metadata


def _options(tags: Mapping[str, str], config: PlanConfig) -> Options:
    """How the sync would run. Raises OptionError."""
    given = {name: getattr(config, name) for name in SyncConfig.model_fields}
    return read_options(tags, given if given["limit"] else {**given, "limit": None})


def _table(plan: Plan) -> str:
    lines = [
        "| source | plan | what would change | texts | tokens | cost | seconds | what stands in the way |",
        "| --- | --- | --- | ---: | ---: | ---: | ---: | --- |",
    ]
    for one in plan.sources:
        about = "~" if one.is_estimate else ""
        changes = ", ".join(f"{number:,} {change.value}" for change, number in one.changes.items())
        seconds = "" if one.seconds is None else f"{one.seconds:.1f}"
        texts, tokens = one.count("embeddings: embedded"), one.count("embeddings: tokens")
        lines.append(
            f"| {cell(one.source)}{' (new)' if one.is_new else ''} | {one.outlook.value} | {changes} "
            f"| {about}{texts:,} | {about}{tokens:,} | {about}{money(one.cost, plan.currency)} | {seconds} "
            f"| {cell(_obstacle(one))} |"
        )
    return "\n".join(lines)


def _obstacle(one: SourcePlan) -> str:
    if one.error:
        return one.error
    if one.release and one.brake:
        return f"{one.brake.vanished} of {one.brake.held} documents are gone; if that is right: {one.release}"
    return "; ".join(one.notes)


def _documents(named: Sequence[tuple[str, DocumentChange]]) -> dg.TableMetadataValue:
    records = [
        dg.TableRecord(
            {
                "source": printable(source),
                "change": each.change.value,
                "document": printable(each.name),
                "before": printable(each.former),
                "why": printable(each.reason),
            }
        )
        for source, each in named[:MOST_NAMED]
    ]
    columns = [dg.TableColumn(name, "string") for name in ("source", "change", "document", "before", "why")]
    return dg.MetadataValue.table(records=records, schema=dg.TableSchema(columns=columns))
