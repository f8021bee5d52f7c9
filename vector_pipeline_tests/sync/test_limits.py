"""Every limit has the effect that its description promises."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from vector_pipeline.definitions import build_definitions
from vector_pipeline.orchestration.assets import build_chain
from vector_pipeline.settings_limits import LimitSettings
from vector_pipeline.sync.observation import observe
from vector_pipeline.sync.progress import Progress, listening
from vector_pipeline.sync.runner import run_stage, sync_partition
from vector_pipeline.sync.stages import CHUNKS, DOCUMENTS, EMBEDDINGS, STAGES
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


def test_probes_at_once_is_how_many_sources_are_asked_at_a_time(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = Project(folder / "project", {"limits": {"probes_at_once": 2}})
    names = [project.add_folder(f"notes{number}", folder / f"notes{number}") for number in range(6)]
    most, original = 0, threading.Thread.start

    def start(thread: threading.Thread) -> None:
        nonlocal most
        original(thread)
        most = max(most, sum(one.name.startswith("probe ") for one in threading.enumerate()))

    monkeypatch.setattr(threading.Thread, "start", start)
    with project.open() as pipeline:
        assert observe(pipeline, names).versions.keys() == set(names)
    assert 1 <= most <= 2


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
    with project.open() as pipeline:
        before, started = time.process_time(), time.monotonic()
        run_stage(pipeline, DOCUMENTS, PARTITION, "run")
        used, elapsed = time.process_time() - before, time.monotonic() - started
    # Beside what came before the first batch and after the last one.
    assert elapsed > 0.3 * used / (0.05 * (psutil.cpu_count() or 1))
