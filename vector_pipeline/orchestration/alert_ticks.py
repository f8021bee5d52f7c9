"""What ticks say is wrong: sensors and schedules that fail, and sources that do not answer the sensors."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import dagster as dg

from vector_pipeline.orchestration.sensors import Memory, SourceNotObserved

FAILS_AFTER = 3
"""Failed ticks in a row after which a sensor is a trouble; a schedule is one after the first, its next tick is far."""

_FAILING = ("FAILURE", "STARTED")
"""States of a tick that bear the failures before it: one under way took them over from the last."""

_DEEPEST = 10


@dataclass(frozen=True, slots=True)
class FailingTicks:
    """A sensor or schedule whose last `failures` ticks failed; `silent` names the sources that did not answer it."""

    name: str
    is_sensor: bool
    failures: int
    silent: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Ticks:
    """What the ticks say. `silent` are all sources that did not answer when last asked, once or more often."""

    failing: tuple[FailingTicks, ...]
    silent: frozenset[str]


def read_ticks(instance: dg.DagsterInstance, repository: dg.RepositoryDefinition, own_name: str) -> Ticks:
    """The failing sensors and schedules of the repository that are switched on, except the one that asks."""
    failing, silent = [], set()
    states = [
        state
        for state in instance.all_instigator_state()
        if state.is_running and state.name != own_name and _is_known(repository, state.name)
    ]
    for state in states:
        is_sensor = repository.has_sensor_def(state.name)
        unanswered = _unanswered(state.instigator_data, is_sensor)
        silent |= set(unanswered)
        latest = next(iter(instance.get_ticks(state.instigator_origin_id, state.selector_id, limit=1)), None)
        if latest is None or latest.status.value not in _FAILING:
            continue
        failures = max(latest.consecutive_failure_count, latest.tick_data.failure_count)
        if failures >= (FAILS_AFTER if is_sensor else 1):
            blamed = unanswered if unanswered and _is_silence(latest.error) else ()
            failing.append(FailingTicks(state.name, is_sensor, failures, blamed))
    return Ticks(tuple(failing), frozenset(silent))


def _is_known(repository: dg.RepositoryDefinition, name: str) -> bool:
    return repository.has_sensor_def(name) or repository.has_schedule_def(name)


def _unanswered(data: object, is_sensor: bool) -> tuple[str, ...]:
    """The sources that a sensor of ours holds for failing; nothing for what is not one."""
    cursor = getattr(data, "cursor", None)
    if not is_sensor or not isinstance(cursor, str) or not cursor.startswith("{"):
        return ()
    try:
        return tuple(Memory.read(cursor).failing)
    except ValueError:
        return ()


def _is_silence(error: object) -> bool:
    """Whether a tick failed because sources did not answer. One under way has no error yet: it failed as before."""
    return error is None or any(name == SourceNotObserved.__name__ for name in _classes(error))


def _classes(error: object) -> Iterator[str]:
    """The names of an error's class and of those of its causes."""
    for _ in range(_DEEPEST):
        if error is None:
            return
        yield str(getattr(error, "cls_name", ""))
        error = getattr(error, "cause", None)
