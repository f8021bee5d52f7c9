"""A run that a person stopped between two of its steps: no step is there that would close its row in the history."""

from __future__ import annotations

import dagster as dg

from vector_pipeline.orchestration.coordinator import partition_of
from vector_pipeline.sync.history import find_ingestion
from vector_pipeline.sync.pipeline import Pipeline
from vector_pipeline.sync.summary import GOES_ON, STOPPED


def close_if_stopped(pipeline: Pipeline, instance: dg.DagsterInstance, run_id: str) -> None:
    """Closes the row of a run that is being canceled as stopped; at the end of its process."""
    run = instance.get_run_by_id(run_id)
    if run is None or run.status not in (dg.DagsterRunStatus.CANCELING, dg.DagsterRunStatus.CANCELED):
        return
    if not (partition := partition_of(run)):
        return
    store = pipeline.store
    row = find_ingestion(store, store.partition(partition).partition_id, run_id)
    if row is not None and row.status == "running":
        store.finish_ingestion(
            row.ingestion_no, status="failed", counts=row.counts, seconds=row.seconds, error=STOPPED, hint=GOES_ON
        )
