"""What goes wrong around a sync: always a message that says what to do, nothing lost, and a good next run."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from vector_pipeline.embedding.base import EmbeddingMisconfigured, EmbeddingUnavailable
from vector_pipeline.errors import PipelineError
from vector_pipeline.index.base import IndexDamaged, IndexUnavailable
from vector_pipeline.sources.base import SourceDenied, SourceMisconfigured, SourceUnreachable
from vector_pipeline.state.errors import StateCorrupt, StateLocked
from vector_pipeline.sync.errors import BrakePulled, UnknownSource
from vector_pipeline_tests.git_http import git_server
from vector_pipeline_tests.git_repository import GitRepository, git
from vector_pipeline_tests.project import Project, Snapshot, counts
from vector_pipeline_tests.simulators.openai_server import (
    Fault,
    OpenAIServer,
    no_data,
    out_of_quota,
    rate_limited,
    short_list,
    status,
)
from vector_pipeline_tests.sync.exactness import assert_consistent, assert_exact, due, quarantined, served_by, settle
from vector_pipeline_tests.sync.hostile_process import shard_held, sync_with_files_up_to
from vector_pipeline_tests.sync.pdf import pdf_of

NOTES, DOCS = "local_files/notes", "git/docs"


@pytest.fixture
def notes(folder: Path) -> Path:
    """A folder of 30 small files: enough for the brake."""
    notes = folder / "notes"
    notes.mkdir()
    for number in range(30):
        (notes / f"{number}.md").write_text(f"# Note {number}\n\nWhat note {number} says.\n")
    return notes


@pytest.fixture
def project(folder: Path, notes: Path, endpoint: OpenAIServer) -> Project:
    """The folder, embedded through the endpoint and synced."""
    project = Project(folder / "project", served_by(endpoint, batch_size=8, concurrency=1))
    project.add_folder("notes", notes)
    project.sync()
    return project


@contextmanager
def fails(project: Project, kind: type[PipelineError], words: str, partition: str = NOTES) -> Iterator[None]:
    """The block raises an error of ours with `words` and a hint; it stands in the history, and no point changes."""
    before = project.snapshot()
    with pytest.raises(kind, match=words) as caught:
        yield
    assert caught.value.hint
    assert project.snapshot() == before
    assert_consistent(project)
    with project.open() as pipeline:
        last = pipeline.store.ingestions(pipeline.store.partition(partition).partition_id, 1)[0]
    assert last.status == "failed"
    assert caught.value.message in last.error


def test_a_missing_folder_deletes_nothing(project: Project, notes: Path, folder: Path) -> None:
    notes.rename(folder / "elsewhere")
    with fails(project, SourceUnreachable, "local_files/notes: folder .*notes does not exist"):
        project.sync()
    (folder / "elsewhere").rename(notes)
    project.sync()
    assert_exact(project)


def test_a_file_where_the_folder_was_deletes_nothing(project: Project, notes: Path, folder: Path) -> None:
    notes.rename(folder / "elsewhere")
    notes.write_text("not a folder")
    with fails(project, SourceMisconfigured, "local_files/notes: .* is not a folder"):
        project.sync()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_folder_below_that_cannot_be_read_keeps_its_documents(project: Project, notes: Path) -> None:
    (notes / "closed").mkdir()
    (notes / "closed" / "inner.md").write_text("# Inner\n\nText.\n")
    project.sync()
    (notes / "closed").chmod(0)
    project.sync()
    assert "closed/inner.md" in project.paths()
    assert "can't be read" in quarantined(project)["closed/"]
    (notes / "closed").chmod(0o755)
    project.sync()
    assert quarantined(project) == {}


def test_an_emptied_folder_pulls_the_brake_until_it_is_allowed(project: Project, notes: Path, folder: Path) -> None:
    notes.rename(folder / "elsewhere")
    notes.mkdir()
    (notes / "new.md").write_text("# New\n\nThis one is applied.\n")
    with fails(project, BrakePulled, "local_files/notes: 30 of 30 documents are gone at the source; none was deleted"):
        project.sync()
    project.sync(allow_deletions=True)
    assert project.paths() == {"new.md"}
    assert_exact(project)


def test_an_emptied_branch_pulls_the_brake_and_its_return_releases_it(folder: Path) -> None:
    repo = GitRepository(folder / "repo.git")
    for number in range(30):
        repo.write(f"{number}.md", f"# Page {number}\n\nText {number}.\n")
    first = repo.commit()
    project = Project(folder / "project")
    project.add_git("docs", repo.url)
    project.sync()
    before = project.snapshot()
    repo.files.clear()
    repo.commit("all gone")
    with fails(project, BrakePulled, "git/docs: 30 of 30 documents", DOCS):
        project.sync()
    repo.reset(first)
    project.sync()
    assert project.snapshot() == before


def test_a_repository_out_of_reach_and_a_wrong_token_delete_nothing(folder: Path) -> None:
    repo = GitRepository(folder / "served" / "repo.git")
    repo.write("a.md", "# A\n\nText.\n").commit()
    with git_server(folder / "served") as server:
        server.password = "right"
        project = Project(folder / "project")
        project.add_git("docs", f"{server.url}/repo.git", token="right")
        project.sync()
        server.password = "changed"
        with fails(project, SourceDenied, "git/docs: ", DOCS):
            project.sync()
        server.password, server.answer = "right", 500
        with fails(project, SourceUnreachable, "git/docs: ", DOCS):
            project.sync()
        server.answer = 0
        repo.append("a.md", "\n## More\n\nAdded.\n").commit()
        project.sync()
        assert_exact(project)
    with fails(project, SourceUnreachable, "git/docs: ", DOCS):
        project.sync()


def test_a_source_that_is_not_in_the_settings_is_named(project: Project) -> None:
    with (
        project.open() as pipeline,
        pytest.raises(UnknownSource, match="local_files/nothing: no such source") as caught,
    ):
        pipeline.source("local_files/nothing").__enter__()
    assert "vector-pipeline status" in caught.value.hint


def test_one_failing_source_does_not_keep_the_others_from_their_work(
    project: Project, folder: Path, notes: Path
) -> None:
    project.add_folder("gone", folder / "gone")
    (folder / "gone").rmdir()
    (notes / "new.md").write_text("# New\n\nText.\n")
    with pytest.raises(SourceUnreachable, match="local_files/gone"):
        project.sync("local_files/gone")
    project.sync(NOTES)
    assert "new.md" in project.paths()


def test_a_damaged_state_file_is_named_and_taken_away_all_is_built_again(project: Project, notes: Path) -> None:
    before = project.snapshot()
    (notes / "0.md").unlink()
    file = next(project.data.glob("*.sqlite3"))
    file.write_bytes(b"not a database " * 1000)
    with pytest.raises(StateCorrupt, match=re.escape(str(file))) as caught:
        project.sync()
    assert "builds everything again" in caught.value.hint
    for path in project.data.glob("*.sqlite3*"):
        if path.is_file():
            path.unlink()
    project.sync()
    assert len(project.snapshot()) < len(before)
    assert_exact(project)


def test_a_shard_that_another_process_holds_is_waited_for_only_so_long(project: Project, notes: Path) -> None:
    project.settings["index"] = {"lock_timeout": "0.5s"}
    project.write()
    (notes / "0.md").write_text("# Other\n\nText.\n")
    with shard_held(project):
        started = time.monotonic()
        with pytest.raises(IndexUnavailable, match=r"was in use by others for 0\.5 s") as caught:
            project.sync()
        assert time.monotonic() - started < 45
        assert "index.lock_timeout" in caught.value.hint
    del project.settings["index"]
    project.write()
    results = project.sync()
    assert counts(results, "embeddings")["embedded"] == 0
    assert_exact(project)


def test_a_partition_that_another_run_holds_is_waited_for_only_so_long(project: Project) -> None:
    project.settings["state"] = {"timeout": "0.3s"}
    project.write()
    words = r"local_files/notes is locked by another run \(waited 0\.3 s\)"
    with project.open() as other, other.store.lock(NOTES), pytest.raises(StateLocked, match=words):
        project.sync()
    del project.settings["state"]
    project.write()
    project.sync()


def test_a_damaged_shard_is_named_and_removed_it_is_built_again(project: Project) -> None:
    before = project.snapshot()
    with project.open() as pipeline:
        shard = Path(pipeline.index.location) / "collections" / pipeline.collection
    for file in (shard / "shard").rglob("*.json"):
        file.write_bytes(b"{")
    with pytest.raises(IndexDamaged, match=re.escape(str(shard))) as caught:
        project.sync(full=True)
    assert f"remove the folder {shard}" in caught.value.hint
    with project.open() as pipeline:
        pipeline.index.drop(pipeline.collection)
    project.sync(full=True)
    assert project.snapshot() == before


@pytest.mark.parametrize(
    ("fault", "kind", "words"),
    [
        (status(500), EmbeddingUnavailable, "500"),
        (rate_limited(ms=1), EmbeddingUnavailable, "429"),
        (out_of_quota(), PipelineError, "quota"),
        (status(401, "invalid_api_key"), EmbeddingMisconfigured, "401|key"),
        (short_list(), PipelineError, "."),
        (no_data(), PipelineError, "."),
    ],
    ids=["500", "429", "no quota", "wrong key", "short list", "no data"],
)
def test_an_endpoint_that_fails_changes_no_point_and_the_next_run_goes_on(
    project: Project, notes: Path, endpoint: OpenAIServer, fault: Fault, kind: type[PipelineError], words: str
) -> None:
    (notes / "0.md").write_text("# Note 0\n\nWhat note 0 says now.\n")
    (notes / "1.md").unlink()
    endpoint.faults.always(fault)
    with fails(project, kind, words):
        project.sync()
    assert due(project, NOTES) is not None
    endpoint.faults.clear()
    project.sync()
    assert_exact(project)


def test_an_endpoint_with_another_dimension_changes_no_point(
    project: Project, notes: Path, endpoint: OpenAIServer
) -> None:
    (notes / "0.md").write_text("# Note 0\n\nWhat note 0 says now.\n")
    right, endpoint.dimension = endpoint.dimension, 9
    with fails(project, EmbeddingMisconfigured, "9"):
        project.sync()
    endpoint.dimension = right
    project.sync()
    assert_exact(project)


def test_what_was_embedded_before_the_endpoint_failed_is_not_embedded_again(
    project: Project, notes: Path, endpoint: OpenAIServer
) -> None:
    for number in range(30):
        (notes / f"{number}.md").write_text(f"# Note {number}\n\nAnother text of note {number}.\n")
    endpoint.faults.once(Fault(), times=2)
    endpoint.faults.always(status(503))
    with fails(project, EmbeddingUnavailable, "503"):
        project.sync()
    endpoint.faults.clear()
    asked = endpoint.embedded_texts
    results = project.sync()
    assert counts(results, "embeddings")["embedded"] == endpoint.embedded_texts - asked == 30 - 16
    assert_exact(project)


@pytest.mark.parametrize("marker", ["nan_marker", "refuse_marker", "zero_marker"])
def test_a_text_that_cannot_be_embedded_quarantines_only_its_document(
    project: Project, notes: Path, endpoint: OpenAIServer, marker: str
) -> None:
    setattr(endpoint.faults, marker, "poison")
    (notes / "0.md").write_text("# Note 0\n\nThis has poison in it.\n")
    (notes / "1.md").write_text("# Note 1\n\nThis has none.\n")
    results = project.sync()
    assert counts(results, "embeddings")["failed"] == 1
    assert counts(results, "points")["kept_back"] == 1
    assert set(quarantined(project)) == {"0.md"}
    assert "poison" not in str(quarantined(project))
    assert project.search("What note 0 says", limit=1, path=["0.md"])[0]["text"].strip().endswith("What note 0 says.")
    assert [hit["text"].strip() for hit in project.search("none", path=["1.md"])] == ["# Note 1\n\nThis has none."]
    assert_consistent(project)
    settle(project, NOTES)
    later = due(project, NOTES, later=timedelta(minutes=25))
    assert later is not None
    assert later.reason == "failed documents are due again"
    endpoint.faults.clear()
    with project.open() as pipeline:
        pipeline.store.retry_now()
    project.sync()
    assert quarantined(project) == {}
    assert_exact(project)


def broken_pdf(folder: Path, good: str = "The good version.") -> tuple[Project, Path, Snapshot]:
    """A folder with a PDF that was good once and is broken now, synced at both times."""
    project = Project(folder / "pdfs")
    project.add_folder("notes", folder / "papers")
    (folder / "papers" / "other.md").write_text("# Other\n\nText.\n")
    paper = folder / "papers" / "paper.pdf"
    paper.write_bytes(pdf_of(good))
    project.sync()
    before = project.snapshot()
    assert project.paths() == {"paper.pdf", "other.md"}
    paper.write_bytes(b"%PDF-1.4\nbroken")
    project.sync()
    return project, paper, before


def test_a_broken_pdf_keeps_its_last_good_version_and_is_listed(folder: Path) -> None:
    project, _, before = broken_pdf(folder)
    assert project.snapshot() == before
    assert "PDF is damaged" in quarantined(project)["paper.pdf"]
    assert_consistent(project)
    with project.open() as pipeline:
        assert pipeline.store.ingestions(None, 1)[0].status == "partial"


def test_a_broken_pdf_is_not_tried_again_until_it_changes_or_somebody_asks(folder: Path) -> None:
    project, paper, before = broken_pdf(folder)
    settle(project, NOTES)
    assert due(project, NOTES, later=timedelta(hours=23)) is None
    with project.open() as pipeline:
        attempts = pipeline.store.quarantined()["attempts"].item()
        pipeline.store.retry_now()
    assert due(project, NOTES) is not None
    project.sync()
    with project.open() as pipeline:
        assert pipeline.store.quarantined()["attempts"].item() == attempts + 1
    paper.write_bytes(b"%PDF-1.4\nbroken otherwise")
    assert counts(project.sync(), "documents")["failed"] == 1
    assert project.snapshot() == before


def test_a_mended_pdf_leaves_quarantine(folder: Path) -> None:
    project, paper, _ = broken_pdf(folder)
    paper.write_bytes(pdf_of("The mended version."))
    project.sync()
    assert quarantined(project) == {}
    assert "mended" in project.search("version", path=["paper.pdf"])[0]["text"]
    assert_exact(project)


def test_a_broken_pdf_that_is_deleted_leaves_quarantine_and_index(folder: Path) -> None:
    project, paper, _ = broken_pdf(folder)
    paper.unlink()
    project.sync()
    assert quarantined(project) == {}
    assert project.paths() == {"other.md"}
    assert_exact(project)


def test_a_file_forced_back_to_its_good_version_leaves_quarantine(folder: Path) -> None:
    repo = GitRepository(folder / "repo.git")
    repo.write("a.md", "# A\n\nGood text.\n").commit()
    project = Project(folder / "project")
    project.add_git("docs", repo.url)
    project.sync()
    before = project.snapshot()
    repo.write("a.md", b"\x00\x01\x02 broken").commit()
    project.sync()
    assert set(quarantined(project)) == {"a.md"}
    assert project.snapshot() == before
    repo.reset(git(repo.path, "rev-parse", "main~1").decode().strip())
    project.sync()
    assert quarantined(project) == {}
    assert project.snapshot() == before
    assert_exact(project)


def test_a_full_disk_loses_nothing_and_the_next_run_goes_on(project: Project, notes: Path) -> None:
    before = project.snapshot()
    state = next(project.data.glob("*.sqlite3"))
    for number in range(30, 60):
        (notes / f"{number}.md").write_text(f"# Note {number}\n\n" + f"Words about {number}. " * 2000)
    message = sync_with_files_up_to(project, NOTES, state.stat().st_size + 100_000)
    assert message.startswith("StateFull: ")
    assert "used up" in message
    assert project.snapshot() == before
    project.sync()
    assert_exact(project)


def test_a_small_source_that_lists_nothing_at_all_deletes_nothing_unasked(tmp_path: Path) -> None:
    # A folder that is not mounted looks like this, and so does a repository whose branches are hidden from us.
    notes = tmp_path / "notes"
    project = Project(tmp_path / "p")
    project.add_folder("notes", notes)
    for name in ("a.md", "b.md"):
        (notes / name).write_text(f"# {name}\n")
    project.sync()
    for file in notes.iterdir():
        file.unlink()
    with pytest.raises(BrakePulled, match="local_files/notes: 2 of 2 documents are gone"):
        project.sync()
    assert project.paths() == {"a.md", "b.md"}
    (notes / "a.md").write_text("# a.md\n")
    project.sync()
    assert project.paths() == {"a.md"}, "a listing with something in it is believed"
    (notes / "a.md").unlink()
    project.sync(allow_deletions=True)
    assert project.paths() == set()
