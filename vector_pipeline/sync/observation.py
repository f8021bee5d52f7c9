"""Asking many sources at once what version they are in, each within its own time."""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from vector_pipeline.errors import PipelineError
from vector_pipeline.logs.about import RUNS
from vector_pipeline.sources.base import SourceUnreachable
from vector_pipeline.sync.pipeline import Pipeline
from vector_pipeline.sync.sightings import record_sighting

GRACE_SECONDS = 2.0
"""On top of a source's own time-out, so that its own and better message comes first."""


@dataclass(frozen=True, slots=True)
class Observed:
    """The answers: version by partition, and what went wrong by partition."""

    versions: dict[str, str]
    errors: dict[str, PipelineError]


def observe(
    pipeline: Pipeline, partitions: Sequence[str], *, longest: float | None = None, recorded: bool = True
) -> Observed:
    """Probes the sources, several at once, and records what they said. A failed probe never hides the others.

    No probe is waited for longer than its source's `timeout`, nor than `longest` seconds: one that hangs (a network
    mount) is reported as unreachable and left behind. Where it is not `recorded`, nothing is written.
    """
    answers = _ask(pipeline, partitions, longest, recorded=recorded)
    versions = {name: answer for name, answer in answers.items() if isinstance(answer, str)}
    errors = {name: answer for name, answer in answers.items() if isinstance(answer, PipelineError)}
    return Observed(versions, errors)


def due_for_observation(pipeline: Pipeline, partitions: Sequence[str], now: datetime) -> list[str]:
    """The partitions whose last observation is older than their own interval."""
    due = []
    for name in partitions:
        settings = pipeline.source_settings(name)
        seen = pipeline.store.observation(pipeline.store.partition(name).partition_id)
        if settings is not None and (seen is None or now - seen[1] >= settings.observe_every):
            due.append(name)
    return due


def _ask(
    pipeline: Pipeline, partitions: Sequence[str], longest: float | None, *, recorded: bool
) -> dict[str, str | PipelineError]:
    """The answer of every partition, in the order given."""
    waiting = deque(partitions)
    deadlines: dict[str, float] = {}
    arrived: queue.SimpleQueue[tuple[str, str | PipelineError]] = queue.SimpleQueue()
    answers: dict[str, str | PipelineError] = {}
    while waiting or deadlines:
        while waiting and len(deadlines) < pipeline.settings.limits.probes_at_once:
            name = waiting.popleft()
            deadlines[name] = time.monotonic() + _patience(pipeline, name, longest)
            # Daemon threads: neither Ctrl-C nor the end of the process waits for a probe that hangs.
            threading.Thread(target=_probe, args=(pipeline, name, arrived), name=f"probe {name}", daemon=True).start()
        try:
            name, answer = arrived.get(timeout=max(0.0, min(deadlines.values()) - time.monotonic()))
        except queue.Empty:
            found: list[tuple[str, str | PipelineError]] = [
                (name, _too_late(name)) for name, deadline in deadlines.items() if deadline <= time.monotonic()
            ]
        else:
            found = [(name, answer)]
        for name, answer in found:
            if deadlines.pop(name, None) is not None:
                answers[name] = answer
                if recorded:
                    _record(pipeline, name, answer)
    return {name: answers[name] for name in partitions}


def _too_late(name: str) -> SourceUnreachable:
    return SourceUnreachable(
        f"{name}: no answer in time", hint="is it mounted and reachable? the source's `timeout` says how long it has"
    )


def _record(pipeline: Pipeline, name: str, answer: str | PipelineError) -> None:
    """Records what was observed; a failed look is one too, at what was seen before, so that intervals are kept."""
    store = pipeline.store
    pid, now = store.partition(name).partition_id, datetime.now(UTC)
    record_sighting(store, pid, None if isinstance(answer, PipelineError) else answer, now)
    if isinstance(answer, PipelineError):
        RUNS.warning("does not answer: %s", answer, extra={"source": name})
        seen = store.observation(pid)
        answer = seen[0] if seen else ""
    store.record_observation(pid, answer, now)


def _patience(pipeline: Pipeline, name: str, longest: float | None) -> float:
    """Seconds to wait for the probe of a partition."""
    settings = pipeline.source_settings(name)
    own = settings.timeout.total_seconds() + GRACE_SECONDS if settings else GRACE_SECONDS
    return own if longest is None else min(own, longest)


def _probe(pipeline: Pipeline, name: str, arrived: queue.SimpleQueue[tuple[str, str | PipelineError]]) -> None:
    try:
        with pipeline.source(name) as source:
            arrived.put((name, source.probe()))
    except PipelineError as error:
        arrived.put((name, error))
    except Exception as error:  # noqa: BLE001  # whatever a source raises, the others must still be heard
        arrived.put((name, SourceUnreachable(f"{name}: the probe failed with {type(error).__name__}")))
