"""The checks of the collection as jobs: which run when, what they show, and how deep they look."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest

from vector_pipeline.consistency.check_file import AFTER_SYNCS, HOURLY, checks_on
from vector_pipeline.orchestration.names import CHECK_ALL_JOB, CHECK_JOB, COLLECTION, FULL_TAG
from vector_pipeline.orchestration.standing import LOOKED_AT
from vector_pipeline_tests.orchestration.dagster_project import DagsterProject, definitions, evaluations, write


@pytest.fixture
def notes(dagster_project: DagsterProject, tmp_path: Path) -> DagsterProject:
    """A synced folder, local_files/notes, of which one document is looked at in a sample."""
    for number in range(4):
        write(tmp_path / "notes", f"{number}.md", f"Note {number} about plumbing.")
    dagster_project.project.settings["checks"] = {"sample": 1}
    dagster_project.project.add_folder("notes", tmp_path / "notes")
    dagster_project.settle()
    return dagster_project


def run(project: DagsterProject, job: str, **tags: str) -> dg.ExecuteInProcessResult:
    return definitions().resolve_job_def(job).execute_in_process(instance=project.instance, tags=tags)


def test_after_syncs_the_cheap_checks_run_and_every_hour_all(notes: DagsterProject) -> None:
    cheap = {check.name for check in checks_on("collection") if check.when == AFTER_SYNCS}
    costly = {check.name for check in checks_on("collection") if check.when == HOURLY}
    assert cheap
    assert costly
    assert set(evaluations(run(notes, CHECK_JOB))) == cheap
    assert set(evaluations(run(notes, CHECK_ALL_JOB))) == cheap | costly
    [schedule] = [one for one in definitions().get_repository_def().schedule_defs if one.job_name == CHECK_ALL_JOB]
    assert schedule.cron_schedule == "17 * * * *"


def test_an_offender_is_shown_by_its_name_and_numbers_are_numbers(notes: DagsterProject) -> None:
    with notes.project.open() as pipeline:
        ids = [point_id for frame in pipeline.index.scroll(pipeline.collection) for point_id in frame["point_id"]]
        [lost] = pipeline.index.retrieve(pipeline.collection, ids[:1])
        pipeline.index.delete(pipeline.collection, ids[:1])
    result = run(notes, CHECK_JOB)
    assert result.success, "a check that fails is red, its run is not"
    found = evaluations(result)["points_match_state"]
    table = found.metadata["first_offenders"]
    assert isinstance(table, dg.TableMetadataValue)
    assert [record.data["document"] for record in table.records] == [lost.payload["path"]]
    for name, evaluation in evaluations(result).items():
        for number in ("compared", "offenders", "seconds"):
            assert isinstance(evaluation.metadata[number], dg.IntMetadataValue | dg.FloatMetadataValue), name


def test_a_full_run_reads_everything(notes: DagsterProject) -> None:
    def read(**tags: str) -> object:
        return evaluations(run(notes, CHECK_JOB, **tags))["vectors_valid"].metadata["compared"].value

    assert read() == 1
    assert read(**{FULL_TAG: "true"}) == 4


def test_an_hourly_answer_stays_on_the_page_after_the_next_sync(notes: DagsterProject) -> None:
    hourly = {check.name for check in checks_on("collection") if check.when == HOURLY}
    run(notes, CHECK_ALL_JOB)
    for _ in range(2):
        told = evaluations(run(notes, CHECK_JOB))
        assert hourly < told.keys()
        assert {name for name, evaluation in told.items() if LOOKED_AT in evaluation.metadata} == hourly
    run(notes, CHECK_ALL_JOB)
    for name in hourly:
        record = notes.instance.get_latest_asset_check_evaluation_record(dg.AssetCheckKey(COLLECTION, name))
        assert record is not None
        assert record.evaluation is not None
        assert LOOKED_AT not in record.evaluation.metadata


def test_the_form_of_the_check_reads_everything(notes: DagsterProject) -> None:
    job = definitions().resolve_job_def(CHECK_JOB)
    config = {"ops": {"collection_checks": {"config": {"full": True}}}}
    result = job.execute_in_process(instance=notes.instance, run_config=config)
    assert evaluations(result)["vectors_valid"].metadata["compared"].value == 4
