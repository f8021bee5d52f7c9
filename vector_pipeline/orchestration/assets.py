"""The asset chain of a source type: source → documents → chunks → embeddings → points, made by one factory.

The factory knows no source type by name. An asset body asks the core to run its stage for each partition
of the run and reports what came of it.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any

import dagster as dg

from vector_pipeline.consistency.check_file import checks_on
from vector_pipeline.consistency.checks import look_at, run_check
from vector_pipeline.consistency.look import Depth
from vector_pipeline.consistency.repairs import record_offender
from vector_pipeline.documents import hash16
from vector_pipeline.embedding.base import EmbeddingUnavailable
from vector_pipeline.errors import PipelineError
from vector_pipeline.index.base import IndexUnavailable
from vector_pipeline.orchestration.metadata import (
    MOST_CHANGES,
    changes_metadata,
    partition_check_result,
    stage_metadata,
)
from vector_pipeline.orchestration.names import (
    EMBEDDING_POOL,
    INDEX_POOL,
    INTERACTIVE_TAG,
    partitions_of,
    source_key,
    source_pool,
    stage_key,
)
from vector_pipeline.orchestration.private import DATA_VERSION_TAG, forget_input_version
from vector_pipeline.orchestration.run_options import SyncConfig, options_of
from vector_pipeline.orchestration.run_summary import summaries_metadata
from vector_pipeline.settings_limits import LimitSettings
from vector_pipeline.sources.base import SourceUnreachable
from vector_pipeline.sync.history import close_run, find_ingestion
from vector_pipeline.sync.observation import observe
from vector_pipeline.sync.pipeline import Pipeline
from vector_pipeline.sync.runner import run_stage
from vector_pipeline.sync.stages import CHUNKS, DOCUMENTS, EMBEDDINGS, POINTS, STAGES, StageResult
from vector_pipeline.sync.summary import GOES_ON, STOPPED

PASSING = (SourceUnreachable, EmbeddingUnavailable, IndexUnavailable)
"""Errors that may be over in a moment: worth another try by Dagster itself."""


def retry_policy(limits: LimitSettings) -> dg.RetryPolicy | None:
    """How a step is tried again, as the settings say."""
    if not limits.step_retries:
        return None
    delay = limits.step_retry_delay.total_seconds()
    return dg.RetryPolicy(limits.step_retries, delay, dg.Backoff.EXPONENTIAL, dg.Jitter.PLUS_MINUS)


DESCRIPTIONS: Mapping[str, str] = {
    DOCUMENTS: "What the sources hold, as normalized text with its metadata, in the state store.",
    CHUNKS: "The documents cut by section, syntax or paragraph, within the token cap of the model.",
    EMBEDDINGS: "A vector for every chunk text, stored by model and text: a text is embedded once.",
    POINTS: "The points in Qdrant, equal to what chunks and embeddings say.",
}


def build_chain(
    source_type: str, sources_per_run: int = 1, limits: LimitSettings | None = None
) -> list[dg.AssetsDefinition | dg.SourceAsset]:
    """The five assets of a source type; without `limits` those that hold where the settings say nothing."""
    retries = retry_policy(limits or LimitSettings())
    return [
        _source_asset(source_type),
        *(_stage_asset(source_type, stage, sources_per_run, retries) for stage in STAGES),
    ]


def _source_asset(source_type: str) -> dg.SourceAsset:
    @dg.observable_source_asset(
        key=source_key(source_type),
        group_name=source_type,
        partitions_def=partitions_of(source_type),
        required_resource_keys={"pipeline"},
        description=f"The configured {source_type} sources, each observed by one cheap question.",
        tags={"dagster/kind/source": ""},
    )
    def source(context: dg.AssetExecutionContext) -> dg.DataVersionsByPartition:
        pipeline: Pipeline = context.resources.pipeline
        prefix = f"{source_type}/"
        observed = observe(pipeline, [name for name in pipeline.partitions() if name.startswith(prefix)])
        if observed.errors:
            # What the others said is in the state store; the sensor puts it here at its next tick.
            raise dg.Failure("\n".join(map(str, observed.errors.values())))
        return dg.DataVersionsByPartition(
            {name.removeprefix(prefix): version for name, version in observed.versions.items()}
        )

    return source


def _stage_asset(
    source_type: str, stage: str, sources_per_run: int, retries: dg.RetryPolicy | None
) -> dg.AssetsDefinition:
    position = STAGES.index(stage)
    upstream = source_key(source_type) if position == 0 else stage_key(source_type, STAGES[position - 1])
    key = stage_key(source_type, stage)
    form: Any = SyncConfig.to_config_schema() if stage == DOCUMENTS else None

    @dg.asset(
        key=key,
        deps=[upstream],
        group_name=source_type,
        partitions_def=partitions_of(source_type),
        # An explicit policy of one would take the partition key away from the run.
        backfill_policy=dg.BackfillPolicy.multi_run(sources_per_run) if sources_per_run > 1 else None,
        check_specs=[
            dg.AssetCheckSpec(
                check.name,
                asset=key,
                # A document in quarantine is shown in red, but the rest of the run is right and goes on.
                blocking=check.blocking,
                description=check.invariant,
            )
            for check in checks_on(stage)
        ],
        description=DESCRIPTIONS[stage],
        kinds={"qdrant"} if stage == POINTS else {"python"},
        retry_policy=retries if stage in (DOCUMENTS, EMBEDDINGS, POINTS) else None,
        pool={DOCUMENTS: source_pool(source_type), EMBEDDINGS: EMBEDDING_POOL, POINTS: INDEX_POOL}.get(stage),
        required_resource_keys={"pipeline"},
        config_schema=form,
    )
    def materialize(context: dg.AssetExecutionContext) -> dg.MaterializeResult:  # type: ignore[type-arg]  # Dagster reads the bare class only
        pipeline: Pipeline = context.resources.pipeline
        # Opened once for writing and for the checks that read back: opening grows with the collection.
        session = pipeline.index.session(pipeline.collection) if stage == POINTS else nullcontext()
        with _stopped_for_good(), session:
            results = _run_partitions(context, pipeline, source_type, stage)
            partitions = [result.partition for result in results]
            checks = _check(pipeline, key, stage, partitions, context.run.run_id)
        for result in results:
            _report(context, pipeline, key, result)
        return dg.MaterializeResult(data_version=dg.DataVersion(_version(results)), check_results=checks)

    return materialize


@contextmanager
def _stopped_for_good() -> Iterator[None]:
    """Ends a step that was told to stop: by itself Dagster would begin it again, as its retry policy says."""
    try:
        yield
    except (dg.DagsterExecutionInterruptedError, KeyboardInterrupt):
        raise dg.Failure(description=f"{STOPPED}; {GOES_ON}", allow_retries=False) from None


def _version(results: Sequence[StageResult]) -> str:
    """The data version of the output. Partitions that share a run share it: Dagster takes one per step."""
    if len(results) == 1:
        return results[0].version
    return hash16(*(f"{result.partition}={result.version}".encode() for result in results)).hex()


def _run_partitions(
    context: dg.AssetExecutionContext, pipeline: Pipeline, source_type: str, stage: str
) -> list[StageResult]:
    """Runs the stage for every partition of the run. Raises after the last one if any failed."""
    tags = context.run.tags
    options = options_of(context.run, source_type)
    if not context.has_partition_key and not context.has_partition_key_range:
        said = "the run is for no source; choose one as the partition, and start it again"
        raise dg.Failure(description=said, allow_retries=False)
    run_id, is_last = context.run.run_id, ends_with(context.run, source_type, stage)
    results, errors = [], []
    for name in context.partition_keys:
        try:
            results.append(run_stage(pipeline, stage, f"{source_type}/{name}", run_id, options, is_last=is_last))
        except PipelineError as error:
            errors.append(error)
    if errors:
        passing = all(isinstance(error, PASSING) for error in errors) and INTERACTIVE_TAG not in tags
        partitions = [f"{source_type}/{name}" for name in context.partition_keys]
        told = summaries_metadata(pipeline, partitions, run_id)
        raise dg.Failure(description="\n".join(map(str, errors)), metadata=told, allow_retries=passing)
    return results


def ends_with(run: dg.DagsterRun, source_type: str, stage: str) -> bool:
    """Whether none of the later stages is in the run: a person may choose some assets, or some steps, only."""
    later = [stage_key(source_type, one) for one in STAGES[STAGES.index(stage) + 1 :]]
    assets, steps = run.asset_selection, run.step_keys_to_execute
    # Nothing chosen is everything; Dagster says it with None or with an empty set.
    chosen = [key for key in later if not assets or key in assets]
    return not [key for key in chosen if not steps or key.to_python_identifier() in steps]


def _report(context: dg.AssetExecutionContext, pipeline: Pipeline, key: dg.AssetKey, result: StageResult) -> None:
    """Puts a partition's numbers on its materialization, and the version that was read on the source."""
    source_type, name = result.partition.split("/", 1)
    url = ""
    if result.source_version:
        with pipeline.source(result.partition) as source:
            url = source.url
        context.log_event(
            dg.AssetObservation(
                asset_key=source_key(source_type), partition=name, tags={DATA_VERSION_TAG: result.source_version}
            )
        )
        forget_input_version(context, source_key(source_type))
    metadata = stage_metadata(result, url)
    if result.stage == DOCUMENTS:
        partition = pipeline.store.partition(result.partition).partition_id
        metadata |= changes_metadata(pipeline.store.document_changes(partition, context.run.run_id, MOST_CHANGES))
    if result.stage == POINTS:
        metadata |= summaries_metadata(pipeline, [result.partition], context.run.run_id)
    context.add_asset_metadata(metadata, asset_key=key, partition_key=name)
    counts = ", ".join(f"{number} {what}" for what, number in result.counts.items() if number)
    context.log.info(f"{result.partition} {result.stage}: {counts or 'nothing to do'} in {result.seconds:.2f} s")


def _check(
    pipeline: Pipeline, key: dg.AssetKey, stage: str, partitions: list[str], run_id: str
) -> list[dg.AssetCheckResult]:
    """The checks of the stage over all partitions of the run; one that stops the run is in its history too."""
    looks = [
        look_at(pipeline, name, depth=Depth.LATEST) for name in partitions if pipeline.source_settings(name) is not None
    ]
    answers = []
    for check in checks_on(stage):
        results = {str(look.partition): run_check(check, look) for look in looks}
        answers.append(partition_check_result(check, key, results))
        if not check.blocking:
            continue
        for partition, result in results.items():
            if not result.passed:
                said = f"{check.name} found {result.offenders} offenders: {result.invariant}"
                _record_failure(pipeline, partition, run_id, f"{stage}: {said}")
                if stage == POINTS:
                    record_offender(pipeline, partition)
    return answers


def _record_failure(pipeline: Pipeline, partition: str, run_id: str, error: str) -> None:
    """Closes the run in the partition's ingestion history as failed."""
    store, currency = pipeline.store, pipeline.settings.embedding.currency
    row = find_ingestion(store, store.partition(partition).partition_id, run_id)
    if row is not None:
        close_run(store, row, "failed", error, f"`vector-pipeline repair --source {partition}` mends them", currency)
