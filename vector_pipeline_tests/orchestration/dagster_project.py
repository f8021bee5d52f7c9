"""A project with a Dagster instance of its own: ticks of its sensors and runs of its jobs, one at a time, no daemon.

The instance is a real one in a folder, with the dagster.yaml that ships.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import dagster as dg
from dagster._core.definitions.data_version import CachingStaleStatusResolver
from dagster._core.loader import LoadingContextForTest

from vector_pipeline.definitions import defs
from vector_pipeline.orchestration.names import CHECK_JOB, source_key, stage_key, sync_job_name
from vector_pipeline.orchestration.private import DATA_VERSION_TAG
from vector_pipeline.orchestration.sensors import SourceNotObserved
from vector_pipeline.sources.local_scan import file_version
from vector_pipeline.sync.stages import STAGES
from vector_pipeline_tests.project import Project


def write(folder: Path, name: str, text: str) -> None:
    """Writes a note, and returns once its version is settled: that of a file written just now is not."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(f"# {name}\n\n{text}\n")
    deadline = time.monotonic() + 60
    while "~" in file_version(path.stat(), time.time_ns()):
        assert time.monotonic() < deadline, f"{path} never settles"
        time.sleep(0.01)


@cache
def definitions() -> dg.Definitions:
    """The code location as it is loaded where one source has a run of its own."""
    return defs()


# Capturing what steps print starts two processes for every run.
NO_CAPTURE = """
compute_logs:
  module: dagster._core.storage.noop_compute_log_manager
  class: NoOpComputeLogManager
"""


@dataclass(frozen=True)
class Ticked:
    """What came of a tick: runs asked for that were not before, events recorded, why nothing was done."""

    requests: list[dg.RunRequest]
    events: list[Any]
    skipped: str


@dataclass
class DagsterProject:
    """Ticks and runs of one project. `cursors` holds what the daemon would keep for the sensors."""

    project: Project
    instance: dg.DagsterInstance
    cursors: dict[str, str | None] = field(default_factory=dict)
    launched_keys: set[str] = field(default_factory=set)

    @classmethod
    @contextmanager
    def open(cls, folder: Path) -> Iterator[DagsterProject]:
        """A project in an empty folder; the environment names its settings for the length of the block."""
        home = folder / "dagster"
        home.mkdir(parents=True)
        config = resources.files("vector_pipeline.orchestration").joinpath("dagster.yaml").read_text("utf-8")
        (home / "dagster.yaml").write_text(config + NO_CAPTURE)
        project = Project(folder / "project")
        before = dict(os.environ)
        os.environ.update(VECTOR_PIPELINE_CONFIG=str(project.file), DAGSTER_HOME=str(home))
        try:
            with dg.DagsterInstance.from_config(str(home)) as instance:
                yield cls(project, instance)
        finally:
            os.environ.clear()
            os.environ.update(before)

    def tick(self, source_type: str = "local_files") -> Ticked:
        """One tick of the source type's sensor; what it asks for is done, except for the runs."""
        return self.evaluate(f"observe_{source_type}")

    def evaluate(self, name: str) -> Ticked:
        """One tick of a sensor, as the daemon treats it: run keys seen before are dropped."""
        sensor = definitions().get_repository_def().get_sensor_def(name)
        with dg.build_sensor_context(
            instance_ref=self.instance.get_ref(),
            cursor=self.cursors.get(name),
            repository_def=definitions().get_repository_def(),
            sensor_name=name,
        ) as context:
            data = sensor.evaluate_tick(context)
        for request in data.dynamic_partitions_requests or ():
            if isinstance(request, dg.AddDynamicPartitionsRequest):
                self.instance.add_dynamic_partitions(request.partitions_def_name, list(request.partition_keys))
            else:
                for key in request.partition_keys:
                    self.instance.delete_dynamic_partition(request.partitions_def_name, key)
        for event in data.asset_events:
            self.instance.report_runless_asset_event(event)
        if data.cursor is not None:
            self.cursors[name] = data.cursor
        fresh = [request for request in data.run_requests or () if request.run_key not in self.launched_keys]
        self.launched_keys |= {str(request.run_key) for request in fresh}
        return Ticked(fresh, list(data.asset_events), data.skip_message or "")

    def wants(self, source_type: str = "local_files") -> list[str]:
        """The partition keys that a tick asks runs for."""
        return [str(request.partition_key) for request in self.tick(source_type).requests]

    def settle(self, source_type: str = "local_files") -> list[str]:
        """Ticks, and runs whatever is asked for, until nothing is; the partition keys in the order of their runs."""
        done: list[str] = []
        for _ in range(10):
            requests = self.tick(source_type).requests
            if not requests:
                return done
            for request in requests:
                assert self.run(source_type, str(request.partition_key), tags=request.tags).success
                done.append(str(request.partition_key))
        raise AssertionError(f"the sensor never comes to rest: {done}")

    def settle_in_spite_of_errors(self, source_type: str = "local_files") -> list[str]:
        """`settle`, where the tick that finds nothing to do may report a source that does not answer."""
        done: list[str] = []
        try:
            for _ in range(10):
                for key in self.wants(source_type):
                    assert self.run(source_type, key).success
                    done.append(key)
        except SourceNotObserved:
            return done
        return done

    def run(
        self, source_type: str, key: str, *, stages: tuple[str, ...] = STAGES, tags: Mapping[str, str] | None = None
    ) -> dg.ExecuteInProcessResult:
        """A run of the sync job for one partition; failures are in the result."""
        selection = [stage_key(source_type, stage) for stage in stages]
        return (
            definitions()
            .resolve_job_def(sync_job_name(source_type))
            .execute_in_process(
                instance=self.instance,
                partition_key=key,
                tags=dict(tags or {}),
                asset_selection=selection,
                raise_on_error=False,
            )
        )

    def check(self) -> dg.ExecuteInProcessResult:
        """A run of the collection's job."""
        return definitions().resolve_job_def(CHECK_JOB).execute_in_process(instance=self.instance, raise_on_error=False)

    def start_unfinished_run(self, job: str, tags: Mapping[str, str], assets: list[dg.AssetKey] | None = None) -> str:
        """A run that stands as started in the instance though nothing executes it; its id."""
        run = self.instance.create_run_for_job(
            definitions().resolve_job_def(job),
            status=dg.DagsterRunStatus.STARTED,
            tags=dict(tags),
            asset_selection=frozenset(assets) if assets else None,
        )
        return run.run_id

    def staleness(self, key: str, source_type: str = "local_files") -> dict[str, str]:
        """Dagster's own opinion of each stage of a partition: FRESH, STALE or MISSING."""
        resolver = CachingStaleStatusResolver(
            self.instance,
            definitions().resolve_asset_graph(),
            LoadingContextForTest(self.instance),
        )
        return {stage: resolver.get_status(stage_key(source_type, stage), key).value for stage in STAGES}

    def observed(self, key: str, source_type: str = "local_files") -> list[str]:
        """The versions of the observations of a source, the latest first."""
        filters = dg.AssetRecordsFilter(asset_key=source_key(source_type), asset_partitions=[key])
        records = self.instance.fetch_observations(filters, limit=100).records
        return [str((record.asset_observation or _missing()).tags[DATA_VERSION_TAG]) for record in records]

    def materialization(self, key: str, stage: str, source_type: str = "local_files") -> dg.AssetMaterialization:
        """The latest materialization of a stage of a partition."""
        filters = dg.AssetRecordsFilter(asset_key=stage_key(source_type, stage), asset_partitions=[key])
        records = self.instance.fetch_materializations(filters, limit=1).records
        assert records, f"{key} {stage} was never materialized"
        return records[0].asset_materialization or _missing()

    def metadata(self, key: str, stage: str, source_type: str = "local_files") -> dict[str, Any]:
        """The metadata of the latest materialization, as plain values."""
        found = self.materialization(key, stage, source_type).metadata
        return {name: value.value for name, value in found.items()}

    def keys(self, source_type: str = "local_files") -> set[str]:
        """The partition keys of a source type."""
        return set(self.instance.get_dynamic_partitions(f"{source_type}_sources"))


def _missing() -> Any:
    raise AssertionError("the record has no event of this kind")


def evaluations(result: dg.ExecuteInProcessResult) -> dict[str, dg.AssetCheckEvaluation]:
    """The checks of a run by name."""
    return {evaluation.check_name: evaluation for evaluation in result.get_asset_check_evaluations()}


def executed(result: dg.ExecuteInProcessResult) -> list[str]:
    """The stages whose steps succeeded, in order."""
    return [event.step_key.split("__")[1] for event in result.all_events if event.is_step_success and event.step_key]
