"""A sync that is stopped, killed, started twice or kept waiting ends cleanly, and the next one finishes the work."""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from filelock import FileLock

from vector_pipeline.orchestration.launch import terminal_instance
from vector_pipeline_tests.cli.command import SECONDS, Command, wait_until, write
from vector_pipeline_tests.project import Project
from vector_pipeline_tests.simulators.openai_server import Fault, OpenAIServer

DOCUMENTS = 60
BATCH = 4


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    """An embedding endpoint."""
    with OpenAIServer(dimension=8) as running:
        yield running


def hang_after(server: OpenAIServer, batches: int) -> threading.Event:
    """The endpoint answers so many requests more, and none after them until the event is set."""
    released = threading.Event()

    def late(answer: Any) -> Any:
        released.wait(5 * SECONDS)
        return answer

    server.faults.clear()
    server.faults.once(Fault(), batches)
    server.faults.always(Fault(change=late))
    return released


@pytest.fixture
def command(tmp_path: Path, server: OpenAIServer) -> Command:
    """A project whose texts are embedded four at a time by the endpoint."""
    write(tmp_path / "notes", {f"{n:02}.md": f"# Note {n}\n\nunique text {n}\n" for n in range(DOCUMENTS)})
    project = Project(tmp_path)
    project.add_folder("notes", tmp_path / "notes")
    project.settings["embedding"] = {
        "provider": "openai",
        "model": server.model,
        "dimensions": 8,
        "base_url": server.url,
        "api_key": "sk-not-to-be-shown",
        "batch_size": BATCH,
        "concurrency": 1,
        "timeout": f"{10 * SECONDS}s",
    }
    project.write()
    return Command(project)


def test_ctrl_c_and_sigterm_stop_cleanly_and_the_next_sync_goes_on(command: Command, server: OpenAIServer) -> None:
    released = hang_after(server, 2)
    process = command.start("sync")
    wait_until(lambda: len(server.requests) == 3)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=SECONDS)  # with the request still under way
    assert process.returncode == 1, err
    assert err == "stopped; the next run goes on from here\n"
    assert f"stopped  {DOCUMENTS} added" in out
    assert _run_statuses(command) == [dg.DagsterRunStatus.CANCELED]
    assert command("status", "--json").json()["sources"][0]["state"] == "stopped"
    released.set()

    before = len(server.requests)
    released = hang_after(server, 2)
    process = command.start("sync", "--json")
    wait_until(lambda: len(server.requests) == before + 3)
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=SECONDS)
    released.set()
    assert process.returncode == 1, err
    assert err == ""
    report = json.loads(out)
    assert report["stopped"] is True
    assert report["sources"][0]["status"] == "stopped"
    assert report["check"] is None
    assert _run_statuses(command) == [dg.DagsterRunStatus.CANCELED] * 2
    with command.project.open() as pipeline:
        assert [row.status for row in pipeline.store.ingestions()] == ["failed", "failed"]

    server.faults.clear()
    finished = command("sync", "--json")
    assert finished.code == 0, finished.out
    assert finished.json()["check"]["passed"] is True
    assert len(command.project.snapshot()) == DOCUMENTS
    # At each stop at most two batches were paid for in vain: one under way, one answered but not yet recorded.
    assert server.texts.total() <= DOCUMENTS + 2 * 2 * BATCH


def test_ctrl_c_while_documents_are_still_read_waits_for_no_answer_either(
    command: Command, server: OpenAIServer
) -> None:
    command.project.settings["limits"] = {"stream_above": 8, "stream_lag": 12, "fetch_batch": 4}
    command.project.write()
    released = hang_after(server, 2)
    process = command.start("sync")
    wait_until(lambda: len(server.requests) == 3)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=SECONDS)
    released.set()
    assert (process.returncode, err) == (1, "stopped; the next run goes on from here\n")
    with command.project.open() as pipeline:
        (run,) = pipeline.store.ingestions()
        assert run.counts["embeddings: embedded"] >= BATCH, "what was paid for is told, though the stage was not over"
    server.faults.clear()
    assert command("sync").code == 0
    assert len(command.project.snapshot()) == DOCUMENTS


def test_after_a_kill_the_next_sync_finishes_and_closes_the_dead_run(command: Command, server: OpenAIServer) -> None:
    hang_after(server, 2)
    process = command.start("sync")
    wait_until(lambda: server.embedded_texts == 2 * BATCH)
    process.kill()
    process.communicate(timeout=SECONDS)
    assert command("status", "--json").json()["sources"][0]["state"] == "stopped"
    server.faults.clear()
    assert command("sync").code == 0
    assert len(command.project.snapshot()) == DOCUMENTS
    assert dg.DagsterRunStatus.STARTED not in _run_statuses(command)


def test_of_syncs_at_once_one_works_and_the_others_wait_for_it(command: Command, server: OpenAIServer) -> None:
    released = hang_after(server, 1)
    first = command.start("sync", "--json")
    wait_until(lambda: server.embedded_texts == BATCH)
    command.project.settings["state"] = {"timeout": "1s"}
    command.project.write()
    impatient = command("sync")
    assert impatient.code == 1
    assert "local_files/notes: another sync of this source is under way (waited 1 s)" in impatient.err

    command.project.settings["state"] = {}
    command.project.write()
    patient = command.start("sync", "--json")
    released.set()
    out, err = first.communicate(timeout=SECONDS)
    assert first.returncode == 0, err
    assert json.loads(out)["sources"][0]["status"] == "success"
    out, err = patient.communicate(timeout=SECONDS)
    assert patient.returncode == 0, err
    assert json.loads(out)["sources"][0]["status"] == "in step"
    assert server.embedded_texts == DOCUMENTS, "no text was embedded twice"


def test_a_shard_that_is_held_is_named_and_nothing_is_lost(command: Command, server: OpenAIServer) -> None:
    command.project.settings["index"] = {"lock_timeout": "1s"}
    command.project.write()
    command.project.sync()
    write(command.project.folder / "notes", {"new.md": "# New\n\nmore\n"})
    with command.project.open() as pipeline:
        (lock,) = (command.project.data / "qdrant").rglob(f"{pipeline.collection}.held")
    with FileLock(lock):
        for arguments in (("sync",), ("search", "unique")):
            answer = command(*arguments)
            assert answer.code == 1
            assert "was in use by others for 1 s" in answer.err
            assert "lock_timeout" in answer.err
            assert "does not match" not in answer.err
            assert "Traceback" not in answer.err
    command.project.sync()
    assert len(command.project.snapshot()) == DOCUMENTS + 1


def _run_statuses(command: Command) -> list[dg.DagsterRunStatus]:
    with terminal_instance(command.project.data / "dagster") as instance:
        return [run.status for run in instance.get_runs()]
