"""What the endpoint answers for a project: alive, ready, and its numbers."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

from vector_pipeline.monitoring.automation import Automation
from vector_pipeline.monitoring.endpoint import Answer, Answers
from vector_pipeline.monitoring.metrics import Numbers
from vector_pipeline.monitoring.paced import Paced
from vector_pipeline.monitoring.probe import Probe, Question, run_probes
from vector_pipeline.monitoring.probes import PATIENCE, ask_index, ask_store
from vector_pipeline.sync.pipeline import Pipeline


def answers_of(pipeline: Pipeline, automation: Callable[[], Automation], settings_file: str = "") -> Answers:
    """By path. `/readyz` says 503 where the state store or the index does not answer; it asks both at most once a
    second. Neither a source nor the model is asked by any of them.
    """
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Numbers(pipeline, automation, settings_file))
    ready = Paced(lambda: _ready(pipeline), least=1.0, share=1.0)

    return {
        "/healthz": lambda: Answer.text(HTTPStatus.OK, "alive"),
        "/readyz": lambda: _judged(ready()),
        "/metrics": lambda: Answer(HTTPStatus.OK, generate_latest(registry), CONTENT_TYPE_PLAIN_0_0_4),
    }


def _ready(pipeline: Pipeline) -> list[Probe]:
    return run_probes(
        [
            Question("state store", lambda: ask_store(pipeline), PATIENCE),
            Question("index", lambda: ask_index(pipeline, count=bool(pipeline.settings.index.url)), PATIENCE),
        ]
    )


def _judged(probes: list[Probe]) -> Answer:
    """Ready where nothing failed; what is not there yet, or busy, will answer."""
    failed = [probe for probe in probes if probe.state == "failed"]
    said = "\n".join(f"{probe.name}: {probe.state}: {probe.message}" for probe in probes)
    return Answer.text(HTTPStatus.SERVICE_UNAVAILABLE if failed else HTTPStatus.OK, said)
