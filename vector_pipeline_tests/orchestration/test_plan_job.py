"""The job that plans: its form, what it shows, and that neither the state nor Dagster's records change by it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dagster as dg

from vector_pipeline.orchestration.names import source_key
from vector_pipeline_tests.orchestration.dagster_project import DagsterProject, definitions, write
from vector_pipeline_tests.sync.followed_plan import everything_recorded


def run(opened: DagsterProject, **form: Any) -> dg.ExecuteInProcessResult:
    return (
        definitions()
        .resolve_job_def("plan")
        .execute_in_process(
            instance=opened.instance, run_config={"ops": {"look": {"config": form}}}, raise_on_error=False
        )
    )


def shown(result: dg.ExecuteInProcessResult) -> dict[str, Any]:
    """The metadata that the run shows."""
    (event,) = [event for event in result.all_events if event.is_step_success or event.is_successful_output][:1]
    return {name: value.value for name, value in event.step_output_data.metadata.items()}


def failure(result: dg.ExecuteInProcessResult) -> str:
    (event,) = [event for event in result.all_events if event.is_step_failure]
    assert event.step_failure_data.user_failure_data
    return str(event.step_failure_data.user_failure_data.description)


def test_a_plan_shows_what_a_sync_would_do_and_records_nothing(dagster_project: DagsterProject, tmp_path: Path) -> None:
    project = dagster_project.project
    name = project.add_folder("notes", tmp_path / "notes")
    for number in range(3):
        write(tmp_path / "notes", f"{number}.md", f"Note {number}.")
    project.sync()
    write(tmp_path / "notes", "3.md", "Note 3, new.")
    (tmp_path / "notes" / "0.md").unlink()
    before = everything_recorded(project)
    result = run(dagster_project, documents=True)
    assert result.success
    told = shown(result)
    assert (told["added"], told["deleted"], told["embeddings_embedded"], told["held_back"]) == (1, 1, 1, 0)
    assert told["estimated_seconds"] > 0
    assert "1 added, 1 deleted" in told["table"]
    assert [record.data["document"] for record in told["documents"].records] == ["3.md", "0.md"]
    assert everything_recorded(project) == before
    assert dagster_project.instance.fetch_observations(source_key("local_files"), limit=1).records == []
    assert dagster_project.keys() == set()
    partial = shown(run(dagster_project, mode="add-only", sources=[name]))
    assert (partial["added"], partial["deleted"]) == (1, 0)
    project.settings["limits"] = {"brake_documents": 0, "brake_share": 0}
    project.write()
    held = shown(run(dagster_project))
    assert (held["held_back"], held["added"], held["deleted"]) == (1, 0, 0), "sums are of what goes ahead"


def test_a_slip_in_the_form_and_a_source_that_is_away_fail_the_run_with_words(
    dagster_project: DagsterProject, tmp_path: Path
) -> None:
    dagster_project.project.add_folder("notes", tmp_path / "notes")
    assert "git/typo" in failure(run(dagster_project, sources=["git/typo"]))
    assert "add-olny" in failure(run(dagster_project, mode="add-olny"))
    other = dagster_project.project.add_folder("other", tmp_path / "other")
    write(tmp_path / "other", "a.md", "A note.")
    (tmp_path / "notes").rmdir()
    away = run(dagster_project)
    assert "does not exist; mount or create it" in failure(away)
    (event,) = [event for event in away.all_events if event.is_step_failure]
    told = event.step_failure_data.user_failure_data.metadata  # type: ignore[union-attr]
    assert f"{other} | planned | 1 added" in str(told["table"].value).replace("\\", ""), "the others are shown"
