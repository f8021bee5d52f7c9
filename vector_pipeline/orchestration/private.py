"""The few things of Dagster that have no public name yet. Everything private is imported here and nowhere else."""

from __future__ import annotations

import dagster as dg
from dagster._core.definitions.data_version import DATA_VERSION_TAG
from dagster._core.instance.ref import InstanceRef
from dagster._core.storage.dagster_run import FINISHED_STATUSES, NOT_FINISHED_STATUSES
from dagster._core.storage.tags import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
    MAX_RETRIES_TAG,
    PARTITION_NAME_TAG,
)

__all__ = [
    "ASSET_PARTITION_RANGE_END_TAG",
    "ASSET_PARTITION_RANGE_START_TAG",
    "DATA_VERSION_TAG",
    "FINISHED_STATUSES",
    "MAX_RETRIES_TAG",
    "NOT_FINISHED_STATUSES",
    "PARTITION_NAME_TAG",
    "InstanceRef",
    "forget_input_version",
]


def forget_input_version(context: dg.AssetExecutionContext, key: dg.AssetKey) -> None:
    """Makes Dagster look the version of an input up again when the step's output is recorded.

    It reads them before the step begins; a source observed within the step would then count as newer than
    what was made from that very observation.
    """
    context.get_step_execution_context().wipe_input_asset_version_info(key)
