"""Killed (SIGKILL) at every boundary, with the worst happening before the restart: always exact after it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from vector_pipeline.sync.runner import run_stage
from vector_pipeline.sync.stages import CHUNKS, EMBEDDINGS, POINTS
from vector_pipeline_tests.git_repository import GitRepository, git
from vector_pipeline_tests.project import Project, Snapshot, counts
from vector_pipeline_tests.simulators.openai_server import OpenAIServer
from vector_pipeline_tests.sync.exactness import assert_consistent, assert_exact, due, served_anew, served_by, settle
from vector_pipeline_tests.sync.killed_sync import KillPoint, sync_killed

SMALL_BATCHES = {"limits": {"fetch_batch": 4}, "index": {"batch_size": 3}}
SAME_LINKS = {"url_template": "https://example.org/{path}"}
DOCS = "git/docs"
NOTES = "local_files/notes"


def small_batches(endpoint: OpenAIServer) -> dict[str, object]:
    return {**served_by(endpoint, batch_size=4, concurrency=1), **SMALL_BATCHES}


def page(number: int, words: str = "as written first") -> str:
    return f"# Page {number}\n\nIt stands here, {words}.\n\n## Detail {number}\n\nMore of page {number}.\n"


def embeddings(project: Project) -> int:
    with project.open() as pipeline:
        return pipeline.store.sizes()["embeddings"]


@pytest.fixture
def project(folder: Path, endpoint: OpenAIServer) -> Project:
    """A folder of 12 pages, synced, with changes of every kind that are not."""
    project = Project(folder / "project", small_batches(endpoint))
    notes = folder / "notes"
    # Links and times are the same in every test, so that all can be compared with one fresh build.
    project.add_folder("notes", notes, **SAME_LINKS)
    for number in range(12):
        (notes / f"{number}.md").write_text(page(number))
    project.sync()
    for number in range(3):
        (notes / f"{number}.md").write_text(page(number, "edited since"))
        (notes / f"new {number}.md").write_text(page(100 + number))
        (notes / f"{6 + number}.md").unlink()
    (notes / "9.md").rename(notes / "renamed.md")
    for path in notes.iterdir():
        os.utime(path, (1_700_000_000, 1_700_000_000))
    return project


@pytest.fixture(scope="module")
def built_afresh() -> dict[str, Snapshot]:
    """What a fresh project holds, built by the first test that needs it."""
    return {}


KILL_POINTS = [
    KillPoint("files", "fetch", 3),
    KillPoint("store", "apply_documents", 1, after=False),
    KillPoint("store", "apply_documents", 1),
    KillPoint("store", "delete_documents", 1, after=False),
    KillPoint("store", "delete_documents", 1),
    KillPoint("store", "record_scan", 1, after=False),
    KillPoint("store", "record_scan", 1),
    KillPoint("store", "replace_chunks", 1),
    KillPoint("store", "add_embeddings", 2, after=False),
    KillPoint("store", "add_embeddings", 2),
    KillPoint("index", "upsert", 2, after=False),
    KillPoint("store", "record_points", 2, after=False),
    KillPoint("store", "record_points", 2),
    KillPoint("index", "delete", 1, after=False),
    KillPoint("index", "delete", 1),
    *(KillPoint("store", "set_cursor", number, after=False) for number in range(2, 7)),
]


@pytest.mark.parametrize("point", KILL_POINTS, ids=str)
def test_the_sync_after_a_kill_ends_exact_and_embeds_nothing_twice(
    project: Project, folder: Path, built_afresh: dict[str, Snapshot], point: KillPoint
) -> None:
    sync_killed(project, NOTES, point)
    assert due(project, NOTES) is not None
    stored = embeddings(project)
    with served_anew(project) as anew:
        project.sync()
        assert embeddings(project) - stored == anew.embedded_texts
    if not built_afresh:
        built_afresh["notes"] = project.rebuilt(folder / "fresh")
    assert project.snapshot() == built_afresh["notes"]
    assert_consistent(project)


@pytest.mark.parametrize(
    "point",
    [
        KillPoint("store", "apply_documents", 2),
        KillPoint("index", "ensure", 1),
        KillPoint("index", "set_alias", 1, after=False),
        KillPoint("store", "record_points", 2, after=False),
    ],
    ids=str,
)
def test_a_first_sync_that_is_killed_is_finished_by_the_next(
    folder: Path, endpoint: OpenAIServer, point: KillPoint
) -> None:
    project = Project(folder / "project", small_batches(endpoint))
    project.add_folder("notes", folder / "notes")
    for number in range(12):
        (folder / "notes" / f"{number}.md").write_text(page(number))
    project.let_age()
    sync_killed(project, NOTES, point)
    results = project.sync()
    assert max(endpoint.texts.values()) == 1
    assert counts(results, "documents").get("reread", 0) == 0
    assert_exact(project)


@pytest.mark.parametrize("method", ["upsert", "delete"])
def test_a_document_edited_between_the_kill_and_the_restart_leaves_no_orphan(
    project: Project, folder: Path, method: str
) -> None:
    sync_killed(project, NOTES, KillPoint("index", method, 1))
    for path in (folder / "notes").iterdir():
        path.write_text("# Other\n\nNothing is as it was.\n")
    project.sync()
    assert_exact(project)


def test_a_document_deleted_between_the_kill_and_the_restart_leaves_no_orphan(project: Project, folder: Path) -> None:
    sync_killed(project, NOTES, KillPoint("store", "record_points", 1, after=False))
    for number in range(3):
        (folder / "notes" / f"new {number}.md").unlink()
        (folder / "notes" / f"{number}.md").unlink()
    project.sync()
    assert_exact(project)


@pytest.fixture
def repository(folder: Path) -> GitRepository:
    """A branch of 12 pages at `first`."""
    repo = GitRepository(folder / "repo.git")
    for number in range(12):
        repo.write(f"{number}.md", page(number))
    repo.commit()
    return repo


@pytest.fixture
def docs(folder: Path, endpoint: OpenAIServer, repository: GitRepository) -> Project:
    """The branch, synced, and then changed by a commit."""
    project = Project(folder / "docs", small_batches(endpoint))
    project.add_git("docs", repository.url)
    project.sync()
    for number in range(8):
        repository.write(f"{number}.md", page(number, "changed by a commit"))
    repository.write("new.md", page(100)).delete("11.md").commit("changes")
    return project


@pytest.mark.parametrize(
    "point",
    [
        KillPoint("store", "apply_documents", 1),
        KillPoint("store", "delete_documents", 1),
        KillPoint("store", "record_scan", 1),
        KillPoint("index", "upsert", 1),
        KillPoint("store", "record_points", 2, after=False),
        KillPoint("index", "delete", 1),
    ],
    ids=str,
)
def test_a_branch_forced_back_between_the_kill_and_the_restart_is_followed(
    docs: Project, repository: GitRepository, point: KillPoint
) -> None:
    before = docs.snapshot()
    sync_killed(docs, DOCS, point)
    repository.reset(git(repository.path, "rev-parse", "main~1").decode().strip())
    assert due(docs, DOCS) is not None
    docs.sync()
    assert docs.snapshot() == before
    assert_consistent(docs)


def test_a_killed_run_stays_due_though_its_later_stages_are_finished(docs: Project, repository: GitRepository) -> None:
    before = docs.snapshot()
    sync_killed(docs, DOCS, KillPoint("store", "apply_documents", 1))
    with docs.open() as pipeline:
        for stage in (CHUNKS, EMBEDDINGS, POINTS):
            run_stage(pipeline, stage, DOCS, "by hand")
    repository.reset(git(repository.path, "rev-parse", "main~1").decode().strip())
    assert due(docs, DOCS) is not None
    docs.sync()
    assert docs.snapshot() == before


def test_settings_changed_after_a_killed_first_sync_hold_for_every_document(
    folder: Path, endpoint: OpenAIServer
) -> None:
    project = Project(folder / "project", small_batches(endpoint))
    partition = project.add_folder("notes", folder / "notes")
    for number in range(12):
        (folder / "notes" / f"{number}.md").write_text(page(number))
    sync_killed(project, partition, KillPoint("store", "apply_documents", 1))
    project.add_folder("notes", folder / "notes", tags=["late"])
    project.sync()
    assert_exact(project)


@pytest.mark.parametrize("kills_on_the_way_back", [0, 1])
def test_settings_changed_and_changed_back_over_kills_hold_for_every_document(
    project: Project, folder: Path, kills_on_the_way_back: int
) -> None:
    settle(project, NOTES)
    before = project.snapshot()
    project.add_folder("notes", folder / "notes", **SAME_LINKS, tags=["for a moment"])
    sync_killed(project, NOTES, KillPoint("store", "apply_documents", 2))
    project.add_folder("notes", folder / "notes", **SAME_LINKS)
    assert due(project, NOTES) is not None
    for _ in range(kills_on_the_way_back):
        sync_killed(project, NOTES, KillPoint("store", "apply_documents", 1))
    project.sync()
    assert project.snapshot() == before


def test_a_moved_folder_does_not_pull_the_brake_after_a_kill(folder: Path) -> None:
    project = Project(folder / "project", {"limits": {"brake_documents": 5}})
    notes = folder / "notes"
    project.add_folder("notes", notes)
    (notes / "here").mkdir()
    for number in range(12):
        (notes / "here" / f"{number}.md").write_text(page(number))
    project.sync()
    (notes / "here").rename(notes / "there")
    sync_killed(project, NOTES, KillPoint("store", "delete_documents", 1, after=False))
    project.sync()
    assert_exact(project)


def test_a_kill_while_a_lost_collection_is_made_again_loses_no_point(project: Project) -> None:
    project.sync()
    before = project.snapshot()
    with project.open() as pipeline:
        pipeline.index.drop(pipeline.collection)
    sync_killed(project, NOTES, KillPoint("index", "ensure", 1))
    project.sync()
    assert project.snapshot() == before
    assert_consistent(project)


def test_a_source_that_returns_after_a_killed_removal_is_whole_again(docs: Project, repository: GitRepository) -> None:
    docs.sync()
    before = docs.snapshot()
    docs.remove(DOCS)
    sync_killed(docs, DOCS, KillPoint("store", "delete_documents", 1))
    docs.add_git("docs", repository.url)
    docs.sync()
    assert docs.snapshot() == before
    assert_consistent(docs)


@pytest.mark.parametrize("point", [KillPoint("index", "delete_source"), KillPoint("store", "forget_scan", 2)], ids=str)
def test_a_killed_removal_is_finished_by_the_next_run(docs: Project, point: KillPoint) -> None:
    docs.remove(DOCS)
    sync_killed(docs, DOCS, point)
    docs.sync(DOCS)
    assert docs.snapshot() == frozenset()
    with docs.open() as pipeline:
        assert pipeline.store.partitions() == []


def test_a_state_store_that_is_lost_leaves_no_orphan(project: Project, folder: Path) -> None:
    for path in project.data.glob("*.sqlite3*"):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    project.sync()
    assert_exact(project)
