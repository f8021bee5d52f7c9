"""What ended runs say is wrong: sources and jobs whose last run failed, checks whose last answer was no.

Only runs that ended since the last look are read. What is remembered between looks can be lost: the latest runs then
tell the same again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import dagster as dg

from vector_pipeline.orchestration.alert_findings import FailedCheck, FailedRun, RunsSeen, check_key
from vector_pipeline.orchestration.busy import partition_range
from vector_pipeline.orchestration.names import INTERACTIVE_TAG, chain_keys, partitions_of, sync_job_name
from vector_pipeline.orchestration.private import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
    FINISHED_STATUSES,
    PARTITION_NAME_TAG,
    WILL_RETRY_TAG,
)

FIRST_RUNS = 300
"""Runs that are read where nothing is remembered."""

MOST_RUNS = 300
"""Runs that one later look reads; the next goes on from there."""

MOST_ASKED = 20
"""Runs of one look that are all asked for the answers of their checks."""

OVERLAP = 10.0
"""Seconds: runs are recorded a moment after the time they bear."""

UNDECIDED = 60.0
"""Seconds for which a failed run is not told while Dagster has not said whether it tries again."""

OFFENDERS_IN = "offenders_in_"
"""In front of a source's name, in the metadata of a check, for its number of offenders."""


Explain = Callable[[str, str], tuple[str, int] | None]
"""(source, run id) to what the history of the source says of that failed run: error and deletions held back; None
where it knows of no failure there."""


def read_runs(instance: dg.DagsterInstance, source_types: Sequence[str], seen: RunsSeen, explain: Explain) -> RunsSeen:
    """What is remembered after the runs that ended since the last look."""
    found = _ended(instance, seen)
    waiting = [record for record in found if instance.run_retries_enabled and _is_undecided(record)]
    records = [record for record in found if record not in waiting]
    reader = _Reader(instance, source_types, seen, explain)
    # Where there are many, only the last run of each source or job is asked what its checks answer.
    few = bool(seen.until) and len(records) <= MOST_ASKED
    latest = {reader.subjects(record.dagster_run): record.dagster_run.run_id for record in records}
    for record in records:
        run = record.dagster_run
        reader.read(record, checks=few or latest[reader.subjects(run)] == run.run_id)
    until = max([seen.until, *map(_updated, records)])
    if waiting:
        until = max(seen.until, min(until, *map(_updated, waiting)))
    read = [*seen.read, *map(_name, records)]
    return RunsSeen(until, [name for name in read if _time_in(name) > until - OVERLAP], seen.failed, seen.checks)


def _ended(instance: dg.DagsterInstance, seen: RunsSeen) -> list[dg.RunRecord]:
    """Ended runs that were not read in their present state, in the order of their ends."""
    if not seen.until:
        filters = dg.RunsFilter(statuses=FINISHED_STATUSES)
        found = instance.get_run_records(filters, limit=FIRST_RUNS, order_by="update_timestamp", ascending=False)
    else:
        after = datetime.fromtimestamp(seen.until - OVERLAP, UTC)
        filters = dg.RunsFilter(statuses=FINISHED_STATUSES, updated_after=after)
        limit = MOST_RUNS + len(seen.read)
        found = instance.get_run_records(filters, limit=limit, order_by="update_timestamp", ascending=True)
    read = set(seen.read)
    fresh = [record for record in found if _name(record) not in read]
    return sorted(fresh, key=lambda record: record.end_time or 0.0)


def _is_undecided(record: dg.RunRecord) -> bool:
    """Whether a run failed a moment ago and Dagster has not said yet whether it tries again."""
    run = record.dagster_run
    failed = run.status == dg.DagsterRunStatus.FAILURE and WILL_RETRY_TAG not in run.tags
    return failed and time.time() - _updated(record) < UNDECIDED


def _updated(record: dg.RunRecord) -> float:
    return record.update_timestamp.timestamp()


def _name(record: dg.RunRecord) -> str:
    """Names a run in the state that it is in."""
    return f"{record.dagster_run.run_id}@{_updated(record):.6f}"


def _time_in(name: str) -> float:
    return float(name.rpartition("@")[2])


class _Reader:
    """Brings what is remembered up to date, run by run."""

    def __init__(
        self, instance: dg.DagsterInstance, source_types: Sequence[str], seen: RunsSeen, explain: Explain
    ) -> None:
        self._instance, self._seen, self._explain = instance, seen, explain
        self._read_up_to = seen.until - OVERLAP
        self._types = {key: source_type for source_type in source_types for key in chain_keys(source_type)}
        self._jobs = {sync_job_name(source_type): source_type for source_type in source_types}

    def read(self, record: dg.RunRecord, *, checks: bool) -> None:
        """Takes in how a run ended and, with `checks`, what its checks answered."""
        run = record.dagster_run
        sources = self.sources(run)
        if checks:
            for entry in self._evaluations(run.run_id):
                self._answer(entry, run.run_id, sources)
        if run.status == dg.DagsterRunStatus.SUCCESS:
            for subject in self.subjects(run):
                self._seen.failed.pop(subject, None)
        elif run.status == dg.DagsterRunStatus.FAILURE and INTERACTIVE_TAG not in run.tags:
            self._failure(run, record.end_time or 0.0, sources)

    def subjects(self, run: dg.DagsterRun) -> tuple[str, ...]:
        """Whose last run it is: its sources, else its job."""
        if sources := self.sources(run):
            return tuple(sources)
        key = run.tags.get(PARTITION_NAME_TAG)
        return (f"{run.job_name} {key}" if key else run.job_name,)

    def sources(self, run: dg.DagsterRun) -> list[str]:
        """The sources that a run works on: of its own job, of a backfill, or of a run from the asset graph."""
        if run.job_name in self._jobs:
            types = {self._jobs[run.job_name]}
        else:
            types = {self._types[key] for key in run.asset_selection or () if key in self._types}
        found: list[str] = []
        for source_type in sorted(types):
            found += [f"{source_type}/{key}" for key in self._keys(run, source_type)]
        return found

    def _keys(self, run: dg.DagsterRun, source_type: str) -> list[str]:
        if key := run.tags.get(PARTITION_NAME_TAG):
            return [key]
        start, end = run.tags.get(ASSET_PARTITION_RANGE_START_TAG), run.tags.get(ASSET_PARTITION_RANGE_END_TAG)
        if not (start and end):
            return []
        all_keys = self._instance.get_dynamic_partitions(str(partitions_of(source_type).name))
        return sorted(partition_range(all_keys, start, end))

    def _failure(self, run: dg.DagsterRun, ended: float, sources: Sequence[str]) -> None:
        """Remembers a failed run, unless it is tried again by itself."""
        if run.tags.get(WILL_RETRY_TAG) == "true":
            known = [subject for subject, failed in self._seen.failed.items() if failed.run_id == run.run_id]
            for subject in known:
                del self._seen.failed[subject]
            return
        if ended < self._read_up_to:
            # Read before; someone has put a tag on it since. A later run may have gone well.
            return
        told = {source: self._explain(source, run.run_id) for source in sources}
        if len(sources) > 1 and any(told.values()):
            # Of sources that shared a run, those that did not fail are not to blame.
            told = {source: said for source, said in told.items() if said}
        for source, said in told.items():
            error, held_back = said or ("", 0)
            self._remember(FailedRun(source, source, run.run_id, ended, error, held_back))
        # Runs from the asset graph have no job of their own: whoever started one looks at it.
        if not sources and not run.job_name.startswith("__"):
            (subject,) = self.subjects(run)
            self._remember(FailedRun(subject, "", run.run_id, ended))

    def _remember(self, failed: FailedRun) -> None:
        known = self._seen.failed.get(failed.subject)
        if known is None or known.ended <= failed.ended:
            self._seen.failed[failed.subject] = failed

    def _evaluations(self, run_id: str) -> list[dg.AssetCheckEvaluation]:
        found = self._instance.get_records_for_run(run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION)
        entries = (record.event_log_entry.asset_check_evaluation for record in found.records)
        return [evaluation for evaluation in entries if evaluation is not None]

    def _answer(self, evaluation: dg.AssetCheckEvaluation, run_id: str, sources: Sequence[str]) -> None:
        """Takes in one answer. A check on the assets of a source type speaks of the sources of the run, any other of
        everything.
        """
        asset, checks = evaluation.asset_key.to_user_string(), self._seen.checks
        speaks_of = set(sources) if evaluation.asset_key in self._types else None
        for key, known in list(checks.items()):
            same = known.asset == asset and known.check == evaluation.check_name
            if same and (speaks_of is None or known.source in speaks_of):
                del checks[key]
        if evaluation.passed:
            return
        counts = _offenders(evaluation, sources if speaks_of is not None else [])
        for source, offenders in counts.items():
            checks[check_key(asset, evaluation.check_name, source)] = FailedCheck(
                asset,
                evaluation.check_name,
                source,
                evaluation.severity == dg.AssetCheckSeverity.ERROR,
                bool(evaluation.blocking),
                offenders,
                run_id,
                everywhere=speaks_of is None,
            )


def _offenders(evaluation: dg.AssetCheckEvaluation, sources: Sequence[str]) -> Mapping[str, int]:
    """The number of offenders by source, "" where the check names none."""
    named = {
        name.removeprefix(OFFENDERS_IN): _number(value)
        for name, value in evaluation.metadata.items()
        if name.startswith(OFFENDERS_IN)
    }
    if named:
        return named
    total = _number(evaluation.metadata["offenders"]) if "offenders" in evaluation.metadata else 0
    return dict.fromkeys(sources, total) if len(sources) == 1 else {"": total}


def _number(value: dg.MetadataValue[Any]) -> int:
    return int(value.value) if isinstance(value.value, int | float) else 0
