"""Another collection is built by the runs that sensors start, and the collection's own job moves searches to it."""

from __future__ import annotations

from pathlib import Path

import pytest

from vector_pipeline.orchestration.names import COLLECTION
from vector_pipeline_tests.orchestration.dagster_project import DagsterProject, evaluations, write


@pytest.fixture
def notes(dagster_project: DagsterProject, tmp_path: Path) -> Path:
    """A folder with a note, synced and checked."""
    folder = tmp_path / "notes"
    write(folder, "a.md", "Words about the sea.")
    dagster_project.project.add_folder("notes", folder)
    dagster_project.settle()
    dagster_project.check()
    return folder


def told(dagster_project: DagsterProject) -> dict[str, object]:
    """The metadata of the collection's last materialization."""
    event = dagster_project.instance.get_latest_materialization_event(COLLECTION)
    assert event is not None
    assert event.asset_materialization is not None
    return {name: value.value for name, value in event.asset_materialization.metadata.items()}


def test_sensors_build_the_new_collection_and_the_check_job_moves_searches_to_it(
    dagster_project: DagsterProject, notes: Path
) -> None:
    old = told(dagster_project)
    assert (old["searched"], old["complete_percent"], old["not_switched"]) == (True, 100, "")
    project = dagster_project.project
    project.settings["embedding"] = {"dimensions": 128}
    project.write()
    assert dagster_project.check().success
    building = told(dagster_project)
    assert (building["searched"], building["searched_collection"]) == (False, old["collection"])
    assert "1 of 1 sources are not complete" in str(building["not_switched"])
    write(notes, "b.md", "Words written meanwhile.")
    assert dagster_project.settle() == ["notes"]
    with project.open() as pipeline:
        assert pipeline.index.count(str(old["collection"])) == pipeline.index.count(pipeline.collection) == 2
        assert pipeline.index.alias("knowledge") == old["collection"], "the run itself moves nothing"
    assert dagster_project.check().success
    new = told(dagster_project)
    assert (new["searched"], new["complete_percent"]) == (True, 100)
    assert new["collection"] == new["searched_collection"] != old["collection"]
    assert dagster_project.settle() == []


def test_what_is_wrong_in_the_collection_being_built_fails_its_check_and_is_mended_before_searches_go_there(
    dagster_project: DagsterProject, notes: Path, tmp_path: Path
) -> None:
    project = dagster_project.project
    write(tmp_path / "more", "c.md", "Words about the land.")
    project.add_folder("more", tmp_path / "more")
    dagster_project.settle()
    project.settings["embedding"] = {"dimensions": 128}
    project.write()
    project.sync("local_files/notes")
    with project.open() as pipeline:
        new = pipeline.collection
        [point] = next(pipeline.index.scroll(new))["point_id"].to_list()
        pipeline.index.delete(new, [point])
    found = {name: one.passed for name, one in evaluations(dagster_project.check()).items()}
    assert [name for name, passed in found.items() if not passed] == ["points_match_state"]
    assert sorted(dagster_project.settle()) == ["more", "notes"], "the failed check has it compared"
    assert dagster_project.check().success
    assert told(dagster_project)["searched_collection"] == new
