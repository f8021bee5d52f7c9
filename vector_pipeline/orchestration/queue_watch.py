"""How far runs are, looked at again and again: their state in Dagster, and what they are doing as the store has it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import dagster as dg

from vector_pipeline.orchestration.coordinator import partition_of
from vector_pipeline.orchestration.queue_status import STATES
from vector_pipeline.state.progress_table import Activity
from vector_pipeline.sync.history import find_ingestion
from vector_pipeline.sync.pipeline import Pipeline
from vector_pipeline.sync.summary import summarize


@dataclass(frozen=True, slots=True)
class Seen:
    """How far a run is. `stage` is "" where nothing is known, `total` None where it is not known.

    `has_ended` comes with a `summary` in words ("" where nothing is recorded of it) and with what went wrong.
    """

    run_id: str
    source: str
    job: str
    state: str
    stage: str = ""
    unit: str = ""
    done: int = 0
    total: int | None = None
    summary: str = ""
    error: str = ""

    @property
    def has_ended(self) -> bool:
        """Whether nothing more comes of it."""
        return self.state in ("done", "failed", "canceled")

    @property
    def label(self) -> str:
        """What people call it."""
        return self.source or self.job


def look_at_runs(instance: dg.DagsterInstance, pipeline: Pipeline, run_ids: Sequence[str]) -> list[Seen]:
    """How far these runs are, in their order; one that was removed is left out."""
    doing = {activity.run_id: activity for activity in pipeline.store.activities()}
    runs = map(instance.get_run_by_id, run_ids)
    return [_seen(instance, pipeline, run, doing.get(run.run_id)) for run in runs if run is not None]


def _seen(instance: dg.DagsterInstance, pipeline: Pipeline, run: dg.DagsterRun, doing: Activity | None) -> Seen:
    source, state = partition_of(run), STATES[run.status]
    if not run.is_finished:
        if doing is None or state != "running":
            return Seen(run.run_id, source, run.job_name, state)
        return Seen(run.run_id, source, run.job_name, state, doing.stage, doing.unit, doing.done, doing.total)
    summary, error = _recorded(pipeline, source, run.run_id) if source else ("", "")
    if state == "failed":
        error = error or _first_failure(instance, run) or f"it failed; see run {run.run_id} in Dagster"
    return Seen(run.run_id, source, run.job_name, state, summary=summary, error="" if state == "done" else error)


def _recorded(pipeline: Pipeline, source: str, run_id: str) -> tuple[str, str]:
    """What the history says of a run: in words, and what went wrong."""
    pid = pipeline.store.partition(source).partition_id
    row = find_ingestion(pipeline.store, pid, run_id)
    if row is None:
        return "", ""
    return summarize(row, pipeline.settings.embedding.currency).head, row.said


def _first_failure(instance: dg.DagsterInstance, run: dg.DagsterRun) -> str:
    """What the first failed step said on purpose, or what ended the run: "" where that may carry text."""
    of_type = {dg.DagsterEventType.STEP_FAILURE, dg.DagsterEventType.RUN_FAILURE}
    for entry in instance.all_logs(run.run_id, of_type=of_type):
        event = entry.dagster_event
        if event is None:
            continue
        if event.is_step_failure and (said := event.step_failure_data.user_failure_data):
            return said.description or ""
        if event.event_type == dg.DagsterEventType.RUN_FAILURE and event.message:
            return event.message
    return ""
