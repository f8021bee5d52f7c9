"""Backups in Dagster: a job with a form, its metadata, and a schedule that runs only where the settings say so."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest
import yaml

from vector_pipeline.consistency.backup.shelf import list_backups
from vector_pipeline.orchestration.backup_job import BACKUP_JOB, BACKUP_SCHEDULE, build_backup_schedule
from vector_pipeline_tests.orchestration.dagster_project import DagsterProject, definitions, write


def run(project: DagsterProject, **config: object) -> dg.ExecuteInProcessResult:
    return (
        definitions()
        .resolve_job_def(BACKUP_JOB)
        .execute_in_process(
            instance=project.instance,
            run_config={"ops": {"make_backup": {"config": config}}} if config else None,
            raise_on_error=False,
        )
    )


def metadata(result: dg.ExecuteInProcessResult) -> dict[str, object]:
    (output,) = [event for event in result.all_events if event.event_type_value == "STEP_OUTPUT"]
    return {name: value.value for name, value in output.step_output_data.metadata.items()}


def test_the_job_makes_a_backup_and_says_what_is_in_it(dagster_project: DagsterProject, tmp_path: Path) -> None:
    project = dagster_project.project
    project.add_folder("notes", tmp_path / "notes")
    write(tmp_path / "notes", "a.md", "some words")
    project.sync()
    done = run(dagster_project)
    assert done.success
    (made,) = list_backups(project.data / "backups")
    said = metadata(done)
    assert said["path"] == str(made.path)
    assert (said["documents"], said["points"], said["verified"], said["removed"]) == (1, 1, True, 0)
    assert (made.path / "pipeline.yaml").read_text() == project.file.read_text()


def test_the_form_chooses_the_folder_and_old_backups_go(dagster_project: DagsterProject, tmp_path: Path) -> None:
    project = dagster_project.project
    project.settings["backup"] = {"keep": 1, "keep_for": "0.001s"}
    project.write()
    for removed in (0, 1):
        done = run(dagster_project, folder=str(tmp_path / "elsewhere"))
        assert metadata(done)["removed"] == removed
    done = run(dagster_project, folder=str(tmp_path / "elsewhere"), prune=False, verify=False)
    assert (metadata(done)["removed"], metadata(done)["verified"]) == (0, False)
    assert len(list_backups(tmp_path / "elsewhere")) == 2


def test_a_backup_that_can_not_be_made_fails_its_run(dagster_project: DagsterProject, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    assert not run(dagster_project, folder=str(tmp_path / "file")).success


@pytest.mark.parametrize("enabled", [False, True])
def test_the_schedule_follows_the_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, enabled: bool) -> None:
    file = tmp_path / "pipeline.yaml"
    file.write_text(yaml.safe_dump({"backup": {"enabled": enabled, "schedule": "5 4 * * sun"}}))
    monkeypatch.setenv("VECTOR_PIPELINE_CONFIG", str(file))
    schedule = build_backup_schedule()
    assert (schedule.name, schedule.job_name, schedule.cron_schedule) == (BACKUP_SCHEDULE, BACKUP_JOB, "5 4 * * sun")
    assert (schedule.default_status == dg.DefaultScheduleStatus.RUNNING) == enabled


def test_the_schedule_is_there_where_the_settings_can_not_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pipeline.yaml").write_text("backup: {schedule: never}")
    monkeypatch.setenv("VECTOR_PIPELINE_CONFIG", str(tmp_path / "pipeline.yaml"))
    assert build_backup_schedule().default_status == dg.DefaultScheduleStatus.STOPPED
