"""Under the real daemon: a pause that outlasts a restart, a resumed queue, and a kill of everything in the middle."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from vector_pipeline_tests.cli.command import Command
from vector_pipeline_tests.orchestration.test_daemon import (
    START_WITHIN_S,
    ask,
    dagster_dev,
    finds,
    instance_of,
    wait_for,
)
from vector_pipeline_tests.project import Project
from vector_pipeline_tests.simulators.openai_server import OpenAIServer
from vector_pipeline_tests.sync.exactness import served_by

HELD = "Maximum is 0, won't launch more"
"""What Dagster's daemon logs each time it looks at a queue that it must not start anything from."""


def runs(project: Project, *statuses: dg.DagsterRunStatus) -> list[dg.DagsterRun]:
    with instance_of(project) as instance:
        return list(instance.get_runs(dg.RunsFilter(job_name="sync_local_files", statuses=list(statuses))))


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    """An embedding endpoint."""
    with OpenAIServer() as running:
        yield running


@pytest.mark.timeout(1200)
def test_a_pause_outlasts_a_restart_and_work_goes_on_after_a_kill(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: OpenAIServer
) -> None:
    project = Project(tmp_path / "project", served_by(server))
    monkeypatch.setenv("VECTOR_PIPELINE_CONFIG", str(project.file))
    command = Command(project)
    for name in ("one", "two"):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "note.md").write_text(f"# Note\n\nThe walrus of {name} sings.\n")
        project.add_folder(name, folder)
    assert command.inside("queue", "pause", "--reason", "trial").code == 0
    log = project.folder / "dev.log"

    with dagster_dev(project) as address:
        wait_for("two queued runs", lambda: len(runs(project, dg.DagsterRunStatus.QUEUED)) == 2, START_WITHIN_S)
        seen = log.read_text().count(HELD)
        wait_for("two further looks at the queue", lambda: log.read_text().count(HELD) >= seen + 2)
        assert len(runs(project, dg.DagsterRunStatus.QUEUED)) == len(runs(project)) == 2, "neither begun nor doubled"
        shown = ask(address, "{ instance { runQueueConfig { maxConcurrentRuns tagConcurrencyLimitsYaml } } }")
        assert shown["instance"]["runQueueConfig"]["maxConcurrentRuns"] == 0
        assert "trial" in shown["instance"]["runQueueConfig"]["tagConcurrencyLimitsYaml"]

        server.faults.delay = 1200.0  # whatever is begun is still under way when it is killed
        assert command.inside("queue", "resume").code == 0
        begun = dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED
        killed = wait_for("a run that is started", lambda: runs(project, *begun))[0]

    server.faults.delay = 0.0
    with dagster_dev(project):
        wait_for(
            "the end of the killed run",
            lambda: killed.run_id in {one.run_id for one in runs(project, *_ENDED)},
            START_WITHIN_S,
        )
        for name in ("one", "two"):
            wait_for(f"the walrus of {name}", lambda name=name: finds(project, f"walrus of {name}"))  # type: ignore[misc]
        watched = command.inside("watch")
        assert watched.code == 0, watched


_ENDED = (dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.SUCCESS)
