"""The few things of Dagster that have no public name yet. Everything private is imported here and nowhere else."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import dagster as dg
from dagster._core.definitions.data_version import DATA_VERSION_TAG
from dagster._core.instance.ref import InstanceRef
from dagster._core.storage.dagster_run import FINISHED_STATUSES, NOT_FINISHED_STATUSES
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage
from dagster._core.storage.tags import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
    MAX_RETRIES_TAG,
    PARTITION_NAME_TAG,
    WILL_RETRY_TAG,
)

__all__ = [
    "ASSET_PARTITION_RANGE_END_TAG",
    "ASSET_PARTITION_RANGE_START_TAG",
    "DATA_VERSION_TAG",
    "FINISHED_STATUSES",
    "MAX_RETRIES_TAG",
    "NOT_FINISHED_STATUSES",
    "PARTITION_NAME_TAG",
    "WILL_RETRY_TAG",
    "InstanceRef",
    "event_files",
    "forget_input_version",
    "latest_materializations",
]


def forget_input_version(context: dg.AssetExecutionContext, key: dg.AssetKey) -> None:
    """Makes Dagster look the version of an input up again when the step's output is recorded.

    It reads them before the step begins; a source observed within the step would then count as newer than
    what was made from that very observation.
    """
    context.get_step_execution_context().wipe_input_asset_version_info(key)


def latest_materializations(instance: dg.DagsterInstance, key: dg.AssetKey) -> Mapping[str, int]:
    """The storage id of the latest materialization of each partition of an asset."""
    return instance.event_log_storage.get_latest_storage_id_by_partition(key, dg.DagsterEventType.ASSET_MATERIALIZATION)


def event_files(instance: dg.DagsterInstance) -> Mapping[str, Path]:
    """The file with the events of each run, by run id; none where they are kept in another way than in SQLite files."""
    storage = instance.event_log_storage
    if not isinstance(storage, SqliteEventLogStorage):
        return {}
    # Events of no run have a file, too, with nothing in front of its ending.
    return {run_id: Path(storage.path_for_shard(run_id)) for run_id in storage.get_all_run_ids() if run_id}
