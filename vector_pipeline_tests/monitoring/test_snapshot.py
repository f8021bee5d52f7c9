"""The state of a source in a word, from what the store and the queue say of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vector_pipeline.monitoring.snapshot import (
    GONE,
    ORDER,
    SourceLine,
    behind_seconds,
    counts_by_status,
    left_seconds,
    living,
    sorted_lines,
    source_status,
)
from vector_pipeline.state.progress_table import Activity
from vector_pipeline.state.standings import Standing

NOW = datetime(2026, 11, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


def standing(status: str | None, built: str = "v1", observed: str = "v1", seen: timedelta = timedelta(0)) -> Standing:
    return Standing("git/a", built, observed, NOW - seen, status, NOW - HOUR)


@pytest.mark.parametrize(
    ("found", "asked", "locked", "expected"),
    [
        (None, "", False, "never synced"),
        (standing(None, built=""), "", False, "never synced"),
        (standing("success"), "", False, "in step"),
        (standing("success", observed="v2"), "", False, "behind"),
        (standing("success", observed="v2", seen=2 * HOUR), "", False, "in step"),
        (standing("failed"), "", False, "failing"),
        (standing("failed"), "queued", False, "queued"),
        (standing("running"), "", True, "running"),
        (standing("running"), "", False, "stopped"),
        (standing("success"), "starting", False, "starting"),
    ],
)
def test_the_state_of_a_source(found: Standing | None, asked: str, locked: bool, expected: str) -> None:
    assert source_status(found, configured=True, active=False, asked=asked, locked=locked) == expected


def test_a_run_that_says_what_it_does_is_running_whatever_else_is_known() -> None:
    assert source_status(standing("failed"), configured=False, active=True, asked="queued", locked=False) == "running"


def test_a_source_of_which_a_run_left_out_changes_is_behind_though_the_run_went_well() -> None:
    found = standing("success", observed="v2", seen=2 * HOUR)
    assert source_status(found, configured=True, active=False, asked="", locked=False, in_part=True) == "behind"


def test_a_source_that_left_the_settings_is_removed() -> None:
    assert source_status(standing("success"), configured=False, active=False, asked="", locked=False) == "removed"


def test_progress_of_a_process_that_is_gone_or_silent_for_long_is_not_shown() -> None:
    def of(source: str, pid: int, age: timedelta) -> Activity:
        return Activity(source, "run", "documents", "documents", 1, 2, NOW - HOUR, NOW - age, "here", pid, 0)

    rows = [of("a", 1, timedelta(seconds=1)), of("b", 2, timedelta(seconds=1)), of("c", 3, GONE * 2)]
    assert set(living(rows, {("here", 2)}, NOW)) == {"a"}


def test_what_is_left_is_told_only_where_it_can_be() -> None:
    assert left_seconds(50, 100, 10.0) == 5.0
    assert [left_seconds(5, None, 1.0), left_seconds(5, 10, None), left_seconds(5, 10, 0.0)] == [None] * 3


def test_a_source_is_behind_since_the_trouble_began_and_not_since_its_last_run() -> None:
    assert behind_seconds("behind", NOW - 5 * HOUR, NOW - HOUR, NOW) == 3600
    assert behind_seconds("in step", NOW - 5 * HOUR, NOW - HOUR, NOW) == 0
    assert behind_seconds("failing", None, None, NOW) == 0


@given(st.lists(st.tuples(st.text(max_size=3), st.sampled_from(ORDER))))
def test_what_needs_a_look_comes_first_and_nothing_is_lost(found: list[tuple[str, object]]) -> None:
    lines = [SourceLine(name, status) for name, status in found]  # type: ignore[arg-type]
    ordered = sorted_lines(lines)
    assert sorted(ordered, key=str) == sorted(lines, key=str)
    assert [ORDER.index(line.status) for line in ordered] == sorted(ORDER.index(line.status) for line in lines)
    assert sum(counts_by_status(lines).values()) == len(lines)
