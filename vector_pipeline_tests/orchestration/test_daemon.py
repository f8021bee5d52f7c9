"""Under the real daemon, started as a user starts it: freshness, sources that come and go, kills, backfills."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.execution.backfill import BulkActionStatus

from vector_pipeline.orchestration.names import chain_keys, stage_key
from vector_pipeline_tests.listening import closed_port
from vector_pipeline_tests.project import Project
from vector_pipeline_tests.simulators.openai_server import OpenAIServer

FRESH_WITHIN_S = 180
"""Some twenty seconds where the machine has nothing else to do."""
_UNFINISHED = (None, BulkActionStatus.REQUESTED)
START_WITHIN_S = 300
"""Starting Dagster takes long on a busy machine."""


def wait_for(what: str, condition: Callable[[], Any], within_s: float = FRESH_WITHIN_S) -> Any:
    """Asks until the answer is true, and returns it; fails after the time."""
    deadline = time.monotonic() + within_s
    while not (answer := condition()):
        assert time.monotonic() < deadline, f"not within {within_s:g} s: {what}"
        time.sleep(0.5)
    return answer


@contextmanager
def dagster_dev(project: Project) -> Iterator[str]:
    """`vector-pipeline dev` with all its processes; gives the address, and kills all of them at the end."""
    environment = {**os.environ, "DAGSTER_GRPC_TIMEOUT_SECONDS": "120"}
    with closed_port() as port, (project.folder / "dev.log").open("ab") as log:
        command = [sys.executable, "-m", "vector_pipeline", "--config", str(project.file), "dev", "--port", str(port)]
        process = subprocess.Popen(
            command, cwd=project.folder, env=environment, stdout=log, stderr=log, start_new_session=True
        )
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(30)


def finds(project: Project, words: str) -> bool:
    """Whether a search finds a passage with these very words."""
    if not (project.data / "state.sqlite3").exists():
        return False
    with project.open() as pipeline:
        if pipeline.index.alias(pipeline.settings.index.alias) is None:
            return False
    return any(words in str(payload) for payload in project.search(words, limit=3))


def instance_of(project: Project) -> dg.DagsterInstance:
    return dg.DagsterInstance.from_config(str(project.data / "dagster"))


def ask(address: str, query: str, **variables: Any) -> Any:
    """The data of a GraphQL answer."""
    body = json.dumps({"query": query, "variables": variables}).encode()
    request = urllib.request.Request(f"{address}/graphql", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        found = json.load(answer)
    assert "errors" not in found, found
    return found["data"]


def keys(address: str, project: Project) -> list[str]:
    """The partition keys, once the server answers: before, nobody else may open the instance it is making."""
    try:
        ask(address, "{ version }")
    except (urllib.error.URLError, ConnectionError):
        return []
    with instance_of(project) as instance:
        return sorted(instance.get_dynamic_partitions("local_files_sources"))


def backfill(address: str, project: Project, partitions: list[str]) -> list[dg.DagsterRun]:
    """Backfills the whole chain over the partitions as the UI does, and waits for its end; its runs."""
    params = {
        "assetSelection": [{"path": list(key.path)} for key in chain_keys("local_files")],
        "partitionNames": partitions,
    }
    mutation = """mutation($params: LaunchBackfillParams!) { launchPartitionBackfill(backfillParams: $params) {
        __typename ... on LaunchBackfillSuccess { backfillId } ... on PythonError { message } } }"""
    launched = ask(address, mutation, params=params)["launchPartitionBackfill"]
    assert launched["__typename"] == "LaunchBackfillSuccess", launched
    with instance_of(project) as instance:

        def status() -> BulkActionStatus | None:
            found = instance.get_backfill(launched["backfillId"])
            return found.status if found else None

        wait_for("the end of the backfill", lambda: status() not in _UNFINISHED, 300)
        assert status() == BulkActionStatus.COMPLETED_SUCCESS
        return list(instance.get_runs(dg.RunsFilter(tags={"dagster/backfill": launched["backfillId"]})))


def rows(project: Project, partitions: list[str]) -> dict[str, Any]:
    """The row count on the latest materialization of the points of each partition."""
    with instance_of(project) as instance:
        found = {}
        for name in partitions:
            filters = dg.AssetRecordsFilter(asset_key=stage_key("local_files", "points"), asset_partitions=[name])
            records = instance.fetch_materializations(filters, limit=1).records
            assert records, f"{name} was not materialized"
            materialization = records[0].asset_materialization
            assert materialization is not None
            found[name] = materialization.metadata["dagster/row_count"].value
        return found


@pytest.mark.timeout(1200)
def test_a_running_daemon_follows_every_change_and_goes_on_after_a_kill(tmp_path: Path) -> None:
    notes, more = tmp_path / "notes", tmp_path / "more"
    notes.mkdir()
    more.mkdir()
    (notes / "one.md").write_text("# One\n\nA walrus sings at dawn.\n")
    (notes / "kept.md").write_text("# Kept\n\nOne that stays all the time.\n")
    (more / "two.md").write_text("# Two\n\nThe lighthouse keeper knits.\n")
    with OpenAIServer(dimension=16) as server:
        embedding = {
            "provider": "openai",
            "model": server.model,
            "dimensions": 16,
            "base_url": server.url,
            "concurrency": 1,
        }
        project = Project(tmp_path / "project", {"embedding": embedding})
        project.add_folder("notes", notes)
        with dagster_dev(project) as address:
            wait_for("the first sync", lambda: finds(project, "walrus sings"), START_WITHIN_S)

            (notes / "one.md").write_text("# One\n\nA walrus hums at dusk.\n")
            wait_for("the edited text", lambda: finds(project, "walrus hums"))
            assert not finds(project, "walrus sings")

            project.add_folder("more", more)
            (notes / "one.md").unlink()
            wait_for("the new source", lambda: finds(project, "lighthouse keeper"))
            wait_for("the deletion", lambda: not finds(project, "walrus hums"))

            assert len(backfill(address, project, ["more", "notes"])) == 2, "a run for each source"
            assert rows(project, ["more", "notes"]) == {"more": 1, "notes": 1}

            project.remove("local_files/more")
            wait_for("the end of the removed source", lambda: not finds(project, "lighthouse keeper"))

            server.faults.delay = 120.0
            asked = len(server.requests)
            (notes / "three.md").write_text("# Three\n\nA comet passes twice.\n")
            wait_for("a run that embeds", lambda: len(server.requests) > asked)
        with instance_of(project) as instance:
            # The run of the removed source may not have come to its end either.
            killed = instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED]))
        assert "notes" in {run.tags.get("dagster/partition") for run in killed}
        server.faults.delay = 0.0
        (notes / "four.md").write_text("# Four\n\nWritten while nobody watched.\n")
        project.settings["limits"] = {"sources_per_run": 2}
        project.add_folder("extra", tmp_path / "extra")
        (tmp_path / "extra" / "five.md").write_text("# Five\n\nA source of its own.\n")
        with dagster_dev(project) as address:
            wait_for("what came while it was down", lambda: finds(project, "nobody watched"), START_WITHIN_S)
            assert finds(project, "comet passes")
            with instance_of(project) as instance:
                ended = instance.get_runs(dg.RunsFilter(run_ids=[run.run_id for run in killed]))
                assert {run.status for run in ended} == {dg.DagsterRunStatus.FAILURE}
            # The run that removes what is left of a source may have been killed, too.
            wait_for("the end of the removed source", lambda: keys(address, project) == ["extra", "notes"])
            assert len(backfill(address, project, ["extra", "notes"])) == 1, "a range for both sources"
            assert rows(project, ["extra", "notes"]) == {"extra": 1, "notes": 3}
