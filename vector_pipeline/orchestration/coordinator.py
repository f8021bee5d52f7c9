"""Dagster's run queue, steered by the settings and by `queue pause`; named as the run coordinator in dagster.yaml.

Dagster asks its coordinator for the limits before each look at the queue, and hands each run over that is asked
for. Here the limits come from pipeline.yaml, or are zero while the queue is paused, and the run gets the tags that
place it in the queue. All else is Dagster's: order, pools, starting and watching runs.
"""

from __future__ import annotations

import logging
from pathlib import Path

import dagster as dg

from vector_pipeline.orchestration.names import chain_keys, is_sync_job, sync_job_name
from vector_pipeline.orchestration.private import (
    BACKFILL_ID_TAG,
    PARTITION_NAME_TAG,
    SCHEDULE_NAME_TAG,
    QueuedRunCoordinator,
    RunQueueConfig,
    SubmitRunContext,
)
from vector_pipeline.orchestration.queue_marks import limits_of, queue_tags
from vector_pipeline.orchestration.queue_pause import Pause, paused
from vector_pipeline.settings import Settings
from vector_pipeline.settings_file import SettingsError, find_settings_file, load_settings
from vector_pipeline.sources.registry import SOURCE_TYPES

PAUSED_KEY = "vector_pipeline/queue"
"""Key of the line that says in the web interface, among the limits of the queue, that it is paused."""

_log = logging.getLogger("vector_pipeline.queue")


class SteeredRunCoordinator(QueuedRunCoordinator[dg.DagsterInstance]):
    """Dagster's queue with limits that may change while it runs. Several processes hold one each."""

    _read: tuple[Path, int, int] | None = None
    _settings: Settings | None = None
    _said: str = ""

    def get_run_queue_config(self) -> RunQueueConfig:
        """The limits now. Without readable settings those of dagster.yaml, or the last ones that could be read."""
        config = super().get_run_queue_config()
        if settings := self._in_force():
            limits = [*config.tag_concurrency_limits, *limits_of(settings)]
            config = config._replace(max_concurrent_runs=settings.queue.runs, tag_concurrency_limits=limits)
        if pause := paused(self._instance):
            said = [{"key": PAUSED_KEY, "value": _words(pause), "limit": 0}, *config.tag_concurrency_limits]
            config = config._replace(max_concurrent_runs=0, tag_concurrency_limits=said)
        return config

    def submit_run(self, context: SubmitRunContext) -> dg.DagsterRun:
        """Places a run in the queue."""
        run = context.dagster_run
        partition = partition_of(run)
        # A run of a backfill may be for a range of partitions.
        if (settings := self._in_force()) and (partition or BACKFILL_ID_TAG in run.tags):
            self._instance.add_run_tags(run.run_id, queue_tags(settings, partition, run.tags))
        self._drop_earlier(run)
        return super().submit_run(context)

    def _drop_earlier(self, run: dg.DagsterRun) -> None:
        """Takes what a schedule asked for earlier out of the queue: after a long pause, one check is enough."""
        if not (schedule := run.tags.get(SCHEDULE_NAME_TAG)):
            return
        waiting = dg.RunsFilter(statuses=[dg.DagsterRunStatus.QUEUED], tags={SCHEDULE_NAME_TAG: schedule})
        for earlier in self._instance.get_runs(waiting):
            self._instance.report_run_canceled(earlier, f"The same schedule asked for run {run.run_id} meanwhile.")

    def _in_force(self) -> Settings | None:
        """The settings, read again when their file has changed."""
        try:
            path = find_settings_file(None)
            seen = path.stat()
            if self._read != (version := (path, seen.st_mtime_ns, seen.st_size)):
                self._read = version
                self._settings = load_settings(path).settings
        except (SettingsError, OSError) as error:
            if self._said != (said := str(error)):  # asked every two seconds
                self._said = said
                _log.warning("the settings can't be read, the limits of the queue stay as they are: %s", said)
        return self._settings


def partition_of(run: dg.DagsterRun) -> str:
    """The partition a run brings in step, as `TYPE/NAME`; "" where it is of another kind, or for several."""
    name = run.tags.get(PARTITION_NAME_TAG)
    if not name:
        return ""
    for source_type in SOURCE_TYPES:
        if run.job_name == sync_job_name(source_type):
            return f"{source_type}/{name}"
        if not is_sync_job(run.job_name) and run.asset_selection and run.asset_selection & {*chain_keys(source_type)}:
            return f"{source_type}/{name}"
    return ""


def _words(pause: Pause) -> str:
    why = f": {pause.reason}" if pause.reason else ""
    return f"paused since {pause.since:%Y-%m-%d %H:%M} UTC{why}"
