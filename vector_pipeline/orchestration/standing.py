"""Answers of checks that still stand.

Dagster shows what a check said of the latest materialization of its asset only. The collection is materialized after
every sync, some checks run every hour: without this a fault that they found would be gone from the page with the next
sync, and they would hardly ever show anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import dagster as dg

LOOKED_AT = "looked_at"
"""Metadata of an answer that is told again: when the check ran."""


def standing_answers(
    instance: dg.DagsterInstance, keys: Iterable[dg.AssetCheckKey]
) -> Iterator[dg.AssetCheckEvaluation]:
    """What each of the checks said last, to be told again in a run that materializes the asset without running them.

    Nothing for one that never ran, or is running.
    """
    for key in keys:
        record = instance.get_latest_asset_check_evaluation_record(key)
        said = record.evaluation if record else None
        if record is None or said is None:
            continue
        yield dg.AssetCheckEvaluation(
            asset_key=said.asset_key,
            check_name=said.check_name,
            passed=said.passed,
            severity=said.severity,
            description=said.description,
            blocking=said.blocking,
            metadata={LOOKED_AT: dg.MetadataValue.timestamp(record.create_timestamp), **said.metadata},
        )


def is_told_again(evaluation: dg.AssetCheckEvaluation) -> bool:
    """Whether an answer is of an earlier run."""
    return LOOKED_AT in evaluation.metadata
