"""Which sensors and schedules count as failing, from ticks as the daemon records them."""

from __future__ import annotations

import json
import time
from dataclasses import asdict

from dagster._core.definitions.run_request import InstigatorType
from dagster._core.definitions.selector import InstigatorSelector
from dagster._core.remote_origin import (
    ManagedGrpcPythonEnvCodeLocationOrigin,
    RemoteInstigatorOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.scheduler.instigation import (
    InstigatorState,
    InstigatorStatus,
    ScheduleInstigatorData,
    SensorInstigatorData,
    TickData,
    TickStatus,
)
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster_shared.error import SerializableErrorInfo

from vector_pipeline.orchestration.alert_ticks import FailingTicks, Ticks, read_ticks
from vector_pipeline.orchestration.alert_troubles import tick_troubles
from vector_pipeline.orchestration.sensors import Memory
from vector_pipeline_tests.orchestration.dagster_project import DagsterProject, definitions

LOCATION = ManagedGrpcPythonEnvCodeLocationOrigin(LoadableTargetOrigin(), "vector_pipeline")


def tick(
    project: DagsterProject,
    name: str,
    status: TickStatus,
    failures: int,
    *,
    is_on: bool = True,
    silent: tuple[str, ...] = (),
    error: str = "",
) -> Ticks:
    """What is said after the daemon recorded a tick, with so many failures in a row."""
    is_sensor = not name.startswith("check_collection")
    kind = InstigatorType.SENSOR if is_sensor else InstigatorType.SCHEDULE
    origin = RemoteInstigatorOrigin(RemoteRepositoryOrigin(LOCATION, "__repository__"), name)
    selector = InstigatorSelector(location_name="vector_pipeline", repository_name="__repository__", name=name).get_id()
    cursor = json.dumps(asdict(Memory(failing=list(silent)))) if silent else None
    data = SensorInstigatorData(cursor=cursor) if is_sensor else ScheduleInstigatorData("17 * * * *")
    project.instance.add_instigator_state(
        InstigatorState(origin, kind, InstigatorStatus.RUNNING if is_on else InstigatorStatus.STOPPED, data)
    )
    error = error if status == TickStatus.FAILURE else ""
    cause = SerializableErrorInfo("words of a document", [], error) if error else None
    project.instance.create_tick(
        TickData(
            origin.get_id(),
            name,
            kind,
            status,
            time.time(),
            selector_id=selector,
            consecutive_failure_count=failures,
            error=SerializableErrorInfo("words of a document", [], "SensorExecutionError", cause) if error else None,
        )
    )
    return read_ticks(project.instance, definitions().get_repository_def(), "alerts")


def test_a_sensor_fails_after_three_ticks_and_a_schedule_after_one(dagster_project: DagsterProject) -> None:
    cases = [
        ("observe_git", TickStatus.FAILURE, 3, True, True),
        ("observe_jira", TickStatus.FAILURE, 2, True, False),
        ("observe_confluence", TickStatus.STARTED, 3, True, True),
        ("observe_public_docs", TickStatus.SKIPPED, 0, True, False),
        ("observe_local_files", TickStatus.FAILURE, 3, False, False),
        ("check_collection_hourly", TickStatus.FAILURE, 1, True, True),
        ("alerts", TickStatus.FAILURE, 9, True, False),
        ("left_the_code", TickStatus.FAILURE, 9, True, False),
    ]
    for name, status, failures, is_on, _ in cases:
        found = tick(dagster_project, name, status, failures, is_on=is_on, error="ValueError")
    assert {one.name for one in found.failing} == {name for name, _, _, _, fails in cases if fails}
    assert [one.is_sensor for one in found.failing if one.name == "check_collection_hourly"] == [False]


def test_a_source_that_does_not_answer_is_named_instead_of_the_sensor(dagster_project: DagsterProject) -> None:
    silent = ("git/handbook", "git/wiki")
    found = tick(dagster_project, "observe_git", TickStatus.FAILURE, 3, silent=silent, error="SourceNotObserved")
    assert found == Ticks((FailingTicks("observe_git", True, 3, silent),), frozenset(silent))
    troubles = list(tick_troubles(found.failing, "vector_pipeline"))
    assert [(one.title, one.source, one.severity) for one in troubles] == [
        ("git/handbook does not answer", "git/handbook", "warning"),
        ("git/wiki does not answer", "git/wiki", "warning"),
    ]


def test_another_error_is_the_sensors_own_and_its_words_stay_out(dagster_project: DagsterProject) -> None:
    found = tick(
        dagster_project, "observe_git", TickStatus.FAILURE, 4, silent=("git/handbook",), error="PermissionError"
    )
    [trouble] = tick_troubles(found.failing, "vector_pipeline")
    assert (trouble.title, trouble.severity) == ("the sensor observe_git fails", "error")
    assert trouble.path == "/locations/vector_pipeline/sensors/observe_git"
    assert "words" not in repr(trouble)
