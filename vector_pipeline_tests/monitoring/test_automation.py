"""What Dagster's daemons, sensors and schedules say about health."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from vector_pipeline.monitoring.automation import (
    SILENT_AFTER,
    Automation,
    Daemon,
    Ticker,
    judge_daemon,
    judge_tickers,
)

NOW = datetime(2026, 11, 1, tzinfo=UTC)


def heard(seconds: float, errors: int = 0) -> Automation:
    return Automation(True, (Daemon("sensor", NOW - timedelta(seconds=seconds), errors),))


@pytest.mark.parametrize(
    ("automation", "state"),
    [
        (Automation(), "degraded"),
        (Automation(True, (Daemon("sensor", None),)), "degraded"),
        (heard(10), "ok"),
        (heard(10, errors=1), "degraded"),
        (heard(SILENT_AFTER.total_seconds() + 1), "failed"),
        (Automation(True, (*heard(10).daemons, Daemon("scheduler", None))), "degraded"),
    ],
)
def test_a_daemon_that_was_never_started_is_no_failure_and_one_that_died_is(automation: Automation, state: str) -> None:
    assert judge_daemon(automation, NOW).state == state


@pytest.mark.parametrize(
    ("tickers", "state"),
    [
        ((), "degraded"),
        ((Ticker("observe_git", "sensor", True, NOW, "skipped"),), "ok"),
        ((Ticker("observe_git", "sensor", False),), "degraded"),
        ((Ticker("observe_git", "sensor", True, NOW, "failure", 3),), "failed"),
        ((Ticker("observe_git", "sensor", True, NOW, "failure", 1),), "degraded"),
        ((Ticker("observe_git", "sensor", False, NOW, "failure", 3),), "degraded"),
    ],
)
def test_a_sensor_that_fails_is_told_and_one_that_is_off_is_noticed(tickers: tuple[Ticker, ...], state: str) -> None:
    assert judge_tickers(Automation(True, tickers=tickers), "sensor", NOW).state == state


def test_a_schedule_may_be_off() -> None:
    off = Automation(True, tickers=(Ticker("backup", "schedule", False),))
    assert judge_tickers(off, "schedule", NOW).state == "ok"


def test_a_schedule_that_failed_once_has_failed() -> None:
    failing = Automation(True, tickers=(Ticker("backup", "schedule", True, NOW, "failure", 1),))
    assert judge_tickers(failing, "schedule", NOW).state == "failed"
