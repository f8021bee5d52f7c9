"""The HTTP endpoint: what it answers, what it refuses, and that its numbers are what Prometheus reads."""

from __future__ import annotations

import http.client
import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from prometheus_client import generate_latest
from prometheus_client.core import Metric
from prometheus_client.parser import text_string_to_metric_families

from vector_pipeline.errors import PipelineError
from vector_pipeline.monitoring import endpoint as endpoint_module
from vector_pipeline.monitoring.automation import Automation, CheckAnswer, Daemon, Pool, Run, Ticker
from vector_pipeline.monitoring.endpoint import Answer, Answers, Endpoint, EndpointUnavailable, is_loopback
from vector_pipeline.monitoring.metrics import METRICS, Numbers, exposed_name
from vector_pipeline.monitoring.serving import answers_of
from vector_pipeline_tests.cli.command import wait_until, write
from vector_pipeline_tests.project import Project

ROOT = Path(__file__).parents[2]


@contextmanager
def served(answers: Answers) -> Iterator[Endpoint]:
    """The endpoint on any free port."""
    with Endpoint("127.0.0.1", 0, answers) as endpoint:
        thread = threading.Thread(target=endpoint.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield endpoint
        finally:
            endpoint.shutdown()
            thread.join()


def get(endpoint: Endpoint, path: str, method: str = "GET", body: bytes | None = None) -> tuple[int, str]:
    """Status and body of an answer."""
    connection = http.client.HTTPConnection("127.0.0.1", endpoint.port, timeout=60)
    try:
        connection.request(method, path, body)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def samples(text: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """All samples by name and labels, as Prometheus' own parser reads them."""
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A folder of two notes, in step."""
    write(tmp_path / "notes", {"a.md": "# A\n\nThe pager rota changes.\n", "b.md": "# B\n\nBackups are encrypted.\n"})
    project = Project(tmp_path)
    project.add_folder("notes", tmp_path / "notes")
    project.sync()
    return project


def busy() -> Automation:
    """Something of everything that Dagster may have under way."""
    from datetime import UTC, datetime

    now = datetime.now(UTC)
    return Automation(
        is_used=True,
        daemons=(Daemon("sensor", now),),
        tickers=(Ticker("observe_git", "sensor", True, now, "failure", 2),),
        runs=(Run("r1", "sync_git", "git/a", "queued", now),),
        queued=1,
        pools=(Pool("index", 1, 1, 2), Pool("free", None, 0, 0)),
        checks=(CheckAnswer("points_match_state", True, now),),
    )


def test_a_synced_project_is_alive_ready_and_has_its_numbers(project: Project) -> None:
    with project.open() as pipeline, served(answers_of(pipeline, busy, str(project.file))) as endpoint:
        assert get(endpoint, "/healthz") == (200, "alive\n")
        ready = get(endpoint, "/readyz")
        status, text = get(endpoint, "/metrics")
    assert ready[0] == 200, ready
    assert status == 200
    found = samples(text)
    source = ("source", "local_files/notes")
    assert found["vector_pipeline_documents", frozenset({source})] == 2
    assert found["vector_pipeline_points", frozenset({source})] == 2
    assert found["vector_pipeline_source_status", frozenset({source, ("status", "in step")})] == 1
    assert found["vector_pipeline_sync_runs_total", frozenset({source, ("status", "success")})] == 0
    assert found["vector_pipeline_pool_waiting", frozenset({("pool", "index")})] == 2
    assert found["vector_pipeline_daemon_up", frozenset()] == 1


def test_counters_grow_with_the_next_run(project: Project) -> None:
    with project.open() as pipeline, served(answers_of(pipeline, Automation)) as endpoint:
        get(endpoint, "/metrics")
        write(project.folder / "notes", {"c.md": "# C\n\nA third note of its own.\n"})
        project.sync()
        found = samples(get(endpoint, "/metrics")[1])
    source = ("source", "local_files/notes")
    assert found["vector_pipeline_sync_runs_total", frozenset({source, ("status", "success")})] == 1
    assert found["vector_pipeline_embedded_texts_total", frozenset({source})] == 1
    assert found["vector_pipeline_stage_seconds_total", frozenset({source, ("stage", "points")})] > 0


def test_every_metric_is_served_under_a_proper_name_and_documented(project: Project) -> None:
    with project.open() as pipeline:
        families = {metric.name: metric for metric in Numbers(pipeline, busy).collect()}
    for name, described in METRICS.items():
        exposed = exposed_name(name)
        assert re.fullmatch(r"vector_pipeline_[a-z_]+", exposed)
        assert exposed.endswith("_total") == (described.kind == "counter")
        assert families[f"vector_pipeline_{name}"].type == described.kind
    page = (ROOT / "docs" / "monitoring.md").read_text()
    rows = dict(re.findall(r"^\| `(vector_pipeline_\w+)` \| (.*) \|$", page, re.MULTILINE))
    labels = {exposed_name(name): ", ".join(f"`{label}`" for label in one.labels) for name, one in METRICS.items()}
    assert rows == {
        exposed_name(name): f"{one.kind} | {labels[exposed_name(name)]} | {one.text}" for name, one in METRICS.items()
    }


def test_a_hostile_name_stays_within_its_label() -> None:
    from vector_pipeline.monitoring.metrics import _family

    class Fixed:
        def collect(self) -> Iterator[Metric]:
            yield _family("documents", [(('a"} 7\nvector_pipeline_fake{x="\udcff',), 3.0)])

    text = generate_latest(Fixed()).decode()  # type: ignore[arg-type]
    assert {name for name, _ in samples(text)} == {"vector_pipeline_documents"}


def test_a_store_that_is_damaged_is_not_ready_and_the_process_stays_alive(project: Project) -> None:
    with project.open() as pipeline:
        state = pipeline.store.location.path
        assert state is not None
        pipeline.store.close()
        for ending in ("-wal", "-shm"):
            state.with_name(state.name + ending).unlink(missing_ok=True)
        state.write_bytes(b"no database" * 1000)
        with served(answers_of(pipeline, Automation)) as endpoint:
            assert get(endpoint, "/readyz")[0] == 503
            assert get(endpoint, "/metrics")[0] in (500, 503)
            assert get(endpoint, "/healthz")[0] == 200


def fail() -> Answer:
    raise PipelineError("no store", hint="mend it")


def crash() -> Answer:
    raise ValueError("text of a document")


@pytest.mark.parametrize(
    ("method", "path", "status", "body"),
    [
        ("GET", "/elsewhere", 404, "there are: /ok, /fails, /crashes\n"),
        ("GET", "/../etc/passwd", 404, "there are: /ok, /fails, /crashes\n"),
        ("GET", "/ok?x=1", 200, "fine\n"),
        ("HEAD", "/ok", 200, ""),
        ("GET", "/fails", 503, "no store; mend it\n"),
        ("GET", "/crashes", 500, "failed with ValueError\n"),
    ],
)
def test_answers_say_what_is_so_and_never_more(method: str, path: str, status: int, body: str) -> None:
    answers: dict[str, Callable[[], Answer]] = {
        "/ok": lambda: Answer.text(endpoint_module.HTTPStatus.OK, "fine"),
        "/fails": fail,
        "/crashes": crash,
    }
    with served(answers) as endpoint:
        assert get(endpoint, path, method) == (status, body)


def test_nothing_can_be_sent_to_it(project: Project) -> None:
    with served({"/ok": lambda: Answer.text(endpoint_module.HTTPStatus.OK, "fine")}) as endpoint:
        for method in ("POST", "PUT", "DELETE"):
            assert get(endpoint, "/ok", method, b"x" * 10)[0] == 501


def test_clients_that_never_ask_hold_no_place_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoint_module._Handler, "timeout", 0.3)
    with served({"/ok": lambda: Answer.text(endpoint_module.HTTPStatus.OK, "fine")}) as endpoint:
        silent = [socket.create_connection(("127.0.0.1", endpoint.port)) for _ in range(endpoint_module.AT_ONCE)]

        def answers() -> bool:
            try:
                return get(endpoint, "/ok")[0] == 200
            except (http.client.HTTPException, OSError):
                return False  # turned away while all places are taken

        wait_until(answers)
        for one in silent:
            one.close()


def test_a_port_that_is_taken_is_told() -> None:
    with served({}) as endpoint, pytest.raises(EndpointUnavailable, match=str(endpoint.port)):
        Endpoint("127.0.0.1", endpoint.port, {})


@pytest.mark.parametrize(
    ("host", "expected"),
    [("127.0.0.1", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("10.0.0.1", False), ("a.b", False)],
)
def test_only_this_machine_reaches_loopback(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected
