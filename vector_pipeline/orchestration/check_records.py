"""What the checks answered over time, by Dagster's records: for reports. Bounded: the latest answers of each check."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg

from vector_pipeline.consistency.check_file import COLLECTION as ON_COLLECTION
from vector_pipeline.consistency.check_file import checks_on
from vector_pipeline.orchestration.alert_runs import OFFENDERS_IN
from vector_pipeline.orchestration.instance import is_used
from vector_pipeline.orchestration.launch import terminal_instance
from vector_pipeline.orchestration.names import COLLECTION, stage_key
from vector_pipeline.orchestration.standing import is_told_again
from vector_pipeline.reporting.figures import CheckAnswer
from vector_pipeline.sync.stages import STAGES

MOST_ANSWERS = 300
"""Answers of one check that are read."""

_OFFENDERS = "offenders"


def read_answers(
    home: Path, source_types: Collection[str], runs: Mapping[str, str], since: datetime
) -> list[CheckAnswer]:
    """What checks said since a moment; nothing where Dagster was never used.

    `runs` maps ids of runs to their sources: a check of a stage speaks of the source of its run.
    """
    if not is_used(home):
        return []
    with terminal_instance(home) as instance:
        keys = [dg.AssetCheckKey(COLLECTION, check.name) for check in checks_on(ON_COLLECTION)]
        answers = [answer for key in keys for answer in _answers(instance, key, since, None)]
        for source_type in source_types:
            for stage in STAGES:
                for check in checks_on(stage):
                    key = dg.AssetCheckKey(stage_key(source_type, stage), check.name)
                    answers += _answers(instance, key, since, runs)
    return sorted(answers, key=lambda answer: answer.at)


def _answers(
    instance: dg.DagsterInstance, key: dg.AssetCheckKey, since: datetime, runs: Mapping[str, str] | None
) -> Iterator[CheckAnswer]:
    """What one check said; with `runs` only of those."""
    for record in instance.event_log_storage.get_asset_check_execution_history(key, MOST_ANSWERS):
        moment = datetime.fromtimestamp(record.create_timestamp, UTC)
        if moment < since:
            return
        source, evaluation = "" if runs is None else runs.get(record.run_id), record.evaluation
        # A check that is under way is recorded, too, without an answer.
        if source is not None and isinstance(evaluation, dg.AssetCheckEvaluation) and not is_told_again(evaluation):
            yield from _by_source(evaluation, source, moment)


def _by_source(evaluation: dg.AssetCheckEvaluation, source: str, at: datetime) -> Iterator[CheckAnswer]:
    """One answer; where it names the sources that offend, one for each of them."""
    is_error = evaluation.severity == dg.AssetCheckSeverity.ERROR
    named = {
        name.removeprefix(OFFENDERS_IN): _number(value.value)
        for name, value in evaluation.metadata.items()
        if name.startswith(OFFENDERS_IN)
    }
    if evaluation.passed or not named:
        total = evaluation.metadata.get(_OFFENDERS)
        offenders = _number(total.value) if total else 0
        yield CheckAnswer(evaluation.check_name, source, at, evaluation.passed, is_error, offenders)
        return
    for name, offenders in named.items():
        yield CheckAnswer(evaluation.check_name, name, at, passed=False, is_error=is_error, offenders=offenders)


def _number(value: object) -> int:
    return int(value) if isinstance(value, int | float) else 0
