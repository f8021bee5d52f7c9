"""Repair, rebuild and reset as Dagster jobs: their forms, what they show, and that a slip changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from vector_pipeline.orchestration.names import COLLECTION
from vector_pipeline.orchestration.repair_job import RebuildForm, RepairForm, ResetForm
from vector_pipeline_tests.consistency.damage import points_of
from vector_pipeline_tests.orchestration.dagster_project import DagsterProject, definitions, write


@pytest.fixture
def healthy(tmp_path: Path) -> Iterator[DagsterProject]:
    """A folder of one document, synced, of which the only point is lost."""
    with DagsterProject.open(tmp_path) as opened:
        write(tmp_path / "notes", "a.md", "A note about harvests.")
        opened.project.add_folder("notes", tmp_path / "notes")
        opened.project.sync()
        yield opened


def lose_a_point(opened: DagsterProject) -> None:
    with opened.project.open() as pipeline:
        pipeline.index.delete(pipeline.collection, [points_of(pipeline, "local_files/notes")[0].point_id])


def run(opened: DagsterProject, job: str, op: str, **form: Any) -> dg.ExecuteInProcessResult:
    return (
        definitions()
        .resolve_job_def(job)
        .execute_in_process(instance=opened.instance, run_config={"ops": {op: {"config": form}}}, raise_on_error=False)
    )


def shown(opened: DagsterProject) -> dict[str, Any]:
    """The metadata of the latest observation of the collection."""
    records = opened.instance.fetch_observations(COLLECTION, limit=1).records
    observation = records[0].asset_observation
    assert observation is not None
    return {name: value.value for name, value in observation.metadata.items()}


def test_a_repair_only_shows_its_plan_unless_the_form_says_otherwise(healthy: DagsterProject) -> None:
    lose_a_point(healthy)
    checks = ["points_match_state"]
    assert run(healthy, "repair", "mend", checks=checks).success
    told = shown(healthy)
    assert (told["dry_run"], told["offenders_before"], "offenders_after" in told) == (True, 1, False)
    assert healthy.project.snapshot() == frozenset()
    assert run(healthy, "repair", "mend", checks=checks, dry_run=False).success
    told = shown(healthy)
    assert (told["passed"], told["offenders_after"], told["points_written"]) == (True, 0, 1)
    assert len(healthy.project.snapshot()) == 1


def test_a_name_that_does_not_exist_fails_the_run(healthy: DagsterProject) -> None:
    assert not run(healthy, "repair", "mend", sources=["git/typo"]).success
    assert not run(healthy, "repair", "mend", checks=["typo"]).success
    assert not run(healthy, "rebuild", "write_again", sources=["git/typo"]).success


def test_a_rebuild_shows_what_it_wrote(healthy: DagsterProject) -> None:
    lose_a_point(healthy)
    assert run(healthy, "rebuild", "write_again").success
    assert shown(healthy)["points_written"] == 1
    assert len(healthy.project.snapshot()) == 1


def test_a_reset_wants_the_name_twice(healthy: DagsterProject) -> None:
    name = "local_files/notes"
    assert not run(healthy, "reset", "forget", source=name, confirm="yes", drop=True).success
    assert len(healthy.project.snapshot()) == 1
    assert run(healthy, "reset", "forget", source=name, confirm=name, drop=True).success
    assert shown(healthy)["dropped"] is True
    assert healthy.project.snapshot() == frozenset()


def test_every_field_of_a_form_is_explained() -> None:
    for form in (RepairForm, RebuildForm, ResetForm):
        assert [name for name, field in form.model_fields.items() if not field.description] == []


def test_after_a_repair_all_checks_run_again_once(healthy: DagsterProject) -> None:
    healthy.settle()
    assert healthy.evaluate("check_after_syncs").requests == []
    assert run(healthy, "repair", "mend", checks=["points_match_state"], dry_run=False).success
    assert [one.job_name for one in healthy.evaluate("check_after_syncs").requests] == ["check_everything"]
    assert healthy.evaluate("check_after_syncs").requests == []
