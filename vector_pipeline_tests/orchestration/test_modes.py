"""Modes in Dagster: the form of the launchpad and the tags of runs, and what is said of a wrong word in either."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from vector_pipeline.orchestration.launch import run_sync
from vector_pipeline.orchestration.names import REASON_TAG, sync_job_name
from vector_pipeline.sync.due import IN_PART
from vector_pipeline.sync.modes import PREFIX
from vector_pipeline.sync.stages import Mode, Options
from vector_pipeline_tests.orchestration.dagster_project import DagsterProject, definitions, executed, write

STEP = "local_files__documents"


@pytest.fixture
def notes(tmp_path: Path, dagster_project: DagsterProject) -> Path:
    """The folder of the source `notes`, in step, after which one note was changed and one added."""
    folder = tmp_path / "notes"
    for name in ("a", "b"):
        write(folder, f"{name}.md", f"Note {name}.")
    dagster_project.project.add_folder("notes", folder, observe_every="1s")
    assert dagster_project.settle() == ["notes"]
    write(folder, "a.md", "Changed.")
    write(folder, "new.md", "New.")
    return folder


def run(project: DagsterProject, config: dict[str, Any] | None = None, **tags: str) -> dg.ExecuteInProcessResult:
    return (
        definitions()
        .resolve_job_def(sync_job_name("local_files"))
        .execute_in_process(
            instance=project.instance,
            partition_key="notes",
            run_config={"ops": {STEP: {"config": config}}} if config else None,
            tags={PREFIX + name: value for name, value in tags.items()},
            raise_on_error=False,
        )
    )


def failure(result: dg.ExecuteInProcessResult) -> str:
    assert not result.success
    assert executed(result) == [], "nothing was done"
    (event,) = [event for event in result.all_events if event.is_step_failure]
    return str(event.step_failure_data.user_failure_data.description)  # type: ignore[union-attr]


def changed(project: DagsterProject) -> dict[str, int]:
    found = project.metadata("notes", "documents")
    return {name: found[name] for name in ("added", "changed")}


def test_the_launchpad_has_a_form_whose_fields_are_described(dagster_project: DagsterProject) -> None:
    job = definitions().resolve_job_def(sync_job_name("local_files"))
    fields = job.get_node_named(STEP).definition.config_schema.config_type.fields  # type: ignore[union-attr]
    assert set(fields) == {"mode", "since", "limit", "only", "force", "full", "allow_deletions"}
    assert all(one.description and one.default_provided for one in fields.values())


def test_form_and_tags_of_a_run_select_the_same(dagster_project: DagsterProject, notes: Path) -> None:
    assert run(dagster_project, {"mode": "add-only"}).success
    assert changed(dagster_project) == {"added": 1, "changed": 0}
    with dagster_project.project.open() as pipeline:
        assert len(pipeline.store.ingestions()) == 2, "all stages of a run are one row"
    (request,) = dagster_project.tick().requests
    assert request.tags[REASON_TAG] == IN_PART
    assert run(dagster_project, mode="update-only", only="*.md").success
    assert changed(dagster_project) == {"added": 0, "changed": 1}
    assert dagster_project.wants() == [], "nothing is left"
    options = Options(mode=Mode.SKIP_EXISTING, only=("*.md", "[x]"), force=True)
    outcome = run_sync(dagster_project.instance, dagster_project.project.data, "local_files/notes", options)
    assert outcome.success, outcome.error
    with dagster_project.project.open() as pipeline:
        (row,) = pipeline.store.ingestions(pipeline.store.partition("local_files/notes").partition_id, 1)
    assert row.mode == "force, skip-existing, only *.md and 1 more", "the terminal hands its options over"


def test_a_run_for_no_source_says_what_to_choose(dagster_project: DagsterProject) -> None:
    job = definitions().resolve_job_def(sync_job_name("local_files"))
    assert "choose one as the partition" in failure(
        job.execute_in_process(instance=dagster_project.instance, raise_on_error=False)
    )


def test_a_wrong_word_fails_the_run_at_once_and_says_what_is_allowed(dagster_project: DagsterProject) -> None:
    dagster_project.instance.add_dynamic_partitions("local_files_sources", ["notes"])
    assert "config mode: 'adds' is no mode; there are: auto, add-only" in failure(
        run(dagster_project, {"mode": "adds"})
    )
    assert f"tag {PREFIX}limit: 'many' is no number" in failure(run(dagster_project, limit="many"))
    assert f"did you mean {PREFIX}since?" in failure(run(dagster_project, sinse="24h"))
    assert "say different things" in failure(run(dagster_project, {"limit": 2}, limit="3"))
