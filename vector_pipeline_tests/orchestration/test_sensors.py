"""What the sensors observe and launch, tick by tick, in a real instance and without a daemon."""

from __future__ import annotations

import json
import shutil
from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest

from vector_pipeline.orchestration import sensors
from vector_pipeline.orchestration.names import stage_key
from vector_pipeline.orchestration.private import DATA_VERSION_TAG
from vector_pipeline.orchestration.sensors import REMOVED, SourceNotObserved
from vector_pipeline.settings_file import SettingsError
from vector_pipeline.sync.due import UNFINISHED, due_partition
from vector_pipeline_tests.git_repository import GitRepository
from vector_pipeline_tests.orchestration.dagster_project import DagsterProject, write


@pytest.fixture
def notes(tmp_path: Path, dagster_project: DagsterProject) -> Path:
    """The folder of the source `notes`, with one document, observed at every tick."""
    folder = tmp_path / "notes"
    write(folder, "one.md", "The first note.")
    dagster_project.project.add_folder("notes", folder, observe_every="1s")
    return folder


def test_a_new_source_gets_its_key_its_observation_and_a_run(dagster_project: DagsterProject, notes: Path) -> None:
    data = dagster_project.tick()
    assert [request.partition_key for request in data.requests] == ["notes"]
    assert dagster_project.keys() == {"notes"}
    assert len(dagster_project.observed("notes")) == 1


def test_ticks_without_news_record_nothing_and_start_nothing(dagster_project: DagsterProject, notes: Path) -> None:
    assert dagster_project.settle() == ["notes"]
    before = dagster_project.observed("notes")
    for _ in range(3):
        data = dagster_project.tick()
        assert not data.requests
        assert not data.events
        assert data.skipped == "1 sources are in step"
    assert dagster_project.observed("notes") == before


def test_a_change_is_observed_once_and_run_once(dagster_project: DagsterProject, notes: Path) -> None:
    dagster_project.settle()
    write(notes, "two.md", "A second one.")
    data = dagster_project.tick()
    assert len(data.events) == 1
    [request] = data.requests
    assert request.tags["vector_pipeline/reason"] == "changed at the source"
    assert not dagster_project.tick().events


def test_a_repeated_tick_asks_for_the_same_run(
    dagster_project: DagsterProject, notes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The daemon may die between a tick and the launch: the run key holds the second one back."""
    # The key changes every ten minutes, which may be just between the ticks.
    monkeypatch.setattr(sensors, "RELAUNCH_SECONDS", 10**10)
    first = dagster_project.tick()
    dagster_project.cursors.clear()
    assert [request.partition_key for request in first.requests] == ["notes"]
    assert dagster_project.wants() == []


def test_going_back_to_a_former_content_runs_again(dagster_project: DagsterProject, notes: Path) -> None:
    texts = ["Version A.", "Version B.", "Version A.", "Version B."]
    for text in texts:
        write(notes, "one.md", text)
        assert dagster_project.settle() == ["notes"]
        assert text in str(dagster_project.project.search(text, limit=1))


def test_an_update_during_a_run_is_found_after_it(dagster_project: DagsterProject, notes: Path) -> None:
    dagster_project.settle()
    run_id = dagster_project.start_unfinished_run("sync_local_files", {"dagster/partition": "notes"})
    write(notes, "late.md", "Lands while a run is in flight.")
    data = dagster_project.tick()
    assert not data.requests, "a second run of the partition would only wait for the first"
    assert len(data.events) == 1, "what was seen is recorded all the same"
    run = dagster_project.instance.get_run_by_id(run_id)
    assert run is not None
    dagster_project.instance.report_run_failed(run)
    assert dagster_project.settle() == ["notes"]
    assert "late.md" in dagster_project.project.paths()


@pytest.mark.parametrize(
    ("tags", "assets", "free"),
    [
        ({"dagster/partition": "b"}, [stage_key("local_files", "documents")], {"a", "c"}),
        (
            {"dagster/asset_partition_range_start": "a", "dagster/asset_partition_range_end": "b"},
            [stage_key("local_files", "points")],
            {"c"},
        ),
        (
            {"dagster/asset_partition_range_start": "a", "dagster/asset_partition_range_end": "lost"},
            [stage_key("local_files", "points")],
            set(),
        ),
        ({"dagster/partition": "b"}, [stage_key("git", "documents")], {"a", "b", "c"}),
        ({"dagster/partition": "b"}, [dg.AssetKey(["local_files", "source"])], {"a", "b", "c"}),
    ],
    ids=["a backfill run", "a range", "a range with a lost end", "another source type", "an observation"],
)
def test_partitions_that_a_run_of_another_job_works_on_are_left_alone(
    dagster_project: DagsterProject,
    tmp_path: Path,
    tags: dict[str, str],
    assets: list[dg.AssetKey],
    free: set[str],
) -> None:
    for name in "abc":
        write(tmp_path / name, "note.md", f"The note of {name}.")
        dagster_project.project.add_folder(name, tmp_path / name)
    dagster_project.instance.add_dynamic_partitions("local_files_sources", ["a", "b", "c", "lost"])
    dagster_project.instance.add_dynamic_partitions("git_sources", ["b"])
    dagster_project.start_unfinished_run("check_collection", tags, assets)
    dagster_project.instance.delete_dynamic_partition("local_files_sources", "lost")
    assert set(dagster_project.wants()) == free


def test_a_run_of_another_type_with_the_same_name_does_not_hold_a_source(
    dagster_project: DagsterProject, notes: Path
) -> None:
    dagster_project.start_unfinished_run("sync_git", {"dagster/partition": "notes"})
    assert dagster_project.wants() == ["notes"]


def test_a_removed_source_is_tombstoned_purged_and_forgotten(dagster_project: DagsterProject, notes: Path) -> None:
    dagster_project.settle()
    dagster_project.project.remove("local_files/notes")
    data = dagster_project.tick()
    assert [request.partition_key for request in data.requests] == ["notes"]
    assert dagster_project.observed("notes")[0] == REMOVED
    assert dagster_project.run("local_files", "notes").success
    assert dagster_project.project.snapshot() == frozenset()
    assert dagster_project.settle() == []
    assert dagster_project.keys() == set()
    with dagster_project.project.open() as pipeline:
        assert pipeline.store.partitions() == []


def test_a_source_added_again_is_synced_again(dagster_project: DagsterProject, notes: Path) -> None:
    dagster_project.settle()
    before = dagster_project.project.snapshot()
    dagster_project.project.remove("local_files/notes")
    dagster_project.settle()
    dagster_project.project.add_folder("notes", notes, observe_every="1s")
    assert dagster_project.settle() == ["notes"]
    assert dagster_project.project.snapshot() == before
    assert dagster_project.keys() == {"notes"}
    assert dagster_project.observed("notes")[0] != REMOVED


def test_a_source_added_again_before_it_was_purged_loses_nothing(dagster_project: DagsterProject, notes: Path) -> None:
    dagster_project.settle()
    before = dagster_project.project.snapshot()
    dagster_project.project.remove("local_files/notes")
    dagster_project.tick()
    dagster_project.project.add_folder("notes", notes, observe_every="1s")
    assert dagster_project.settle() == []
    assert dagster_project.project.snapshot() == before
    assert dagster_project.observed("notes")[0] != REMOVED


def test_a_source_that_was_never_synced_goes_without_a_trace(dagster_project: DagsterProject, notes: Path) -> None:
    dagster_project.tick()
    dagster_project.project.remove("local_files/notes")
    dagster_project.settle()
    assert dagster_project.keys() == set()


def test_changed_settings_of_a_source_are_a_reason_to_run(dagster_project: DagsterProject, notes: Path) -> None:
    write(notes, "draft.md", "Not yet.")
    dagster_project.settle()
    dagster_project.project.add_folder("notes", notes, exclude=["draft.md"])
    assert dagster_project.settle() == ["notes"]
    assert dagster_project.project.paths() == {"one.md"}


def test_a_source_that_does_not_answer_fails_the_tick_and_no_other_source(
    dagster_project: DagsterProject, notes: Path, tmp_path: Path
) -> None:
    write(tmp_path / "well", "fine.md", "Is read.")
    dagster_project.project.add_folder("well", tmp_path / "well", observe_every="1s")
    dagster_project.settle()
    before = dagster_project.project.snapshot()
    notes.rename(tmp_path / "away")
    write(tmp_path / "well", "more.md", "Is read too.")
    assert dagster_project.settle_in_spite_of_errors() == ["well"]
    with pytest.raises(SourceNotObserved, match="local_files/notes"):
        dagster_project.tick()
    (tmp_path / "away").rename(notes)
    assert dagster_project.settle() == []
    assert before < dagster_project.project.snapshot()


def test_a_broken_settings_file_fails_the_tick_with_its_own_message(
    dagster_project: DagsterProject, notes: Path
) -> None:
    dagster_project.settle()
    good = dagster_project.project.file.read_text()
    dagster_project.project.file.write_text(good + "\nchunkking: {}\n")
    with pytest.raises(SettingsError, match="chunkking"):
        dagster_project.tick()
    dagster_project.project.file.write_text(good)
    write(notes, "two.md", "After the mend.")
    assert dagster_project.settle() == ["notes"]


def test_a_failing_source_is_launched_again_after_growing_pauses(
    dagster_project: DagsterProject, notes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vector_pipeline.sync.due.FIRST_DELAY", timedelta(hours=1))  # longer than this test may take
    dagster_project.tick()
    notes.rename(tmp_path / "away")
    assert not dagster_project.run("local_files", "notes", tags={"vector_pipeline/interactive": "true"}).success
    assert dagster_project.wants() == [], "once may be over in a moment"
    with pytest.raises(SourceNotObserved):
        dagster_project.tick()
    (tmp_path / "away").rename(notes)
    assert dagster_project.wants() == [], "it failed a moment ago"
    with dagster_project.project.open() as pipeline:
        failures, last = pipeline.store.consecutive_failures(pipeline.store.partition("local_files/notes").partition_id)
    assert failures == 1
    assert last is not None


def test_a_source_whose_run_failed_runs_again_though_it_is_what_it_was(
    dagster_project: DagsterProject, notes: Path
) -> None:
    assert dagster_project.settle() == ["notes"]
    notes.rename(notes.parent / "away")
    assert not dagster_project.run("local_files", "notes", tags={"vector_pipeline/interactive": "true"}).success
    (notes.parent / "away").rename(notes)
    with dagster_project.project.open() as pipeline:
        name = pipeline.partitions()[0]
        version = pipeline.store.built_version(pipeline.store.partition(name).partition_id)
        due = due_partition(pipeline, name, version)
        assert due is not None
        assert due.reason == UNFINISHED
    assert dagster_project.run("local_files", "notes").success
    with dagster_project.project.open() as pipeline:
        assert due_partition(pipeline, name, version) is None


def test_a_run_of_some_stages_only_is_over_when_the_last_of_them_is(
    dagster_project: DagsterProject, notes: Path
) -> None:
    assert dagster_project.settle() == ["notes"]
    write(notes, "b.md", "Another.")
    for stages in (("documents",), ("chunks", "embeddings")):
        assert dagster_project.run("local_files", "notes", stages=stages).success
        with dagster_project.project.open() as pipeline:
            assert pipeline.store.ingestions()[0].status == "success"
            assert "lag: seconds" not in pipeline.store.ingestions()[0].counts, "nothing can be searched yet"
    assert dagster_project.settle() == ["notes"]
    with dagster_project.project.open() as pipeline:
        assert {row.status for row in pipeline.store.ingestions()} == {"success"}


def test_lost_keys_and_a_lost_cursor_are_put_right(dagster_project: DagsterProject, notes: Path) -> None:
    dagster_project.settle()
    dagster_project.instance.delete_dynamic_partition("local_files_sources", "notes")
    dagster_project.cursors.clear()
    assert dagster_project.settle() == []
    assert dagster_project.keys() == {"notes"}


def test_a_cursor_of_another_form_is_taken_as_none(dagster_project: DagsterProject, notes: Path) -> None:
    dagster_project.settle()
    dagster_project.cursors["observe_local_files"] = json.dumps({"local_files/notes": "abc"})
    assert dagster_project.settle() == []


def test_keys_of_the_same_name_in_two_types_are_two_sources(
    dagster_project: DagsterProject, notes: Path, tmp_path: Path
) -> None:
    repository = GitRepository(tmp_path / "repository.git")
    repository.write("readme.md", "# Read me\n\nFrom a commit.\n").commit()
    dagster_project.project.add_git("notes", repository.url, observe_every="1s")
    assert dagster_project.settle("git") == ["notes"]
    assert dagster_project.settle() == ["notes"]
    assert dagster_project.project.paths() == {"one.md", "readme.md"}
    assert dagster_project.observed("notes", "git") != dagster_project.observed("notes")


def test_observations_carry_the_version_that_the_run_builds(dagster_project: DagsterProject, notes: Path) -> None:
    data = dagster_project.tick()
    [event] = data.events
    dagster_project.run("local_files", "notes")
    assert event.tags[DATA_VERSION_TAG] == dagster_project.metadata("notes", "documents")["source_version"]


def test_a_folder_that_is_gone_for_good_deletes_nothing(dagster_project: DagsterProject, notes: Path) -> None:
    dagster_project.settle()
    before = dagster_project.project.snapshot()
    shutil.rmtree(notes)
    assert dagster_project.settle_in_spite_of_errors() == []
    with pytest.raises(SourceNotObserved):
        dagster_project.tick()
    assert dagster_project.project.snapshot() == before
