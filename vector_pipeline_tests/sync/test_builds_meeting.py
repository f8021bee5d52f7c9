"""Changes of settings that meet other changes, repairs, prune and restore: exact in the end, searchable throughout."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from vector_pipeline.consistency.backup.making import make_backup
from vector_pipeline.consistency.backup.restoring import restore_backup
from vector_pipeline.consistency.prunable import free_all
from vector_pipeline.consistency.pruning import prunable_kinds
from vector_pipeline.consistency.rebuilding import rebuild
from vector_pipeline.consistency.repairing import Wanted, repair, repairable
from vector_pipeline.consistency.resetting import reset
from vector_pipeline.consistency.switching import NothingToRollBackTo, settle_alias
from vector_pipeline.state.targets_table import REJECTED
from vector_pipeline.sync.due import BEING_BUILT
from vector_pipeline.sync.runner import sync_partition
from vector_pipeline_tests.project import Project
from vector_pipeline_tests.simulators.openai_server import OpenAIServer
from vector_pipeline_tests.sync.changing import (
    ALL,
    ONE,
    TWO,
    change,
    found_paths,
    offending,
    rolled_back,
    searched,
    states,
    switched,
    two_folders,
)
from vector_pipeline_tests.sync.exactness import assert_exact, due, quarantined, served_by, settle
from vector_pipeline_tests.sync.searching import STOP_WORDS, searching

SMALL, OTHER, THIRD = {"dimensions": 128}, {"dimensions": 256}, {"dimensions": 64}


@pytest.fixture
def project(folder: Path) -> Project:
    return two_folders(folder)


@pytest.fixture
def other() -> Iterator[OpenAIServer]:
    """The endpoint of another model."""
    with OpenAIServer(dimension=12, model="other-embedding") as server:
        yield server


def test_what_one_model_refuses_is_kept_back_in_its_collection_alone_and_tried_again_there(
    project: Project, endpoint: OpenAIServer, other: OpenAIServer
) -> None:
    endpoint.faults.refuse_marker = "rails"
    change(project, served_by(endpoint))
    project.sync()
    old = searched(project)
    change(project, served_by(other))
    project.sync(TWO)
    assert searched(project) == old
    assert set(quarantined(project)) == {"trains.md"}, "of the one that is searched"
    assert offending(project) == []
    project.sync(ONE)
    assert searched(project) != old
    assert (found_paths(project), quarantined(project)) == (ALL, {})
    endpoint.faults.refuse_marker = ""
    change(project, served_by(endpoint))
    project.sync()
    assert searched(project) == old, "what it lacked was embedded when it was asked for again"
    assert (found_paths(project), offending(project)) == (ALL, [])
    assert_exact(project)


def test_what_the_next_model_refused_is_forgotten_with_it(
    project: Project, endpoint: OpenAIServer, other: OpenAIServer
) -> None:
    change(project, served_by(endpoint))
    project.sync()
    other.faults.refuse_marker = "rails"
    change(project, served_by(other))
    project.sync()
    assert set(quarantined(project)) == {"trains.md"}
    change(project, served_by(endpoint))
    project.sync()
    assert quarantined(project) == {}
    assert_exact(project)


def test_a_build_that_is_never_finished_gives_way_to_a_third_one_and_loses_what_its_sources_lose(
    project: Project, folder: Path
) -> None:
    project.sync()
    first = searched(project)
    with searching(project, STOP_WORDS) as answers:
        change(project, {"embedding": SMALL})
        project.sync(ONE)
        change(project, {"embedding": THIRD})
        project.sync(ONE)
        (folder / "one" / "boats.md").unlink()
        project.remove(TWO)
        with project.open() as pipeline:
            sync_partition(pipeline, TWO, "removal")
        answers.wait_for(2)
        project.sync()
        answers.wait_for(2)
    assert set(answers.first) == {"words.md"}
    assert searched(project) != first
    assert found_paths(project) == {"words.md"}
    with project.open() as pipeline:
        assert {name: pipeline.index.count(name, TWO) for name in states(project)} == dict.fromkeys(states(project), 0)
    assert_exact(project)


def test_a_process_with_former_settings_keeps_both_collections_up_and_takes_nothing_from_searches(
    project: Project, folder: Path
) -> None:
    project.sync()
    old = searched(project)
    with project.open() as late:
        sync_partition(late, ONE, "late-1")
        change(project, {"embedding": SMALL})
        project.sync()
        assert searched(project) != old
        (folder / "one" / "new.md").write_text("Written when the alias had moved.")
        (folder / "one" / "boats.md").unlink()
        sync_partition(late, ONE, "late-2")
        assert found_paths(project) == (ALL | {"new.md"}) - {"boats.md"}
    project.sync()
    settle(project, ONE)
    assert searched(project) != old
    assert_exact(project)


def test_a_source_that_comes_during_a_build_is_in_both_collections_and_one_that_is_away_is_built_from_what_is_stored(
    project: Project, folder: Path
) -> None:
    project.sync()
    old = searched(project)
    change(project, {"embedding": SMALL})
    project.add_folder("three", folder / "three")
    (folder / "three" / "ships.md").write_text("Ships are large.")
    project.sync(ONE, "local_files/three")
    assert found_paths(project) == ALL | {"ships.md"}
    found = due(project, TWO)
    assert found is not None
    assert found.reason == BEING_BUILT
    away = folder / "away"
    (folder / "two").rename(away)
    project.add_folder("four", folder / "four")
    shutil.rmtree(folder / "four")
    assert searched(project) == old
    assert switched(project).moved, "though one source was never read and another can't be"
    assert found_paths(project) == ALL | {"ships.md"}
    away.rename(folder / "two")
    project.remove("local_files/four")
    project.sync()
    assert_exact(project)


def test_prune_takes_nothing_from_a_build_and_after_it_there_is_no_way_back(project: Project) -> None:
    project.sync()
    old = searched(project)
    change(project, {"chunking": {"target_chars": 100}})
    project.sync(ONE)
    _prune(project)
    assert states(project)[old] == "live"
    assert found_paths(project) == ALL
    results = project.sync(TWO)
    assert next(result for result in results if result.stage == "chunks").counts["chunked"] == 2
    assert searched(project) != old
    _prune(project)
    assert list(states(project)) == [searched(project)]
    with pytest.raises(NothingToRollBackTo, match="no collection of former settings"):
        rolled_back(project)
    assert_exact(project)


def _prune(project: Project) -> None:
    with project.open() as pipeline:
        results = free_all(prunable_kinds(pipeline, datetime.now(UTC), collections_now=True))
        assert [result for result in results if result.error] == []


def test_reset_rebuild_and_repair_during_a_build_reach_both_collections(project: Project, folder: Path) -> None:
    project.sync()
    old = searched(project)
    with searching(project, STOP_WORDS) as answers:
        change(project, {"embedding": SMALL})
        project.sync(ONE)
        with project.open() as pipeline:
            lost = {build.collection: _lose_point(build) for build in repairable(pipeline)}
            assert len(lost) == 2
            outcomes = [repair(build, Wanted(checks=["points_match_state"])) for build in repairable(pipeline)]
            assert [outcome.passed for outcome in outcomes] == [True, True]
            assert [sum(done.counts["points written"] for done in outcome.done) for outcome in outcomes] == [1, 1]
        assert offending(project) == []
        with project.open() as pipeline:
            assert [one.error for one in rebuild(pipeline, [ONE])] == [""]
            reset(pipeline, TWO)
        answers.wait_for(2)
        project.sync()
        answers.wait_for(2)
    assert set(answers.first) == {"words.md"}
    assert searched(project) != old
    with project.open() as pipeline:
        reset(pipeline, ONE, drop=True)
    project.sync()
    assert_exact(project)


def _lose_point(build: object) -> bytes:
    index, name = build.index, build.collection  # type: ignore[attr-defined]
    [point] = next(index.scroll(name, ONE))["point_id"].to_list()[:1]
    index.delete(name, [point])
    return bytes(point)


def test_a_rollback_that_died_before_it_was_recorded_stays_a_rollback(project: Project) -> None:
    project.sync()
    old = searched(project)
    change(project, {"embedding": SMALL})
    project.sync()
    new = searched(project)
    with project.open() as pipeline:
        # What a kill leaves that comes when the alias has moved.
        pipeline.store.record_state(new, REJECTED)
        pipeline.index.set_alias(pipeline.settings.index.alias, old)
    project.sync(full=True)
    assert searched(project) == old
    assert states(project) == {old: "live", new: "rejected"}
    change(project, {"embedding": THIRD})
    project.sync()
    assert states(project) == {searched(project): "live", old: "former", new: "rejected"}
    assert rolled_back(project).collection == old


def test_a_backup_of_before_a_change_restored_after_it_ends_exact(project: Project, folder: Path) -> None:
    project.sync()
    old = searched(project)
    with project.open() as pipeline:
        backup = make_backup(pipeline, folder / "backups")
    change(project, {"embedding": SMALL})
    project.sync()
    new = searched(project)
    (folder / "one" / "boats.md").unlink()
    project.sync()
    with project.open() as pipeline:
        restore_backup(pipeline, backup, force=True)
    assert searched(project) in (old, new)
    assert found_paths(project) >= ALL - {"boats.md"}
    assert project.search("rails")[0]["path"] == "trains.md"
    project.sync()
    assert searched(project) == new
    assert_exact(project)


def test_settings_taken_back_while_a_sync_runs_end_where_they_say(project: Project, folder: Path) -> None:
    project.sync()
    old = searched(project)
    change(project, {"embedding": SMALL})
    with project.open() as running:
        sync_partition(running, ONE, "running-1")
        change(project, {"embedding": OTHER})
        sync_partition(running, TWO, "running-2")
        (folder / "one" / "new.md").write_text("Written in between.")
        settle_alias(running)
    project.sync()
    settle(project, ONE)
    assert searched(project) == old
    assert found_paths(project) == ALL | {"new.md"}
    assert_exact(project)
