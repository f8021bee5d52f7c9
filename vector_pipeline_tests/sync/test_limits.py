"""Every limit has the effect that its description promises."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from pathlib import Path
from typing import Any

import psutil

from vector_pipeline.definitions import build_definitions
from vector_pipeline.orchestration.assets import build_chain
from vector_pipeline.settings_limits import LimitSettings
from vector_pipeline.sync.observation import observe
from vector_pipeline.sync.progress import Progress, listening
from vector_pipeline.sync.runner import run_stage, sync_partition
from vector_pipeline.sync.stages import CHUNKS, DOCUMENTS, EMBEDDINGS, STAGES
from vector_pipeline_tests.listening import listening as serving
from vector_pipeline_tests.project import Project
from vector_pipeline_tests.simulators.openai_server import OpenAIServer
from vector_pipeline_tests.sync.exactness import served_by

PARTITION = "local_files/notes"


def steps(folder: Path, stage: str, settings: dict[str, Any], *, pages: int = 6, words: int = 5) -> list[int]:
    """What a stage reports as done, each time it does, for some pages."""
    project = Project(folder / "project", settings)
    project.add_folder("notes", folder / "notes")
    for number in range(pages):
        (folder / "notes" / f"{number}.md").write_text(f"# Page {number}\n\n" + f"word{number} " * words + "\n")
    heard: list[Progress] = []
    with project.open() as pipeline, listening(heard.append):
        sync_partition(pipeline, PARTITION, "run")
    return [report.done for report in heard if report.stage == stage]


def test_fetch_batch_is_how_many_documents_are_recorded_at_once(folder: Path) -> None:
    assert steps(folder, DOCUMENTS, {"limits": {"fetch_batch": 2}}) == [0, 2, 4, 6]


def test_fetch_text_records_large_documents_before_a_batch_is_full(folder: Path) -> None:
    project = Project(folder / "project", {"limits": {"fetch_text": 10_000}})
    project.add_folder("notes", folder / "notes")
    for number in range(4):
        (folder / "notes" / f"{number}.md").write_text(f"# Page {number}\n\n" + "many words " * 1_000)
    with project.open() as pipeline:
        run_stage(pipeline, DOCUMENTS, PARTITION, "run")
        # Every batch that is recorded is a revision of its own.
        assert pipeline.store.partition(PARTITION).revision == 4


def test_chunk_text_is_how_much_is_cut_at_once(folder: Path) -> None:
    reports = steps(
        folder, CHUNKS, {"limits": {"chunk_text": 10_000}, "chunking": {"target_chars": 32_000}}, words=1_500
    )
    assert len(reports) == 6


def test_embed_window_is_how_many_texts_are_in_memory(folder: Path) -> None:
    assert steps(folder, EMBEDDINGS, {"limits": {"embed_window": 2}}) == [0, 2, 4, 6]


def test_probes_at_once_is_how_many_sources_are_asked_at_a_time(folder: Path) -> None:
    under_way, most, lock = 0, 0, threading.Lock()
    two, third = threading.Barrier(2), threading.Event()

    def refuse(client: socket.socket) -> None:
        """Answers no Git host before another is asked as well, and gives a third one, which must not come, time to."""
        nonlocal under_way, most
        client.recv(65_536)
        with lock:
            under_way += 1
            most = max(most, under_way)
        if most > 2:
            third.set()
        with contextlib.suppress(threading.BrokenBarrierError):
            two.wait(60)
        third.wait(0.3)
        with lock:
            under_way -= 1
        client.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")

    project = Project(folder / "project", {"limits": {"probes_at_once": 2}})
    with serving(refuse) as (host, port):
        names = [project.add_git(f"docs{number}", f"http://{host}:{port}/{number}.git") for number in range(6)]
        with project.open() as pipeline:
            assert observe(pipeline, names).errors.keys() == set(names)
    assert most == 2


def test_steps_are_retried_as_often_and_as_late_as_the_settings_say() -> None:
    limits = LimitSettings(step_retries=7, step_retry_delay="90s")
    policies = [asset.node_def.retry_policy for asset in build_chain("toy", 1, limits)[1:]]
    given = [(policy.max_retries, policy.delay) for policy in policies if policy]
    assert given == [(7, 90.0)] * 3
    never = [asset.node_def.retry_policy for asset in build_chain("toy", 1, LimitSettings(step_retries=0))[1:]]
    assert never == [None] * len(STAGES)
    assert build_definitions(["toy"], 1, limits).resolve_all_job_defs()


def test_a_processor_ceiling_slows_a_sync_down(folder: Path, endpoint: OpenAIServer) -> None:
    project = Project(folder / "project", {**served_by(endpoint), "limits": {"max_cpu": 0.05, "fetch_batch": 1}})
    project.add_folder("notes", folder / "notes")
    for number in range(12):
        (folder / "notes" / f"{number}.md").write_text(f"# Page {number}\n\nWords.\n")
    moments: list[tuple[float, float]] = []
    with (
        project.open() as pipeline,
        listening(lambda report: moments.append((time.process_time(), time.monotonic()))),
    ):
        run_stage(pipeline, DOCUMENTS, PARTITION, "run")
    # From the first batch to the last one: what comes before and after is not slowed down, and may be much.
    (before, started), (after, ended) = moments[0], moments[-1]
    assert ended - started > 0.3 * (after - before) / (0.05 * (psutil.cpu_count() or 1))
