"""The summary of a run, from its row in the history, on what Dagster shows of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from vector_pipeline.orchestration.metadata import summaries_markdown
from vector_pipeline.sync.history import find_ingestion
from vector_pipeline.sync.pipeline import Pipeline
from vector_pipeline.sync.summary import Summary, summarize


def summaries_of(pipeline: Pipeline, partitions: Sequence[str], run_id: str) -> list[Summary]:
    """What the run did to each of the partitions; nothing of one that was removed with its history."""
    store, currency = pipeline.store, pipeline.settings.embedding.currency
    numbers = {partition.name: partition.partition_id for partition in store.partitions()}
    rows = [find_ingestion(store, numbers[name], run_id) for name in partitions if name in numbers]
    return [summarize(row, currency) for row in rows if row is not None]


def summaries_metadata(pipeline: Pipeline, partitions: Sequence[str], run_id: str) -> Mapping[str, Any]:
    """The summaries as metadata; nothing where there are none."""
    told = summaries_of(pipeline, partitions, run_id)
    return {"summary": summaries_markdown(told)} if told else {}
