"""Runs that the daemon starts log to the file and to standard error, and tell their summary in Dagster."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from vector_pipeline.logs.setup import reset
from vector_pipeline.sync.summary import summarize
from vector_pipeline_tests.orchestration.dagster_project import DagsterProject, write


@pytest.fixture(autouse=True)
def _logging_begun_anew() -> Iterator[None]:
    """As in a process that never was a command on a terminal."""
    reset()
    yield
    reset()


def test_a_run_without_a_terminal_logs_and_tells_its_summary(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "pipeline.log"
    with DagsterProject.open(tmp_path / "dagster") as dagster:
        dagster.project.settings["logs"] = {"file": str(log), "format": "json"}
        partition = dagster.project.add_folder("notes", tmp_path / "notes")
        write(tmp_path / "notes", "a.md", "alpha")
        assert dagster.settle() == ["notes"]
        (record,) = dagster.instance.get_run_records()
        with dagster.project.open() as pipeline:
            (row,) = pipeline.store.ingestions()
        summary = summarize(row, "USD")
        told = dagster.metadata("notes", "points")["summary"]
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    (end,) = (line for line in lines if "status" in line)
    assert (end["message"], end["source"], end["run"]) == (summary.line, partition, record.dagster_run.run_id)
    assert told.replace("\\", "") == summary.head
    assert summary.line in capsys.readouterr().err
