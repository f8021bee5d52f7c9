"""What Dagster has under way is seen as plain values, and nothing is made by looking."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.scheduler.instigation import TickStatus
from dagster._daemon.types import DaemonHeartbeat

from vector_pipeline.monitoring.automation import judge_daemon, judge_tickers
from vector_pipeline.orchestration.home import find_home
from vector_pipeline.orchestration.names import COLLECTION
from vector_pipeline.orchestration.watching import Watcher, watched
from vector_pipeline_tests.orchestration.dagster_project import DagsterProject
from vector_pipeline_tests.orchestration.test_alert_ticks import tick


def test_where_dagster_was_never_used_nothing_is_found_and_nothing_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    assert find_home(tmp_path) is None
    with watched(tmp_path) as watcher:
        assert not watcher.look(checks=True).is_used
    assert list(tmp_path.iterdir()) == []


def test_runs_pools_and_daemons_are_seen(dagster_project: DagsterProject) -> None:
    instance = dagster_project.instance
    instance.event_log_storage.set_concurrency_slots("index", 1)
    run_id = dagster_project.start_unfinished_run(
        "sync_git", {"dagster/partition": "handbook", "dagster/priority": "7"}
    )
    now = time.time()
    instance.add_daemon_heartbeat(DaemonHeartbeat(now, "SENSOR", "here", []))
    found = Watcher(instance).look()
    (run,) = found.runs
    assert (run.run_id, run.source, run.status, run.priority) == (run_id, "git/handbook", "running", 7)
    assert found.queued == 0
    assert [(pool.name, pool.limit, pool.used) for pool in found.pools] == [("index", 1, 0)]
    assert found.is_alive(datetime.now(UTC))
    finding = judge_daemon(found, datetime.now(UTC))
    assert finding.state == "degraded", "one daemon of several was heard of"
    instance.report_run_canceled(instance.get_run_by_id(run_id))
    assert Watcher(instance).look().runs == ()


def test_failing_ticks_of_a_sensor_that_is_on_are_seen(dagster_project: DagsterProject) -> None:
    tick(dagster_project, "observe_git", TickStatus.FAILURE, 3, error="SensorExecutionError")
    found = Watcher(dagster_project.instance).look()
    assert judge_tickers(found, "sensor", datetime.now(UTC)).state == "failed"


def test_the_last_answers_of_checks_are_seen(dagster_project: DagsterProject) -> None:
    instance = dagster_project.instance
    instance.report_runless_asset_event(
        dg.AssetCheckEvaluation(
            asset_key=COLLECTION, check_name="points_match_state", passed=False, metadata={}, blocking=False
        )
    )
    (check,) = Watcher(instance).look(checks=True).checks
    assert (check.name, check.passed) == ("points_match_state", False)
