"""Pruning: what is not needed goes after its time, all else stays exact, also while syncs run."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from vector_pipeline.consistency.former_collections import KIND as COLLECTIONS
from vector_pipeline.consistency.prunable import Prunable, find_all, free_all
from vector_pipeline.consistency.pruning import prunable_kinds
from vector_pipeline_tests.git_repository import GitRepository
from vector_pipeline_tests.project import Project, counts
from vector_pipeline_tests.simulators.openai_server import OpenAIServer
from vector_pipeline_tests.sync.exactness import assert_consistent, assert_exact, scratch_folder, served_by

NOTES = "local_files/notes"
DAY = timedelta(days=1)
CHUNKS, TEXTS, MODELS = "chunks of former collections", "texts nothing refers to", "vectors of models no longer used"


@pytest.fixture
def folder() -> Iterator[Path]:
    with scratch_folder() as path:
        yield path


@pytest.fixture
def endpoint() -> Iterator[OpenAIServer]:
    with OpenAIServer() as server:
        yield server


@pytest.fixture
def project(folder: Path, endpoint: OpenAIServer) -> Project:
    """A folder with two notes, synced through an endpoint that counts."""
    project = Project(folder / "project", served_by(endpoint))
    project.add_folder("notes", folder / "notes")
    write(project, "boats", "Boats sail over the sea.")
    write(project, "trains", "Trains run on rails.")
    project.sync()
    return project


def notes(project: Project) -> Path:
    return Path(project.settings["sources"]["local_files"]["notes"]["path"])


def write(project: Project, name: str, text: str) -> None:
    (notes(project) / f"{name}.md").write_text(f"# {name}\n\n{text}\n")


def prune(project: Project, days: float = 0, *, dry_run: bool = False, now: bool = False) -> dict[str, Prunable]:
    """Prunes as if it were so many days later; what went of each kind that had something."""
    with project.open() as pipeline:
        kinds = prunable_kinds(pipeline, datetime.now(UTC) + days * DAY, collections_now=now)
        told = {one.kind: one for one in (find_all(kinds) if dry_run else free_all(kinds))}
    assert [one for one in told.values() if one.error] == []
    return {kind: one for kind, one in told.items() if one.number or one.waiting}


def collections(project: Project) -> set[str]:
    with project.open() as pipeline:
        return set(pipeline.index.collections())


def test_an_edit_that_is_reverted_in_time_embeds_nothing_and_later_is_embedded_again(
    project: Project, endpoint: OpenAIServer
) -> None:
    write(project, "boats", "Boats lie in the harbour.")
    project.sync()
    assert prune(project)[TEXTS].waiting == 2, "the body and its passage"
    write(project, "boats", "Boats sail over the sea.")
    assert counts(project.sync(), "embeddings")["embedded"] == 0
    assert TEXTS not in prune(project, 20) or prune(project, 20)[TEXTS].number == 0
    write(project, "boats", "Boats lie in the harbour.")
    project.sync()
    assert prune(project, 21)[TEXTS].number == 0
    shown = prune(project, 60, dry_run=True)[TEXTS]
    gone = prune(project, 60)[TEXTS]
    assert (gone.number, gone.size) == (shown.number, shown.size) == (2, gone.size)
    assert_exact(project)
    write(project, "boats", "Boats sail over the sea.")
    assert counts(project.sync(), "embeddings")["embedded"] == 1
    assert_exact(project)


def test_looking_changes_nothing(project: Project) -> None:
    write(project, "boats", "Boats lie in the harbour.")
    project.sync()
    assert prune(project, 0, dry_run=True)[TEXTS].waiting == 2
    assert prune(project, 100, dry_run=True)[TEXTS].number == 0, "nobody has noted them yet"


def test_a_former_collection_goes_with_all_that_was_made_for_it(project: Project, endpoint: OpenAIServer) -> None:
    (former,) = collections(project)
    project.settings |= {"embedding": {}, "chunking": {"target_chars": 500}}
    project.write()
    project.sync()
    assert len(collections(project)) == 2
    assert prune(project, 13)[COLLECTIONS].waiting == 1
    shown = prune(project, 15, dry_run=True)[COLLECTIONS]
    assert (shown.number, shown.names) == (1, (former,))
    assert shown.size is not None
    assert shown.size > 0
    gone = prune(project, 15)
    assert gone[COLLECTIONS].names == (former,)
    assert gone[CHUNKS].number == 2
    assert gone[MODELS].waiting == 2
    assert former not in collections(project)
    with project.open() as pipeline:
        assert list(pipeline.store.targets()) == [pipeline.collection]
    assert_exact(project)
    assert prune(project, 50)[MODELS].number == 2
    assert prune(project, 50) == {}
    # Back to the former settings, of which nothing is left.
    asked = endpoint.embedded_texts
    project.settings |= served_by(endpoint)
    del project.settings["chunking"]
    project.write()
    project.sync()
    assert endpoint.embedded_texts > asked
    with project.open() as pipeline:
        assert pipeline.index.alias(pipeline.settings.index.alias) == pipeline.collection == former
    assert_exact(project)


def test_former_settings_cost_nothing_while_the_vectors_are_kept(project: Project, endpoint: OpenAIServer) -> None:
    project.settings |= {"embedding": {}}
    project.write()
    project.sync()
    prune(project, now=True)
    assert len(collections(project)) == 1
    asked = endpoint.embedded_texts
    project.settings |= served_by(endpoint)
    project.write()
    project.sync()
    assert endpoint.embedded_texts == asked
    prune(project, 100)
    project.sync()
    assert endpoint.embedded_texts == asked, "in use again: not what was noted as unused"
    assert_exact(project)


def test_collections_at_once_takes_neither_what_is_searched_nor_what_is_being_built_nor_what_others_made(
    project: Project, folder: Path
) -> None:
    project.add_folder("more", folder / "more")
    (folder / "more" / "planes.md").write_text("# Planes\n\nPlanes fly.\n")
    with project.open() as pipeline:
        pipeline.index.ensure("somebody_elses", pipeline.collection_schema)
        live = pipeline.collection
    project.sync()
    project.settings |= {"embedding": {}}
    project.write()
    project.sync(NOTES)
    before = collections(project)
    assert len(before) == 3
    assert COLLECTIONS not in prune(project, 1000, now=True)
    assert collections(project) == before
    with project.open() as pipeline:
        assert pipeline.index.alias(pipeline.settings.index.alias) == live
    project.sync()
    assert prune(project, now=True)[COLLECTIONS].names == (live,)
    assert "somebody_elses" in collections(project)
    assert_exact(project)


def test_deleted_documents_and_sources_that_were_removed_come_back_whole(project: Project, folder: Path) -> None:
    (notes(project) / "trains.md").unlink()
    project.sync()
    assert prune(project, 80)["deleted documents"].waiting == 1
    assert prune(project, 100)["deleted documents"].number == 1
    write(project, "trains", "Trains run on rails.")
    project.sync()
    assert_exact(project)
    path = str(notes(project))
    project.remove(NOTES)
    project.sync(NOTES)
    prune(project, 100)
    assert prune(project, 200)[TEXTS].number >= 4
    with project.open() as pipeline:
        sizes = pipeline.store.sizes()
    assert {sizes[name] for name in ("texts", "embeddings", "documents", "chunks", "points")} == {0}
    project.add_folder("notes", Path(path))
    project.sync()
    assert_exact(project)


def test_history_goes_but_for_the_latest_runs(project: Project) -> None:
    for number in range(3):
        write(project, "boats", f"Boat number {number}.")
        project.sync()
    assert "history entries" not in prune(project, 170)
    assert prune(project, 190)["history entries"].number == 3 + 5
    with project.open() as pipeline:
        assert [run.status for run in pipeline.store.ingestions()] == ["success"]


def test_the_mirror_of_a_removed_repository_goes_and_is_made_again(project: Project, folder: Path) -> None:
    repository = GitRepository(folder / "repo.git")
    repository.write("planes.md", "# Planes\n\nPlanes fly.\n").commit()
    docs = project.add_git("docs", repository.url)
    project.sync()
    kind = "mirrors of removed sources"
    assert kind not in prune(project, 100), "it is in use"
    project.remove(docs)
    project.sync(docs)
    assert prune(project, 1)[kind].waiting == 1
    gone = prune(project, 8)[kind]
    assert gone.number == 1
    assert gone.size is not None
    left = {path.name for path in (project.data / "mirrors").iterdir()}
    assert {name.rpartition(".")[2] for name in left} == {"lock", "gitconfig"}
    assert kind not in prune(project, 8)
    project.add_git("docs", repository.url)
    project.sync()
    assert_exact(project)


def test_what_a_restore_put_aside_and_drafts_of_conversions_go(project: Project) -> None:
    aside = project.data / "state.sqlite3.before-restore-20260101T000000Z"
    aside.write_bytes(b"x" * 1000)
    draft = project.data / "conversions" / "ab" / "cd.17.4.part"
    draft.parent.mkdir(parents=True)
    draft.write_bytes(b"x")
    kept = draft.with_name("cd")
    kept.write_bytes(b"x")
    assert {one.waiting for one in prune(project).values()} == {1}
    gone = prune(project, 15)
    assert gone["files put aside by a restore"].size == 1000
    assert gone["unfinished conversions"].number == 1
    assert (aside.exists(), draft.exists(), kept.exists()) == (False, False, True)


def test_syncs_and_prunes_at_the_same_time_end_exact(project: Project) -> None:
    """One thread edits and syncs, deletes and brings back; others prune all that is unused at that very moment."""
    stop = threading.Event()
    rounds = [0, 0]

    def prune_on(number: int) -> None:
        while not stop.is_set():
            with project.open() as pipeline:
                store, soon = pipeline.store, datetime.now(UTC) + DAY
                store.mark_texts(soon)
                store.sweep_texts(soon)
                store.drop_expired_documents(soon)
                free_all(prunable_kinds(pipeline, datetime.now(UTC) + 1000 * DAY, collections_now=True))
            rounds[number] += 1

    with ThreadPoolExecutor(2) as threads:
        pruning = [threads.submit(prune_on, number) for number in range(2)]
        try:
            for number in itertools.count():
                write(project, "boats", ["Boats sail.", "Boats sink."][number % 2])
                if number % 3 == 2:
                    (notes(project) / "trains.md").unlink(missing_ok=True)
                else:
                    write(project, "trains", "Trains run on rails.")
                project.sync()
                if number >= 5 and (min(rounds) >= 3 or any(one.done() for one in pruning)):
                    break
        finally:
            stop.set()
        for one in pruning:
            one.result(60)
    assert min(rounds) >= 3
    write(project, "trains", "Trains run on rails.")
    project.sync()
    assert_exact(project)
    assert_consistent(project)
