"""Another collection is built beside the one that is searched: both are kept up, and searches see only whole ones."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from vector_pipeline.consistency.switching import NothingToRollBackTo, settle_alias
from vector_pipeline.embedding.base import EmbeddingError
from vector_pipeline.sync.builds import build_progress
from vector_pipeline.sync.errors import SyncError
from vector_pipeline.sync.runner import sync_partition
from vector_pipeline_tests.project import Project, counts
from vector_pipeline_tests.simulators.openai_server import OpenAIServer
from vector_pipeline_tests.sync.changing import change, rolled_back, searched, states, switched
from vector_pipeline_tests.sync.exactness import assert_consistent, assert_exact, due, quarantined, served_by, settle
from vector_pipeline_tests.sync.killed_sync import KillPoint, sync_killed
from vector_pipeline_tests.sync.searching import STOP_WORDS, searching

ONE, TWO = "local_files/one", "local_files/two"
LONG = "# Boats\n\n" + "\n\n".join(f"Boat {n} sails over the sea with sail number {n}." for n in range(20)) + "\n"
ALL = {"boats.md", "words.md", "trains.md", "planes.md"}


@pytest.fixture
def other() -> Iterator[OpenAIServer]:
    """The endpoint of another model."""
    with OpenAIServer(dimension=12, model="other-embedding") as server:
        yield server


@pytest.fixture
def project(folder: Path) -> Project:
    """Two folders with a few documents, not synced yet."""
    project = Project(folder / "project")
    for name, files in {
        "one": {"boats.md": LONG, "words.md": STOP_WORDS},
        "two": {"trains.md": "# Trains\n\nTrains run on rails.\n", "planes.md": "# Planes\n\nPlanes fly.\n"},
    }.items():
        project.add_folder(name, folder / name)
        for path, text in files.items():
            (folder / name / path).write_text(text)
    return project


def texts_of(project: Project) -> dict[str, str]:
    """The words that are found, by path, in the collection that is searched."""
    with project.open() as pipeline:
        name = pipeline.index.alias(pipeline.settings.index.alias)
        assert name is not None
        ids = [point for frame in pipeline.index.scroll(name) for point in frame["point_id"].to_list()]
        found: dict[str, str] = {}
        for point in sorted(pipeline.index.retrieve(name, ids), key=lambda point: point.payload["position"]):
            path = str(point.payload["path"])
            found[path] = found.get(path, "") + str(point.payload["text"])
        return found


@pytest.mark.parametrize(
    "settings",
    [
        {"embedding": {"dimensions": 128}},
        {"chunking": {"target_chars": 200}},
        {"embedding": {"bm25_language": "german"}},
        {"index": {"distance": "Dot"}},
    ],
    ids=["dimension", "chunking", "keywords", "distance"],
)
def test_who_searches_during_a_change_always_gets_whole_answers_of_both_kinds(
    project: Project, folder: Path, settings: dict[str, Any]
) -> None:
    project.sync()
    old = searched(project)
    with searching(project, STOP_WORDS) as answers:
        change(project, settings)
        answers.wait_for(2)
        project.sync(ONE)
        answers.wait_for(2)
        (folder / "one" / "new.md").write_text("# New\n\nWritten in between.\n")
        project.sync(ONE)
        assert searched(project) == old, "not all sources are in the new one"
        assert "in between" in texts_of(project)["new.md"], "found at once"
        answers.wait_for(2)
        project.sync(TWO)
        assert searched(project) not in (old, None)
        answers.wait_for(2)
    assert set(answers.first) == {"words.md"}, "found by its vector, whichever collection answers"
    assert all(paths in (ALL, ALL | {"new.md"}) for paths in answers.paths)
    assert_exact(project)


def test_another_model_at_another_endpoint_takes_over_while_the_former_one_embeds_edits_and_questions(
    project: Project, folder: Path, endpoint: OpenAIServer, other: OpenAIServer
) -> None:
    change(project, served_by(endpoint))
    project.sync()
    old = searched(project)
    with project.open() as pipeline:
        [document] = pipeline.store.find_documents(pattern="words.md")
        [chunk] = pipeline.store.document_chunks(document.document_no, pipeline.chunking)
    with searching(project, chunk.text) as answers:
        change(project, served_by(other))
        answers.wait_for(2)
        project.sync(ONE)
        (folder / "one" / "new.md").write_text("# New\n\nWritten in between.\n")
        results = project.sync(ONE)
        assert counts(results, "embeddings")["live embedded"] == counts(results, "embeddings")["embedded"] == 1
        answers.wait_for(2)
        project.sync(TWO)
        answers.wait_for(2)
    assert searched(project) != old
    assert set(answers.first) == {"words.md"}
    assert all(paths in (ALL, ALL | {"new.md"}) for paths in answers.paths)
    assert other.texts[chunk.text] >= 2, "a question after the switch"
    assert_exact(project)


def test_a_build_killed_half_way_goes_on_and_embeds_no_text_twice(project: Project, other: OpenAIServer) -> None:
    project.sync()
    old = searched(project)
    change(project, served_by(other, batch_size=2, concurrency=1))
    change(project, {"chunking": {"target_chars": 200}})
    sync_killed(project, ONE, KillPoint("store", "add_embeddings", 2))
    with project.open() as pipeline:
        progress = build_progress(pipeline)
    assert progress is not None
    assert 0 < progress.percent < 100
    assert 0 < progress.embedded < progress.expected
    embedded = other.embedded_texts
    assert searched(project) == old
    assert set(texts_of(project)) == ALL
    project.sync()
    assert searched(project) != old
    assert other.embedded_texts > embedded
    # What was under way when the process died was never recorded.
    assert sum(number - 1 for number in other.texts.values()) <= 2
    with project.open() as pipeline:
        assert build_progress(pipeline) is None
    assert_exact(project)


@pytest.mark.parametrize(
    "point",
    [
        KillPoint("store", "record_settings", after=False),
        KillPoint("index", "upsert"),
        KillPoint("store", "set_cursor", 7),
    ],
    ids=str,
)
def test_a_build_killed_anywhere_ends_exact(project: Project, point: KillPoint) -> None:
    project.sync()
    change(project, {"chunking": {"target_chars": 200}})
    sync_killed(project, ONE, point)
    assert due(project, ONE) is not None
    assert set(texts_of(project)) == ALL
    project.sync()
    assert_exact(project)


def test_documents_that_the_new_model_refuses_keep_searches_where_they_are(
    project: Project, other: OpenAIServer
) -> None:
    project.sync()
    old = searched(project)
    other.faults.refuse_marker = "rails"
    change(project, served_by(other))
    project.sync()
    assert searched(project) == old
    result = switched(project)
    assert (result.moved, result.missing) == (False, 1)
    assert "trains.md" in result.reason
    result = switched(project, allow_missing=True)
    assert (result.moved, result.missing, result.collection) == (True, 1, searched(project))
    assert searched(project) != old
    assert set(texts_of(project)) == ALL - {"trains.md"}
    assert set(quarantined(project)) == {"trains.md"}


def test_a_new_collection_that_fails_its_check_is_not_searched_until_it_is_mended(project: Project) -> None:
    project.sync()
    old = searched(project)
    change(project, {"chunking": {"target_chars": 200}})
    with project.open() as pipeline:
        for name in (ONE, TWO):
            sync_partition(pipeline, name, "run")
        lost = next(pipeline.index.scroll(pipeline.collection))["point_id"].to_list()[:1]
        pipeline.index.delete(pipeline.collection, lost)
        result = settle_alias(pipeline)
    assert not result.moved
    assert "points_match_state found 1 of" in result.reason
    assert searched(project) == old
    project.sync(full=True)
    assert searched(project) != old
    assert_exact(project)


def test_rollback_brings_the_former_collection_up_to_date_and_stays_until_somebody_switches(
    project: Project, folder: Path
) -> None:
    project.sync()
    old = searched(project)
    change(project, {"embedding": {"dimensions": 128}})
    project.sync()
    new = searched(project)
    assert states(project) == {str(new): "live", str(old): "former"}
    (folder / "one" / "late.md").write_text("Written after the switch.")
    (folder / "two" / "planes.md").unlink()
    project.sync()
    result = rolled_back(project)
    assert (result.moved, result.collection) == (True, old)
    assert set(texts_of(project)) == (ALL | {"late.md"}) - {"planes.md"}
    assert states(project) == {str(old): "live", str(new): "rejected"}
    (folder / "one" / "later.md").write_text("Written after going back.")
    project.sync()
    settle(project, ONE)
    assert searched(project) == old, "not by itself"
    assert "later.md" in texts_of(project), "it gets every change"
    assert switched(project).moved
    assert searched(project) == new
    assert "later.md" in texts_of(project), "so did the other one"
    assert_exact(project)


def test_rollback_now_takes_the_former_collection_as_it_is(project: Project, folder: Path) -> None:
    project.sync()
    old = searched(project)
    change(project, {"embedding": {"dimensions": 128}})
    project.sync()
    (folder / "one" / "late.md").write_text("Written after the switch.")
    project.sync()
    result = rolled_back(project, now=True)
    assert (result.moved, result.collection, result.missing) == (True, old, 1)
    assert set(texts_of(project)) == ALL
    project.sync()
    assert "late.md" in texts_of(project), "the next sync makes up for it"


def test_there_is_nothing_to_roll_back_to_before_a_change_and_after_former_ones_are_dropped(project: Project) -> None:
    with pytest.raises(SyncError, match="nothing has been indexed yet"):
        switched(project)
    project.sync()
    with pytest.raises(NothingToRollBackTo):
        rolled_back(project)
    old = str(searched(project))
    change(project, {"chunking": {"target_chars": 200}})
    project.sync()
    with project.open() as pipeline:
        pipeline.index.drop(old)
    with pytest.raises(NothingToRollBackTo):
        rolled_back(project)
    settle(project, ONE)
    assert_exact(project)


def test_going_back_to_former_settings_cuts_embeds_and_writes_nothing(
    project: Project, endpoint: OpenAIServer, other: OpenAIServer
) -> None:
    change(project, served_by(endpoint))
    project.sync()
    old, asked = searched(project), endpoint.embedded_texts
    change(project, served_by(other))
    project.sync()
    change(project, served_by(endpoint))
    results = project.sync()
    done = {name: number for result in results for name, number in result.counts.items() if result.stage != "documents"}
    assert {name: done[name] for name in ("chunked", "embedded", "upserted")} == dict.fromkeys(
        ("chunked", "embedded", "upserted"), 0
    )
    assert endpoint.embedded_texts == asked
    assert searched(project) == old
    assert_exact(project)


def test_a_change_taken_back_before_it_was_complete_leaves_everything_as_it_was(project: Project, folder: Path) -> None:
    project.sync()
    old = searched(project)
    change(project, {"embedding": {"dimensions": 128}})
    project.sync(ONE)
    (folder / "one" / "new.md").write_text("Written in between.")
    project.sync(ONE)
    change(project, {"embedding": {}})
    results = project.sync(ONE)
    assert counts(results, "embeddings")["embedded"] == 0
    assert searched(project) == old
    assert_exact(project)


def test_without_the_key_of_the_former_model_deletions_still_happen_and_new_text_waits_visibly(
    project: Project, folder: Path, endpoint: OpenAIServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint.api_key = "the-old-key"
    monkeypatch.setenv("OLD_KEY", endpoint.api_key)
    change(project, served_by(endpoint, api_key="${OLD_KEY}"))
    project.sync()
    old = searched(project)
    change(project, {"embedding": {"dimensions": 128}})
    with project.open() as pipeline:
        assert "the-old-key" not in json.dumps([target.settings for target in pipeline.store.target_records()])
    (folder / "one" / "words.md").write_text("Edited while the key was there.")
    project.sync(ONE)
    assert "while the key was there" in texts_of(project)["words.md"]
    monkeypatch.delenv("OLD_KEY")
    (folder / "one" / "words.md").write_text("Edited when it was gone.")
    (folder / "one" / "boats.md").unlink()
    results = project.sync(ONE)
    assert next(result for result in results if result.stage == "points").failed == 1
    assert set(texts_of(project)) == ALL - {"boats.md"}
    assert "while the key was there" in texts_of(project)["words.md"], "the last good version stays"
    with project.open() as pipeline:
        [row] = pipeline.store.quarantined().to_dicts()
    assert (row["native_id"], row["stage"]) == (b"words.md", f"embeddings@{old}")
    assert project.search("Edited")[0]["path"] == "words.md", "by word, as its model can't be asked"
    project.sync(TWO)
    assert searched(project) != old
    assert quarantined(project) == {}
    assert "when it was gone" in texts_of(project)["words.md"]
    assert_exact(project)


def test_while_the_new_endpoint_is_down_the_live_collection_gets_every_change(
    project: Project, folder: Path, other: OpenAIServer
) -> None:
    project.sync()
    old = searched(project)
    other.api_key = "somebody else's"
    change(project, served_by(other))
    (folder / "one" / "new.md").write_text("Written in between.")
    (folder / "one" / "boats.md").unlink()
    with pytest.raises(EmbeddingError):
        project.sync(ONE)
    assert searched(project) == old
    assert set(texts_of(project)) == (ALL | {"new.md"}) - {"boats.md"}
    other.api_key = ""
    project.sync()
    assert searched(project) != old
    assert_exact(project)


def test_a_collection_of_an_unknown_making_is_searched_by_word_until_the_new_one_is_whole(project: Project) -> None:
    project.sync()
    old = str(searched(project))
    with project.open() as pipeline:
        pipeline.store.record_settings(old, {"chunking": {"shape": "unknown"}}, None)
    change(project, {"embedding": {"dimensions": 128}})
    project.sync(ONE)
    assert project.search("rails")[0]["path"] == "trains.md"
    project.sync(TWO)
    assert searched(project) != old
    assert_consistent(project)
