"""Runs that a terminal was killed over before they had begun do not wait for ever."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest

from vector_pipeline.orchestration import abandoned
from vector_pipeline.orchestration.launch import job_named
from vector_pipeline.orchestration.names import INTERACTIVE_TAG, LAUNCH_TAG
from vector_pipeline_tests.orchestration.dagster_project import DagsterProject


def test_a_run_whose_terminal_was_killed_before_it_began_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(abandoned, "GRACE_SECONDS", 0.1)
    with DagsterProject.open(tmp_path) as running:
        instance, data = running.instance, running.project.data
        with abandoned.launching(data, "one"):
            tags = {INTERACTIVE_TAG: "true", LAUNCH_TAG: "one"}
            run_id = instance.create_run_for_job(job_named("sync_local_files"), tags=tags).run_id
            assert abandoned.end_abandoned_runs(data, lambda: instance) == [], "the terminal is there"
            (lock,) = (data / "runs").iterdir()
        lock.touch()  # what a killed terminal leaves
        assert abandoned.end_abandoned_runs(data, lambda: instance) == [run_id]
        run = instance.get_run_by_id(run_id)
        assert run is not None
        assert run.status == dg.DagsterRunStatus.FAILURE
        assert list((data / "runs").iterdir()) == []
