"""Health: all probes of one project together, and what they come to."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from vector_pipeline.monitoring.automation import Automation, judge_daemon, judge_tickers
from vector_pipeline.monitoring.probe import Finding, Probe, Question, State, run_probes
from vector_pipeline.monitoring.probes import (
    EMBEDDING_PATIENCE,
    PATIENCE,
    ask_embedding,
    ask_index,
    ask_store,
    discovering_sites,
    disk_questions,
    held_partitions,
    source_questions,
)
from vector_pipeline.state.errors import StateError
from vector_pipeline.sync.partitions import list_partitions
from vector_pipeline.sync.pipeline import Pipeline

_ORDER: tuple[State, ...] = ("ok", "degraded", "failed")


def look(pipeline: Pipeline, automation: Callable[[], Automation], sources: Sequence[str] | None = None) -> list[Probe]:
    """The answers of everything, or of these sources alone. Nothing is recorded, and nothing is made.

    `pipeline` should be an impatient one. The first answers come from the parts that all others stand on.
    """
    if sources is not None:
        return run_probes(list(source_questions(pipeline, sources, [])))
    sites = discovering_sites(pipeline.settings)
    return run_probes(
        [
            Question("state store", lambda: ask_store(pipeline), PATIENCE),
            Question("index", lambda: ask_index(pipeline), PATIENCE),
            Question("embedding", lambda: ask_embedding(pipeline), EMBEDDING_PATIENCE),
            *disk_questions(pipeline),
            *_automation_questions(automation),
            *source_questions(pipeline, known_partitions(pipeline), sites),
        ]
    )


def known_partitions(pipeline: Pipeline) -> list[str]:
    """The configured partitions; where the state store can't be read, those that the settings name."""
    try:
        held = held_partitions(pipeline)
    except StateError:
        held = []
    return list_partitions(pipeline.settings, held)


def worst(probes: Sequence[Probe]) -> State:
    """The worst state among them."""
    return max((probe.state for probe in probes), key=_ORDER.index, default="ok")


def _automation_questions(automation: Callable[[], Automation]) -> list[Question]:
    """Dagster is asked once, by whoever comes first; the others wait for that answer."""
    lock = threading.Lock()
    seen: list[Automation] = []

    def judged(judge: Callable[[Automation, datetime], Finding]) -> Callable[[], Finding]:
        def answer() -> Finding:
            with lock:
                if not seen:
                    seen.append(automation())
            return judge(seen[0], datetime.now(UTC))

        return answer

    return [
        Question("daemon", judged(judge_daemon), EMBEDDING_PATIENCE),
        Question("sensors", judged(lambda found, now: judge_tickers(found, "sensor", now)), EMBEDDING_PATIENCE),
        Question("schedules", judged(lambda found, now: judge_tickers(found, "schedule", now)), EMBEDDING_PATIENCE),
    ]
