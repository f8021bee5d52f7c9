"""Settings that change between runs: what is built anew, what is only updated, what goes, and who answers meanwhile."""

from __future__ import annotations

from pathlib import Path

import pytest

from vector_pipeline.sync.errors import SyncError
from vector_pipeline_tests.git_repository import GitRepository
from vector_pipeline_tests.project import Project, counts
from vector_pipeline_tests.simulators.openai_server import OpenAIServer
from vector_pipeline_tests.sync.exactness import assert_consistent, assert_exact, due, served_by

LONG = "# Boats\n\n" + "\n\n".join(f"Boat {n} sails over the sea with sail number {n}." for n in range(60)) + "\n"
NOTES, DOCS = "local_files/notes", "git/docs"


@pytest.fixture
def project(folder: Path) -> Project:
    """A folder and a repository, synced with the bundled model."""
    project = Project(folder / "project")
    project.add_folder("notes", folder / "notes")
    (folder / "notes" / "boats.md").write_text(LONG)
    (folder / "notes" / "drafts").mkdir()
    (folder / "notes" / "drafts" / "trains.md").write_text("# Trains\n\nTrains run on rails.\n")
    repo = GitRepository(folder / "repo.git")
    repo.write("planes.md", "# Planes\n\nPlanes fly above the clouds.\n").commit()
    project.add_git("docs", repo.url)
    project.let_age()
    project.sync()
    return project


def alias_and_collections(project: Project) -> tuple[str | None, set[str], str]:
    with project.open() as pipeline:
        return (
            pipeline.index.alias(pipeline.settings.index.alias),
            set(pipeline.index.collections()),
            pipeline.collection,
        )


def answers(project: Project) -> set[str]:
    """Paths of what searches find for three questions."""
    return {str(project.search(words, limit=1)[0]["path"]) for words in ("boat sails", "rails", "clouds")}


ALL = {"boats.md", "drafts/trains.md", "planes.md"}


@pytest.mark.parametrize(
    "change",
    [
        {"chunking": {"target_chars": 300}},
        {"embedding": {"dimensions": 128}},
        {"embedding": {"bm25_language": "german"}},
    ],
    ids=["chunking", "embedding", "keywords"],
)
def test_a_new_collection_is_built_beside_the_old_one_which_answers_until_all_is_there(
    project: Project, change: dict[str, object]
) -> None:
    old, _, _ = alias_and_collections(project)
    before = project.snapshot()
    project.settings |= change
    project.write()
    assert answers(project) == ALL
    assert "next collection" in str(due(project, NOTES))
    documents = counts(project.sync(NOTES), "documents")
    assert {name: number for name, number in documents.items() if number} == {"unchanged": 2}
    alias, collections, new = alias_and_collections(project)
    assert alias == old != new
    assert collections == {old, new}
    assert answers(project) == ALL
    project.sync(DOCS)
    alias, collections, _ = alias_and_collections(project)
    assert alias == new
    assert collections == {old, new}, "the old collection stays until it is pruned"
    assert answers(project) == ALL
    assert project.snapshot() != before
    assert_exact(project)
    for key in change:
        del project.settings[key]
    project.write()
    results = project.sync()
    assert sum(result.counts.get("embedded", 0) for result in results) == 0
    assert alias_and_collections(project)[0] == old, "going back is one run"
    assert project.snapshot() == before


def test_changes_made_while_another_collection_was_in_force_are_made_up_for(project: Project, folder: Path) -> None:
    project.settings["chunking"] = {"target_chars": 300}
    project.write()
    project.sync()
    (folder / "notes" / "boats.md").unlink()
    (folder / "notes" / "new.md").write_text("# New\n\nWritten in between.\n")
    project.sync()
    del project.settings["chunking"]
    project.write()
    project.sync()
    assert project.paths() == {"new.md", "drafts/trains.md", "planes.md"}
    assert_exact(project)


def test_an_exclude_removes_documents_and_its_end_brings_them_back(project: Project, folder: Path) -> None:
    before = project.snapshot()
    project.add_folder("notes", folder / "notes", exclude=["drafts/"])
    assert due(project, NOTES) is not None
    results = project.sync(NOTES)
    assert counts(results, "documents")["deleted"] == 1
    assert project.paths() == {"boats.md", "planes.md"}
    assert_exact(project)
    project.add_folder("notes", folder / "notes")
    results = project.sync(NOTES)
    assert counts(results, "embeddings")["embedded"] == 0
    assert project.snapshot() == before


def test_tags_and_access_update_payloads_and_embed_nothing(folder: Path, endpoint: OpenAIServer) -> None:
    project = Project(folder / "served", served_by(endpoint))
    project.add_folder("notes", folder / "notes")
    (folder / "notes" / "boats.md").write_text(LONG)
    project.sync()
    embedded, ids = endpoint.embedded_texts, {point for point, _, _ in project.snapshot()}
    project.add_folder("notes", folder / "notes", tags=["sea"], access=["crew"])
    results = project.sync()
    assert counts(results, "documents")["metadata"] == 1
    assert counts(results, "points")["upserted"] == len(ids)
    assert counts(results, "points")["deleted"] == 0
    assert endpoint.embedded_texts == embedded
    assert {point for point, _, _ in project.snapshot()} == ids
    assert len(project.search("boat", tags=["sea"], access=["crew"])) == 5
    assert project.search("boat", access=["captain"]) == []
    assert_exact(project)


def test_a_removed_source_leaves_no_point_and_no_row_in_any_collection(project: Project) -> None:
    project.settings["chunking"] = {"target_chars": 300}
    project.write()
    project.sync()
    project.remove(NOTES)
    project.sync(NOTES)
    assert project.paths() == {"planes.md"}
    with project.open() as pipeline:
        assert [partition.name for partition in pipeline.store.partitions()] == [DOCS]
        for collection, target in pipeline.store.targets().items():
            assert pipeline.index.count(collection, NOTES) == 0
            assert pipeline.store.count_points(target) == pipeline.index.count(collection) > 0
        sizes = pipeline.store.sizes()
    assert (sizes["documents"], sizes["chunked"]) == (1, 2), "one of each way of cutting"
    assert_exact(project)


def test_a_removed_source_that_returns_is_whole_and_embeds_nothing(project: Project, folder: Path) -> None:
    before = project.snapshot()
    project.remove(NOTES)
    project.sync(NOTES)
    project.add_folder("notes", folder / "notes")
    results = project.sync(NOTES)
    assert counts(results, "embeddings")["embedded"] == 0
    assert project.snapshot() == before


def test_the_last_incomplete_source_does_not_hold_the_alias_once_it_is_removed(project: Project) -> None:
    project.settings["chunking"] = {"target_chars": 300}
    project.write()
    project.sync(NOTES)
    old, _, new = alias_and_collections(project)
    assert old != new
    project.remove(DOCS)
    project.sync(DOCS)
    assert alias_and_collections(project)[0] == new


def test_a_collection_deleted_behind_our_back_is_rebuilt_without_embedding(
    project: Project, folder: Path, endpoint: OpenAIServer
) -> None:
    before = project.snapshot()
    with project.open() as pipeline:
        pipeline.index.drop(pipeline.collection)
    assert "earlier run" in str(due(project, NOTES))
    results = project.sync()
    assert sum(result.counts.get("embedded", 0) for result in results) == 0
    assert sum(result.counts.get("changed", 0) + result.counts.get("added", 0) for result in results) == 0
    assert project.snapshot() == before
    assert answers(project) == ALL
    assert_consistent(project)


def test_points_deleted_behind_our_back_are_found_and_written_again_in_full(project: Project) -> None:
    before = project.snapshot()
    with project.open() as pipeline:
        pipeline.index.delete(pipeline.collection, [point for point, _, _ in sorted(before)[:2]])
    assert len(project.snapshot()) == len(before) - 2
    results = project.sync(full=True)
    assert sum(result.counts.get("upserted", 0) for result in results) == 2
    assert project.snapshot() == before
    assert_consistent(project)


def test_a_search_before_the_first_sync_says_what_to_do(folder: Path) -> None:
    project = Project(folder / "empty")
    project.add_folder("notes", folder / "other")
    with pytest.raises(SyncError, match="nothing has been indexed yet; run"):
        project.search("anything")
