"""Asking many sources at once what version they are in, each within its own time."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime

from vector_pipeline.errors import PipelineError
from vector_pipeline.sync.pipeline import Pipeline

PROBES_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Observed:
    """The answers: version by partition, and what went wrong by partition."""

    versions: dict[str, str]
    errors: dict[str, PipelineError]


def observe(pipeline: Pipeline, partitions: Sequence[str]) -> Observed:
    """Probes the sources, several at once, and records what they said. A failed probe never hides the others."""
    versions: dict[str, str] = {}
    errors: dict[str, PipelineError] = {}

    def probe(name: str) -> str | PipelineError:
        try:
            with pipeline.source(name) as source:
                return source.probe()
        except PipelineError as error:
            return error

    with ThreadPoolExecutor(PROBES_AT_ONCE, thread_name_prefix="probe") as pool:
        for name, answer in zip(partitions, pool.map(probe, partitions), strict=True):
            if isinstance(answer, PipelineError):
                errors[name] = answer
            else:
                versions[name] = answer
    now = datetime.now(UTC)
    for name, version in versions.items():
        pipeline.store.record_observation(pipeline.store.partition(name).partition_id, version, now)
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
