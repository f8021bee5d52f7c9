"""One sensor per source type: keeps the partition keys, observes the sources, launches what is due.

Level-triggered: each tick compares what the sources say with what the state store holds, so an update that
lands while a run is in flight, or while the daemon is down, is found by the next tick.
"""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg

from vector_pipeline.errors import PipelineError
from vector_pipeline.orchestration.abandoned import end_abandoned_runs, end_lost_starts
from vector_pipeline.orchestration.busy import busy_partitions
from vector_pipeline.orchestration.names import ABANDONED_TAG, REASON_TAG, partitions_of, source_key, sync_job_name
from vector_pipeline.orchestration.private import DATA_VERSION_TAG, MAX_RETRIES_TAG, PARTITION_NAME_TAG
from vector_pipeline.orchestration.queue_marks import priority_of, queue_tags
from vector_pipeline.orchestration.queue_pools import apply_pools
from vector_pipeline.orchestration.resources import open_pipeline
from vector_pipeline.sync.discovery import discover, due_for_discovery, failed_discoveries
from vector_pipeline.sync.due import Due, due_partition, retry_at
from vector_pipeline.sync.observation import due_for_observation, observe
from vector_pipeline.sync.pipeline import Pipeline

TICK_SECONDS = 15
"""Seconds between ticks. One without news costs about 10 ms; what a person waits for is mostly this."""

PROBING_SECONDS = 20.0
"""After this long a tick begins no further probes: Dagster gives up on a tick after 60 seconds."""

PROBE_SECONDS = 20.0
"""Longest wait for one probe within a tick, whatever the source's own time-out."""

DISCOVERY_SECONDS = 12.0
"""Longest time for finding the parts of sites within a tick; probes come after it."""

LOOK_EVERY = timedelta(minutes=10)
"""How often a tick without news compares the partition keys all the same."""

MOST_REQUESTS = 20
"""Runs that one tick asks for, the most wanted first; the next tick asks for more. Dagster makes them one by one
before it ticks again: hundreds at once would keep it from seeing a change for minutes."""

RELAUNCH_SECONDS = 600
"""A run that ended before it began its work is launched again this much later."""

MOST_RESTARTS = 3
"""So often within that time it is launched again at once, where its process was killed."""

REMOVED = "removed"
"""The version that stands on the observation of a source that left the settings."""


class SourceNotObserved(PipelineError):
    """One or more sources could not be asked. Raised by a tick that has nothing else to report."""


@dataclass
class Memory:
    """What a sensor remembers from tick to tick. All of it may be lost: it only saves work.

    `observed` holds the versions that stand on observations in Dagster, `failing` the sources that did not answer
    when last asked (the one asked longest ago first), `keys` the partition keys at `looked_at`, `pools` the limits of
    pools that were set.
    """

    observed: dict[str, str] = field(default_factory=dict)
    failing: list[str] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    looked_at: str = ""
    pools: dict[str, int] = field(default_factory=dict)

    @classmethod
    def read(cls, cursor: str | None) -> Memory:
        """From the sensor's cursor; empty where that is not one of ours."""
        found: Any = json.loads(cursor) if cursor else {}
        return cls(**found) if isinstance(found, dict) and found.keys() == asdict(cls()).keys() else cls()


def build_sensor(source_type: str) -> dg.SensorDefinition:
    """The sensor of a source type, on by default."""

    @dg.sensor(
        name=f"observe_{source_type}",
        job_name=sync_job_name(source_type),
        minimum_interval_seconds=TICK_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=f"Observes the {source_type} sources and brings in step what changed.",
    )
    def sensor(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        with open_pipeline() as pipeline:
            ended = end_abandoned_runs(pipeline.data_dir, lambda: context.instance)
            for run_id in ended + end_lost_starts(pipeline.data_dir, lambda: context.instance):
                context.log.warning(f"run {run_id} was ended: its process is gone")
            return _Tick(context, pipeline, source_type).run()

    return sensor


class _Tick:
    """One evaluation of the sensor."""

    def __init__(self, context: dg.SensorEvaluationContext, pipeline: Pipeline, source_type: str) -> None:
        self.context, self.pipeline, self.store = context, pipeline, pipeline.store
        self.source_type = source_type
        self.now = datetime.now(UTC)
        self.memory = Memory.read(context.cursor)
        self.undiscovered = self._discover()
        prefix = f"{source_type}/"
        self.configured = [name for name in pipeline.partitions() if name.startswith(prefix)]
        held = [partition.name for partition in self.store.partitions() if partition.name.startswith(prefix)]
        self.removed = [name for name in held if name not in set(self.configured)]
        self.wanted = {name.removeprefix(prefix) for name in [*self.configured, *self.removed]}

    def _discover(self) -> dict[str, PipelineError]:
        """Asks the sites whose time has come which parts they have; what went wrong then, by source."""
        due = due_for_discovery(self.pipeline, self.source_type, self.now)
        found = discover(self.pipeline, due, longest=DISCOVERY_SECONDS)
        for name in found.new:
            self.context.log.info(f"{name} was found")
        for name, error in found.errors.items():
            self.context.log.error(f"the parts of {name} could not be found: {error}")
        failed = failed_discoveries(self.pipeline)
        return {name: PipelineError(error) for name, error in failed.items() if name.startswith(f"{self.source_type}/")}

    def run(self) -> dg.SensorResult | dg.SkipReason:
        errors = self._observe() | self.undiscovered
        fresh = self._new_observations()
        if not (fresh or self._due() or self._must_look()):
            # Without the instance: opening it is nine tenths of what a tick costs.
            if set(errors) == set(self.memory.failing):
                return self._nothing(errors)
            return dg.SensorResult(cursor=self._cursor(errors, self.memory.keys))
        self.memory.pools = apply_pools(self.context.instance, self.pipeline.settings.queue)
        keys = list(self.context.instance.get_dynamic_partitions(str(partitions_of(self.source_type).name)))
        # What is due comes after what is busy: a run that ended in between has done its work.
        busy = busy_partitions(self.context.instance, self.source_type, [*keys, *sorted(self.wanted - set(keys))])
        due = [one for one in self._due() if one.partition.split("/", 1)[1] not in busy]
        due.sort(key=lambda one: -priority_of(self.pipeline.settings, one.partition, {REASON_TAG: one.reason}))
        requests = [self._request(one) for one in due[:MOST_REQUESTS]]
        partition_requests = self._partition_requests(keys, busy)
        if errors and not (requests or partition_requests or fresh) and set(errors) == set(self.memory.failing):
            return self._nothing(errors)
        self.memory.observed.update(fresh)
        self.memory.looked_at = self.now.isoformat()
        return dg.SensorResult(
            run_requests=requests,
            dynamic_partitions_requests=partition_requests,
            asset_events=[self._observation(name, version) for name, version in fresh.items()],
            cursor=self._cursor(errors, sorted(self.wanted | (set(keys) & busy))),
        )

    def _observe(self) -> dict[str, PipelineError]:
        """Asks the sources whose time has come, those that failed last time after the others; what went wrong.

        A source that was not asked again keeps its place among the failing ones.
        """
        # Half a tick early rather than half a tick late.
        by_time = due_for_observation(self.pipeline, self.configured, self.now + timedelta(seconds=TICK_SECONDS / 2))
        due = by_time + [name for name in self.configured if name not in set(by_time) and self._ran_since(name)]
        order = {name: place for place, name in enumerate(self.memory.failing)}
        due.sort(key=lambda name: order.get(name, -1))
        errors: dict[str, PipelineError] = {}
        asked: list[str] = []
        stop_at = time.monotonic() + PROBING_SECONDS
        at_once = self.pipeline.settings.limits.probes_at_once
        for start in range(0, len(due), at_once):
            if time.monotonic() >= stop_at:
                self.context.log.warning(f"{len(due) - start} sources are left for the next tick: others answer slowly")
                break
            batch = due[start : start + at_once]
            asked += batch
            errors |= observe(self.pipeline, batch, longest=PROBE_SECONDS).errors
        for name, error in errors.items():
            self.context.log.error(f"{name} could not be observed: {error}")
        left = {name: PipelineError(f"{name} did not answer earlier") for name in order if self._is_left(name, asked)}
        return left | errors

    def _ran_since(self, name: str) -> bool:
        """Whether a run ended after the source was last observed: it may have read something newer, and what was
        observed before would look like a change.
        """
        pid = self.store.partition(name).partition_id
        seen, last = self.store.observation(pid), next(iter(self.store.ingestions(pid, 1)), None)
        return bool(seen and last and last.finished_at and last.finished_at > seen[1])

    def _is_left(self, name: str, asked: list[str]) -> bool:
        return name in self.configured and name not in asked

    def _nothing(self, errors: dict[str, PipelineError]) -> dg.SkipReason:
        """The end of a tick without work. Raises SourceNotObserved where the same sources failed before: once may be
        over in a moment, and an error takes everything else with it that a tick wanted to say.
        """
        if errors:
            raise SourceNotObserved("; ".join(map(str, errors.values())))
        return dg.SkipReason(f"{len(self.configured)} sources are in step")

    def _must_look(self) -> bool:
        """Whether the partition keys in Dagster may differ from what is wanted."""
        looked_at = self.memory.looked_at
        if not looked_at or self.now - datetime.fromisoformat(looked_at) >= LOOK_EVERY:
            return True
        return set(self.memory.keys) != self.wanted or self.memory.pools != self.pipeline.settings.queue.pools

    def _due(self) -> list[Due]:
        """What has work and may run. A source never observed has nothing to compare with yet."""
        found: list[Due] = []
        for name in self.configured:
            seen = self.store.observation(self.store.partition(name).partition_id)
            if seen and seen[0] and (due := due_partition(self.pipeline, name, seen[0], self.now)):
                found.append(due)
        found.extend(Due(name, "removed from the settings", "", REMOVED) for name in self.removed)
        return [due for due in found if not self._pauses(due.partition)]

    def _pauses(self, name: str) -> bool:
        """Whether a partition that failed still has its pause."""
        failures, last = self.store.consecutive_failures(self.store.partition(name).partition_id)
        ends = retry_at(failures, last)
        return ends is not None and ends > self.now

    def _request(self, due: Due) -> dg.RunRequest:
        """A run for one partition. Its key names the work and how often work was begun there: a source that goes
        back to an earlier version, or was removed and added again, runs again, one tick repeated does not; the time
        lets a launch that ended before it began be tried again, a killed one at once.
        """
        pid = self.store.partition(due.partition).partition_id
        begun = next(iter(self.store.ingestions(pid, 1)), None)
        number = begun.ingestion_no if begun else 0
        slot = int(self.now.timestamp()) // RELAUNCH_SECONDS
        key = due.partition.split("/", 1)[1]
        placed = queue_tags(self.pipeline.settings, due.partition, {REASON_TAG: due.reason})
        self.context.log.info(f"{due.partition}: {due.reason}")
        return dg.RunRequest(
            partition_key=key,
            run_key=f"{due.partition}#{pid}:{due.built}>{due.observed}:{number}:{slot}{self._restarts(key)}",
            # This sensor launches again what failed, after a pause that grows; the daemon's retries are for others.
            tags={REASON_TAG: due.reason, MAX_RETRIES_TAG: "0"} | placed,
        )

    def _restarts(self, key: str) -> str:
        """How many runs of a partition were killed of late, for a run key."""
        killed = self.context.instance.get_runs_count(
            dg.RunsFilter(
                job_name=sync_job_name(self.source_type),
                tags={PARTITION_NAME_TAG: key, ABANDONED_TAG: "true"},
                updated_after=self.now - timedelta(seconds=RELAUNCH_SECONDS),
            )
        )
        return f":{min(killed, MOST_RESTARTS)}" if killed else ""

    def _new_observations(self) -> dict[str, str]:
        """Versions that differ from the last one recorded: recording each tick would flood the event log."""
        current = dict.fromkeys(self.removed, REMOVED)
        for name in self.configured:
            seen = self.store.observation(self.store.partition(name).partition_id)
            if seen and seen[0]:
                current[name] = seen[0]
        return {name: version for name, version in current.items() if self.memory.observed.get(name) != version}

    def _observation(self, name: str, version: str) -> dg.AssetObservation:
        return dg.AssetObservation(
            asset_key=source_key(self.source_type),
            partition=name.split("/", 1)[1],
            tags={DATA_VERSION_TAG: version},
        )

    def _partition_requests(
        self, keys: list[str], busy: set[str]
    ) -> list[dg.AddDynamicPartitionsRequest | dg.DeleteDynamicPartitionsRequest]:
        """Keys of new sources, and keys of sources of which nothing is left."""
        partitions = partitions_of(self.source_type)
        requests: list[dg.AddDynamicPartitionsRequest | dg.DeleteDynamicPartitionsRequest] = []
        if new := sorted(self.wanted - set(keys)):
            requests.append(partitions.build_add_request(new))
        if gone := [key for key in keys if key not in self.wanted and key not in busy]:
            requests.append(partitions.build_delete_request(gone))
        return requests

    def _cursor(self, errors: dict[str, PipelineError], keys: list[str]) -> str:
        held = {*self.configured, *self.removed}
        observed = {name: version for name, version in self.memory.observed.items() if name in held}
        return json.dumps(asdict(Memory(observed, list(errors), keys, self.memory.looked_at, self.memory.pools)))
