"""Minimal work, counted: by the results of the stages, by the requests an endpoint gets, by the bytes on the disk."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from vector_pipeline.sync.stages import STAGES
from vector_pipeline_tests.git_repository import GitRepository
from vector_pipeline_tests.project import Project, counts
from vector_pipeline_tests.simulators.openai_server import OpenAIServer
from vector_pipeline_tests.sync.exactness import assert_exact, due, served_by, settle

SECTIONS = "# Manual\n\n" + "\n".join(f"## Part {n}\n\nWhat part {n} says, at length.\n" for n in range(50))


@pytest.fixture
def project(folder: Path, endpoint: OpenAIServer) -> Project:
    return Project(folder / "project", served_by(endpoint))


@pytest.fixture
def notes(folder: Path, project: Project) -> Path:
    """A folder of three files, synced until it has settled."""
    notes = folder / "notes"
    partition = project.add_folder("notes", notes)
    (notes / "manual.md").write_text(SECTIONS)
    (notes / "tagged.md").write_text("---\ntags: [one]\n---\n\n# Tagged\n\nIts text.\n")
    (notes / "sub").mkdir()
    (notes / "sub" / "inner.md").write_text("# Inner\n\nDeep text.\n")
    settle(project, partition)
    return notes


def bytes_on_disk(folder: Path) -> Mapping[str, tuple[str, int]]:
    """Every file with the hash of its content and its time; SQLite's shared memory, which readers write too, apart."""
    return {
        str(path): (hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file() and not path.name.endswith(("-shm", ".lock", ".held", ".turn"))
    }


def index_folder(project: Project) -> Path:
    with project.open() as pipeline:
        return Path(pipeline.index.location)


def test_nothing_changed_reads_nothing_and_writes_nothing(
    project: Project, notes: Path, endpoint: OpenAIServer
) -> None:
    before, asked = bytes_on_disk(project.data), len(endpoint.requests)
    assert due(project, "local_files/notes") is None
    assert bytes_on_disk(project.data) == before
    assert len(endpoint.requests) == asked


def test_a_sync_with_nothing_to_do_fetches_embeds_and_upserts_nothing(
    project: Project, notes: Path, endpoint: OpenAIServer
) -> None:
    before, asked = bytes_on_disk(index_folder(project)), len(endpoint.requests)
    assert before
    results = project.sync()
    worked = {
        f"{result.stage}: {name}": number
        for result in results
        for name, number in result.counts.items()
        if number and name not in ("unchanged", "reused")
    }
    assert worked == {}
    assert [result.stage for result in results] == list(STAGES)
    assert len(endpoint.requests) == asked
    assert bytes_on_disk(index_folder(project)) == before


def test_nothing_changed_in_git_costs_no_work(folder: Path, project: Project, endpoint: OpenAIServer) -> None:
    repo = GitRepository(folder / "repo.git")
    repo.write("a.md", "# A\n\nText.\n").commit()
    partition = project.add_git("docs", repo.url)
    project.sync()
    before, asked = bytes_on_disk(project.data), len(endpoint.requests)
    assert due(project, partition) is None
    assert bytes_on_disk(project.data) == before
    project.sync()
    assert len(endpoint.requests) == asked


def test_renames_and_moves_embed_nothing(project: Project, notes: Path, endpoint: OpenAIServer) -> None:
    embedded = endpoint.embedded_texts
    (notes / "manual.md").rename(notes / "handbook.md")
    (notes / "sub").rename(notes / "below")
    results = project.sync()
    assert counts(results, "documents")["added"] == 2
    assert counts(results, "documents")["moved"] == 2
    assert endpoint.embedded_texts == embedded
    assert project.paths() == {"handbook.md", "tagged.md", "below/inner.md"}
    assert_exact(project)


def test_metadata_edits_embed_nothing_and_reach_the_payload(
    project: Project, notes: Path, endpoint: OpenAIServer
) -> None:
    embedded = endpoint.embedded_texts
    os.utime(notes / "manual.md", (1_500_000_000, 1_500_000_000))
    (notes / "tagged.md").write_text("---\ntags: [one, two]\n---\n\n# Tagged\n\nIts text.\n")
    results = project.sync()
    assert counts(results, "documents")["metadata"] == 2
    assert counts(results, "chunks")["chunked"] == 0
    assert endpoint.embedded_texts == embedded
    assert [payload["path"] for payload in project.search("text", tags=["two"])] == ["tagged.md"]
    assert project.search("part 7 says", limit=1, path=["manual.md"])[0]["updated_at"].startswith("2017-07-14")


def test_a_paragraph_edited_in_a_long_file_embeds_at_most_three_texts(
    project: Project, notes: Path, endpoint: OpenAIServer
) -> None:
    embedded = endpoint.embedded_texts
    (notes / "manual.md").write_text(SECTIONS.replace("What part 25 says", "What part 25 says now"))
    results = project.sync()
    assert 1 <= endpoint.embedded_texts - embedded <= 3
    assert counts(results, "embeddings")["embedded"] == endpoint.embedded_texts - embedded
    assert counts(results, "points")["deleted"] <= 3
    assert any("part 25 says now" in payload["text"] for payload in project.search("part 25 says now"))
    assert_exact(project)


def test_a_paragraph_put_in_the_middle_embeds_at_most_three_texts(
    project: Project, notes: Path, endpoint: OpenAIServer
) -> None:
    embedded = endpoint.embedded_texts
    (notes / "manual.md").write_text(
        SECTIONS.replace("## Part 25\n", "## New part\n\nA new paragraph.\n\n## Part 25\n")
    )
    project.sync()
    assert 1 <= endpoint.embedded_texts - embedded <= 3


def test_a_second_copy_embeds_nothing(project: Project, notes: Path, endpoint: OpenAIServer) -> None:
    embedded = endpoint.embedded_texts
    before = project.snapshot()
    shutil.copy(notes / "manual.md", notes / "copy.md")
    project.sync()
    assert endpoint.embedded_texts == embedded
    assert len(project.snapshot()) > len(before)


def test_the_same_text_in_two_sources_is_embedded_once(
    folder: Path, project: Project, notes: Path, endpoint: OpenAIServer
) -> None:
    repo = GitRepository(folder / "repo.git")
    repo.write("docs/manual.md", SECTIONS).commit()
    project.add_git("docs", repo.url)
    results = project.sync("git/docs")
    assert counts(results, "documents")["added"] == 1
    assert counts(results, "points")["upserted"] > 1
    assert max(endpoint.texts.values()) == 1
    assert {payload["source"] for payload in project.search("part 7 says", limit=20)} == {
        "git/docs",
        "local_files/notes",
    }


def test_text_that_comes_back_is_not_embedded_again(project: Project, notes: Path, endpoint: OpenAIServer) -> None:
    (notes / "manual.md").unlink()
    project.sync()
    (notes / "manual.md").write_text(SECTIONS)
    project.sync()
    assert max(endpoint.texts.values()) == 1
    assert_exact(project)


def test_a_commit_that_touches_one_file_reads_one_blob(folder: Path, project: Project, endpoint: OpenAIServer) -> None:
    repo = GitRepository(folder / "repo.git")
    for number in range(40):
        repo.write(f"{number}.md", f"# Number {number}\n\nText.\n")
    repo.commit()
    project.add_git("docs", repo.url)
    project.sync()
    embedded = endpoint.embedded_texts
    repo.append("7.md", "\n## More\n\nAdded.\n").commit("one file")
    documents = counts(project.sync(), "documents")
    assert documents["changed"] == 1
    assert documents["unchanged"] == 39
    assert documents["reread"] == documents["metadata"] == 0
    assert endpoint.embedded_texts == embedded + 1
