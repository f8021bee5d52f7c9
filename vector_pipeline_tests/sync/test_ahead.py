"""Later stages follow while a large source is still read: the same result, overlapped and bounded."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from vector_pipeline.sync.history import find_ingestion
from vector_pipeline.sync.progress import Progress, listening
from vector_pipeline.sync.runner import run_stage, sync_partition
from vector_pipeline.sync.stages import CHUNKS, DOCUMENTS, EMBEDDINGS, POINTS, StageResult
from vector_pipeline_tests.project import Project, Snapshot
from vector_pipeline_tests.simulators.openai_server import Fault, OpenAIServer, status
from vector_pipeline_tests.sync.exactness import assert_consistent, assert_exact, served_anew, served_by
from vector_pipeline_tests.sync.killed_sync import KillPoint, sync_killed

PARTITION = "local_files/notes"
STREAMED = {"limits": {"stream_above": 0, "stream_lag": 4, "fetch_batch": 2}, "index": {"batch_size": 3}}


def write_pages(notes: Path, numbers: Iterator[int] | range, words: str = "as written first") -> None:
    notes.mkdir(parents=True, exist_ok=True)
    for number in numbers:
        (notes / f"{number:03}.md").write_text(f"# Page {number}\n\nIt stands here, {words}.\n")


@pytest.fixture
def project(folder: Path) -> Project:
    """A folder of 24 pages that is streamed, not synced yet."""
    project = Project(folder / "project", deepcopy(STREAMED))
    project.add_folder("notes", folder / "notes")
    write_pages(folder / "notes", range(24))
    return project


def of(results: list[StageResult], stage: str) -> StageResult:
    return next(result for result in results if result.stage == stage)


def sync(project: Project, run_id: str = "run") -> list[StageResult]:
    with project.open() as pipeline:
        return sync_partition(pipeline, PARTITION, run_id)


def row_counts(project: Project, run_id: str = "run") -> dict[str, Any]:
    with project.open() as pipeline:
        row = find_ingestion(pipeline.store, pipeline.store.partition(PARTITION).partition_id, run_id)
    assert row is not None
    return dict(row.counts)


def test_points_are_there_before_the_last_document_is_read(folder: Path, endpoint: OpenAIServer) -> None:
    project = Project(folder / "project", {**served_by(endpoint), **deepcopy(STREAMED)})
    project.add_folder("notes", folder / "notes")
    write_pages(folder / "notes", range(24))
    endpoint.faults.delay = 0.02
    with project.open() as pipeline:
        result = run_stage(pipeline, DOCUMENTS, PARTITION, "run")
        written = pipeline.index.count(pipeline.collection)
    # Reading waits until the others are at most four documents behind; the last batch has two.
    assert result.counts["added"] == 24
    assert written >= 24 - 4 - 2


def test_while_reading_waits_it_is_told_what_goes_on(folder: Path, endpoint: OpenAIServer) -> None:
    project = Project(folder / "project", {**served_by(endpoint), **deepcopy(STREAMED)})
    project.add_folder("notes", folder / "notes")
    write_pages(folder / "notes", range(24))
    told: list[Progress] = []
    one, another = threading.Event(), threading.Event()

    def hear(report: Progress) -> None:
        told.append(report)
        if report.stage == EMBEDDINGS:
            (another if one.is_set() else one).set()

    def answer_when(heard: threading.Event) -> Fault:
        return Fault(change=lambda answer: (heard.wait(60), answer)[1])

    endpoint.faults.once(answer_when(one))
    endpoint.faults.once(Fault())
    endpoint.faults.once(answer_when(another))
    with project.open() as pipeline, listening(hear):
        run_stage(pipeline, DOCUMENTS, PARTITION, "run")
    texts = [report.done for report in told if report.stage == EMBEDDINGS]
    assert texts[0] == 0
    assert texts == sorted(set(texts))
    assert 0 < texts[1] < 24
    assert told[-1].stage == DOCUMENTS


def test_a_streamed_sync_is_exact_and_counts_what_the_run_did(project: Project) -> None:
    results = sync(project)
    assert_exact(project)
    assert of(results, CHUNKS).counts["chunked"] == 24
    assert of(results, EMBEDDINGS).counts["embedded"] == 24
    assert of(results, EMBEDDINGS).counts["reused"] == 0
    assert of(results, POINTS).counts["upserted"] == 24
    counts = row_counts(project)
    assert counts["chunks: chunked"] == counts["embeddings: embedded"] == counts["points: upserted"] == 24
    assert counts["points: seconds"] > 0


def test_a_streamed_run_counts_like_one_in_four_passes(project: Project, folder: Path) -> None:
    streamed = {result.stage: result.counts for result in sync(project)}
    plain = Project(folder / "plain", {})
    plain.add_folder("notes", folder / "notes")
    assert {result.stage: result.counts for result in sync(plain)} == streamed


def test_changes_renames_and_deletions_end_exact(project: Project, folder: Path) -> None:
    sync(project)
    notes = folder / "notes"
    write_pages(notes, range(8), "edited since")
    write_pages(notes, range(30, 40))
    for number in range(10, 14):
        (notes / f"{number:03}.md").unlink()
    (notes / "020.md").rename(notes / "renamed.md")
    results = sync(project, "second")
    assert_exact(project)
    assert of(results, POINTS).counts["deleted"] >= 8 + 4


def test_text_that_moves_to_another_document_can_be_found_at_every_moment(project: Project, folder: Path) -> None:
    sync(project)
    notes = folder / "notes"
    moved = (notes / "000.md").read_text()
    write_pages(notes, range(23), "edited since")  # the first loses what the last one gets
    (notes / "023.md").write_text(moved)
    with project.open() as pipeline:
        run_stage(pipeline, DOCUMENTS, PARTITION, "second")
        texts = {
            str(point.payload["text"])
            for frame in pipeline.index.scroll(pipeline.collection)
            for point in pipeline.index.retrieve(pipeline.collection, frame["point_id"].to_list())
        }
    assert any("Page 0" in text and "as written first" in text for text in texts)


def test_an_endpoint_that_fails_does_not_fail_the_documents_and_is_not_hammered(
    folder: Path, endpoint: OpenAIServer
) -> None:
    project = Project(folder / "project", {**served_by(endpoint, max_retries=0), **deepcopy(STREAMED)})
    project.add_folder("notes", folder / "notes")
    write_pages(folder / "notes", range(24))
    endpoint.faults.always(status(500))
    with project.open() as pipeline:
        result = run_stage(pipeline, DOCUMENTS, PARTITION, "run")
    assert result.counts["added"] == 24
    assert len(endpoint.requests) <= 3
    endpoint.faults.clear()
    endpoint.requests.clear()
    project.sync()
    assert max(endpoint.texts.values()) == 1
    assert_exact(project)


def test_small_changes_are_left_to_the_stages(project: Project) -> None:
    project.settings["limits"]["stream_above"] = 24
    project.write()
    with project.open() as pipeline:
        run_stage(pipeline, DOCUMENTS, PARTITION, "run")
        assert pipeline.index.collections() == []
    sync(project)
    assert_exact(project)


STREAMED_KILLS = [
    KillPoint("store", "apply_documents", 4),
    KillPoint("store", "replace_chunks", 2),
    KillPoint("store", "add_embeddings", 2, after=False),
    KillPoint("index", "upsert", 2, after=False),
    KillPoint("store", "record_points", 2, after=False),
    *(KillPoint("store", "set_cursor", number, after=False) for number in (3, 6)),
]


@pytest.fixture(scope="module")
def built_afresh() -> dict[str, Snapshot]:
    """What a fresh project holds, built by the first test that needs it."""
    return {}


@pytest.mark.parametrize("point", STREAMED_KILLS, ids=str)
def test_a_streamed_sync_that_is_killed_is_finished_by_the_next_and_embeds_nothing_twice(
    folder: Path, endpoint: OpenAIServer, built_afresh: dict[str, Snapshot], point: KillPoint
) -> None:
    project = Project(folder / "project", {**served_by(endpoint, batch_size=4, concurrency=1), **deepcopy(STREAMED)})
    # Links and times are the same in every test, so that all can be compared with one fresh build.
    project.add_folder("notes", folder / "notes", url_template="https://example.org/{path}")
    write_pages(folder / "notes", range(14))
    for path in (folder / "notes").iterdir():
        os.utime(path, (1_700_000_000, 1_700_000_000))
    sync_killed(project, PARTITION, point)
    with project.open() as pipeline:
        stored = pipeline.store.sizes()["embeddings"]
    with served_anew(project) as anew:
        project.sync()
        with project.open() as pipeline:
            assert pipeline.store.sizes()["embeddings"] - stored == anew.embedded_texts
    if not built_afresh:
        built_afresh["notes"] = project.rebuilt(folder / "fresh")
    assert project.snapshot() == built_afresh["notes"]
    assert_consistent(project)


def test_an_edit_between_the_kill_of_a_streamed_sync_and_the_next_leaves_no_orphan(
    project: Project, folder: Path
) -> None:
    sync(project)
    write_pages(folder / "notes", range(12), "edited since")
    sync_killed(project, PARTITION, KillPoint("store", "record_points", 2, after=False))
    write_pages(folder / "notes", range(12), "edited once more")
    project.sync()
    assert_exact(project)


def test_both_collections_are_followed_while_another_one_is_built(project: Project, folder: Path) -> None:
    sync(project)
    project.settings["chunking"] = {"target_chars": 200}
    project.write()
    write_pages(folder / "notes", range(10), "edited since")
    with project.open() as pipeline:
        live = pipeline.index.alias(pipeline.settings.index.alias)
        run_stage(pipeline, DOCUMENTS, PARTITION, "second")
        assert live not in (None, pipeline.collection)
        assert pipeline.index.count(pipeline.collection) > 0
    assert row_counts(project, "second")["points: live upserted"] > 0
    project.sync()
    assert_exact(project)
