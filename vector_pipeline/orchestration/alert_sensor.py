"""The sensor `alerts`: each tick collects what is wrong now, compares it with what was told, and tells the rest.

Level-triggered: the cursor holds which troubles are open and which channels were told. Were it lost, troubles that
still last are told once more. A tick that was killed between a delivery and its record tells that notice again.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg

from vector_pipeline.alerts.delivery import deliver
from vector_pipeline.alerts.memory import read_book, write_book
from vector_pipeline.alerts.planning import Book, Seen, channel_troubles, due_notices, record, see
from vector_pipeline.alerts.trouble import Kind, Trouble
from vector_pipeline.errors import PipelineError
from vector_pipeline.orchestration.alert_findings import RunsSeen
from vector_pipeline.orchestration.alert_runs import read_runs
from vector_pipeline.orchestration.alert_ticks import Ticks, read_ticks
from vector_pipeline.orchestration.alert_troubles import late_troubles, run_troubles, tick_troubles, unseen_trouble
from vector_pipeline.orchestration.resources import open_pipeline
from vector_pipeline.sync.footing import partitions_in_part
from vector_pipeline.sync.history import HELD_BACK, find_ingestion
from vector_pipeline.sync.lateness import behind_since, late, without_parts
from vector_pipeline.sync.pipeline import Pipeline

SENSOR = "alerts"
TICK_SECONDS = 30
VERSION = 1
"""Of the cursor."""

LONGEST_GAP = timedelta(minutes=5)
"""Where no tick came for longer, nothing was running: no source was observed then."""

LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass
class Memory:
    """What the sensor remembers from tick to tick."""

    book: Book = field(default_factory=Book)
    runs: RunsSeen = field(default_factory=RunsSeen)
    behind: dict[str, datetime] = field(default_factory=dict)
    watching_since: datetime = LONG_AGO
    ticked_at: datetime = LONG_AGO

    @classmethod
    def read(cls, cursor: str | None) -> Memory:
        """From the cursor; empty where that is not one of ours."""
        try:
            found: Any = json.loads(cursor or "{}")
            if not isinstance(found, dict) or found.get("version") != VERSION:
                return cls()
            return cls(
                read_book(found["book"]),
                RunsSeen.from_json(found["runs"]),
                {str(name): datetime.fromisoformat(at) for name, at in found["behind"].items()},
                datetime.fromisoformat(found["watching_since"]),
                datetime.fromisoformat(found["ticked_at"]),
            )
        except (ValueError, KeyError, TypeError, AttributeError):
            return cls()

    def write(self) -> str:
        """As a cursor."""
        return json.dumps(
            {
                "version": VERSION,
                "book": write_book(self.book),
                "runs": self.runs.to_json(),
                "behind": {name: at.isoformat() for name, at in self.behind.items()},
                "watching_since": self.watching_since.isoformat(),
                "ticked_at": self.ticked_at.isoformat(),
            }
        )


def build_alert_sensor(source_types: Sequence[str]) -> dg.SensorDefinition:
    """The sensor, on by default; without a channel in the settings it does nothing."""

    @dg.sensor(
        name=SENSOR,
        minimum_interval_seconds=TICK_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Tells the channels of the settings what is wrong, once, and when it is over.",
    )
    def sensor(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        with open_pipeline() as pipeline:
            if not pipeline.settings.alerts.channels:
                return dg.SensorResult(skip_reason="the settings name no channel for alerts", cursor="")
            return _Tick(context, pipeline, source_types).run()

    return sensor


class _Tick:
    """One evaluation of the sensor."""

    def __init__(self, context: dg.SensorEvaluationContext, pipeline: Pipeline, source_types: Sequence[str]) -> None:
        self.context, self.pipeline, self.source_types = context, pipeline, source_types
        self.now = datetime.now(UTC)
        self.memory = Memory.read(context.cursor)
        if self.now - self.memory.ticked_at > LONGEST_GAP:
            self.memory.watching_since = self.now
        self.memory.ticked_at = self.now

    def run(self) -> dg.SensorResult:
        seen = self._look()
        settings = self.pipeline.settings.alerts
        channels = settings.channels
        book = see(self.memory.book, seen, channels, self.now)
        due = due_notices(book, settings, self.now, channels)
        sent = deliver(due, settings, self.now)
        self.memory.book = record(book, sent.delivered, self.now)
        for error in sent.errors.values():
            self.context.log.error(str(error))
        told = sum(len(one.taken) for one in sent.delivered)
        reason = f"{sum(not case.is_over for case in book.cases.values())} troubles are open, {told} notices were taken"
        return dg.SensorResult(skip_reason=reason, cursor=self.memory.write())

    def _look(self) -> Seen:
        """What is wrong now. What can't be looked at stays as it was, and is a trouble itself."""
        ticks = self._ticks()
        self.memory.runs = read_runs(self.context.instance, self.source_types, self.memory.runs, self._explain)
        troubles: list[Trouble] = []
        unseen: frozenset[Kind] = frozenset()
        try:
            self._forget()
            troubles += self._late(ticks)
        except PipelineError as error:
            self.context.log.error(f"the state store can't be read: {error}")
            troubles.append(unseen_trouble("state store"))
            unseen = frozenset({"behind"})
        troubles += run_troubles(self.memory.runs)
        troubles += tick_troubles(ticks.failing, self._location())
        troubles += channel_troubles(self.memory.book, self.pipeline.settings.alerts.channels)
        return Seen(troubles, unseen)

    def _ticks(self) -> Ticks:
        repository = self.context.repository_def
        return read_ticks(self.context.instance, repository, SENSOR) if repository else Ticks((), frozenset())

    def _late(self, ticks: Ticks) -> list[Trouble]:
        configured = self.pipeline.partitions()
        store = self.pipeline.store
        left_out = partitions_in_part(store)
        in_part = {partition.name for partition in store.partitions() if partition.partition_id in left_out}
        standings = without_parts(store.standings(), in_part)
        self.memory.behind = behind_since(standings, configured, ticks.silent, self.memory.behind, self.now)
        answering = [standing for standing in standings if standing.name not in ticks.silent]
        limits = {
            name: settings.behind_limit for name in configured if (settings := self.pipeline.source_settings(name))
        }
        found = late(answering, self.memory.behind, limits, self.memory.watching_since, self.now)
        return list(late_troubles(found, self.now))

    def _forget(self) -> None:
        """Forgets failures of sources that are neither configured nor held, and of what left the code."""
        repository = self.context.repository_def
        if repository is None:
            return
        held = {partition.name for partition in self.pipeline.store.partitions()}
        checks = {(key.asset_key.to_user_string(), key.name) for key in repository.asset_graph.asset_check_keys}
        self.memory.runs.keep(
            held.union(self.pipeline.partitions()),
            has_job=repository.has_job,
            has_check=lambda asset, name: (asset, name) in checks,
        )

    def _explain(self, source: str, run_id: str) -> tuple[str, int] | None:
        """What the history of a source says of a failed run."""
        try:
            numbers = {partition.name: partition.partition_id for partition in self.pipeline.store.partitions()}
            row = find_ingestion(self.pipeline.store, numbers[source], run_id) if source in numbers else None
        except PipelineError:
            return None
        if row is None or row.status != "failed":
            return None
        return row.said, int(row.counts.get(HELD_BACK, 0))

    def _location(self) -> str:
        origin = self.context.code_location_origin
        return origin.location_name if origin else ""


def open_book(instance: dg.DagsterInstance) -> Book:
    """The troubles and channels as the sensor's last tick left them; empty where it never ticked."""
    for state in instance.all_instigator_state():
        if state.name == SENSOR and (cursor := getattr(state.instigator_data, "cursor", None)):
            return Memory.read(cursor).book
    return Book()
