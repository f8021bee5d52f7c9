"""The budget of a site: one for all threads and processes of the machine, whatever happens to its file."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from filelock import FileLock
from hypothesis import given
from hypothesis import strategies as st
from platformdirs import user_cache_path

from vector_pipeline.sources.atlassian.errors import SiteThrottled
from vector_pipeline.sources.request_budget import Budget, BudgetState, Turn
from vector_pipeline_tests.simulators import atlassian_conditions as conditions
from vector_pipeline_tests.simulators.atlassian_conditions import API_TOKEN, EMAIL
from vector_pipeline_tests.simulators.jira_server import JiraServer
from vector_pipeline_tests.sources.atlassian.sites import ME, site_of

NO_LIMIT = float("inf")


class Hand:
    """A clock that only the test moves."""

    def __init__(self, now: float = 1_800_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


@given(st.integers(1, 600), st.lists(st.floats(0, 20), max_size=80))
def test_no_minute_holds_more_requests_than_the_budget(per_minute: int, pauses: list[float]) -> None:
    state, now, leave = BudgetState(), 1_800_000_000.0, []
    for pause in pauses:
        now += pause
        state, turn = state.as_of(now).take_turn(now, 60.0 / per_minute, NO_LIMIT)
        leave.append(now + turn.seconds)
    for first in leave:
        # a clock of so many digits counts microseconds
        assert sum(first <= moment < first + 60 - 1e-4 for moment in leave) <= per_minute


def test_what_would_wait_too_long_takes_no_turn(tmp_path: Path) -> None:
    budget = Budget(tmp_path, "x", Hand())
    assert budget.turn(10.0, NO_LIMIT).seconds == 0
    late = budget.turn(10.0, 5.0)
    assert (late.granted, late.seconds) == (False, 10.0)
    assert budget.turn(10.0, NO_LIMIT).seconds == 10.0


def test_a_refusal_blocks_every_process_until_it_has_passed(tmp_path: Path) -> None:
    """Fact 30: who asks again before Retry-After has passed only makes it longer."""
    clock = Hand()
    mine, others = Budget(tmp_path, "site", clock), Budget(tmp_path, "site", clock)
    elsewhere = Budget(tmp_path, "other site", clock)
    mine.block(30)
    for spacing in (0.0, 1.0):
        turn = others.turn(spacing, NO_LIMIT)
        assert turn.blocked
        assert turn.seconds == 30
        assert not elsewhere.turn(spacing, NO_LIMIT).blocked
    others.block(5)  # a shorter one does not shorten it
    clock.now += 29
    assert mine.turn(0.0, NO_LIMIT).blocked
    clock.now += 1.1
    assert not mine.turn(0.0, NO_LIMIT).blocked


def test_a_wish_beyond_reason_holds_for_an_hour_only(tmp_path: Path) -> None:
    clock = Hand()
    budget = Budget(tmp_path, "site", clock)
    budget.block(1e11)
    assert budget.turn(0.0, NO_LIMIT).seconds == 3600
    clock.now += 3601
    assert not budget.turn(0.0, NO_LIMIT).blocked


def test_the_pace_the_site_asks_for_is_shared_and_forgotten(tmp_path: Path) -> None:
    """Fact 20: all processes together take no more tokens than flow in."""
    clock = Hand()
    mine, others = Budget(tmp_path, "site", clock), Budget(tmp_path, "site", clock)
    mine.slow_down(2.0)
    assert [round(others.turn(0.0, NO_LIMIT).seconds, 3), round(mine.turn(0.0, NO_LIMIT).seconds, 3)] == [2, 4]
    clock.now += 30
    assert [others.turn(0.0, NO_LIMIT).seconds for _ in range(3)] == [0, 0, 0]


def test_a_clock_that_is_set_back_makes_nobody_wait_longer(tmp_path: Path) -> None:
    clock = Hand()
    budget = Budget(tmp_path, "site", clock)
    budget.block(30)
    clock.now -= 86_000
    assert budget.turn(1.0, NO_LIMIT).seconds == pytest.approx(30)
    clock.now += 31
    assert budget.turn(1.0, NO_LIMIT).seconds == 0
    clock.now -= 5000
    assert budget.turn(1.0, NO_LIMIT).seconds <= 1


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"\xff\xff",
        b"[" * 100_000,
        b'{"free_at": 1}',
        json.dumps(
            dict.fromkeys(("free_at", "blocked_until", "spacing", "spacing_until", "written_at"), 9e11)
        ).encode(),
        json.dumps(dict.fromkeys(("free_at", "blocked_until", "spacing", "spacing_until", "written_at"), "x")).encode(),
        json.dumps(dict.fromkeys(("free_at", "blocked_until", "spacing", "spacing_until", "written_at"), -1)).encode(),
    ],
)
def test_a_garbled_file_stops_nobody(tmp_path: Path, content: bytes) -> None:
    budget = Budget(tmp_path, "site", Hand())
    budget.block(30)
    (file,) = tmp_path.glob("*.json")
    file.unlink()
    file.write_bytes(content)
    assert budget.turn(0.0, NO_LIMIT).seconds == 0
    assert [budget.turn(60.0, NO_LIMIT).seconds for _ in range(2)] == [0, 60]


def test_a_folder_that_can_not_be_written_leaves_each_process_its_own_budget(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "budgets").write_text("a file where the folder should be")
    budget = Budget(tmp_path / "budgets", "site", Hand())
    assert [budget.turn(10.0, NO_LIMIT).seconds for _ in range(3)] == [0, 10, 20]
    budget.block(100)
    assert budget.turn(0.0, NO_LIMIT).blocked
    assert len([record for record in caplog.records if "not shared" in record.message]) == 1


def test_a_process_that_stands_still_with_the_lock_holds_nobody_for_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vector_pipeline.sources.request_budget._LOCK_SECONDS", 0.1)
    budget = Budget(tmp_path, "site")
    budget.turn(1.0, NO_LIMIT)
    (lock,) = tmp_path.glob("*.lock")
    with FileLock(lock):
        started = time.monotonic()
        assert [budget.turn(1.0, NO_LIMIT).blocked for _ in range(600)] == [False] * 600
        assert time.monotonic() - started < 20, "only the first one waits for the lock"


def test_a_process_killed_with_the_lock_leaves_it_free(tmp_path: Path) -> None:
    budget = Budget(tmp_path, "site")
    budget.turn(0.001, NO_LIMIT)
    (lock,) = tmp_path.glob("*.lock")
    script = (
        f"import filelock, time; filelock.FileLock({str(lock)!r}).acquire(); print('held', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        other = Budget(tmp_path, "site")
        other.block(900)
        assert budget.turn(0.0, NO_LIMIT).blocked


def test_a_turn_neither_reads_nor_locks_the_file_where_nothing_limits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    budget = Budget(tmp_path, "site", Hand())
    budget.block(0.0)
    assert budget.turn(0.0, NO_LIMIT) == Turn(0.0)  # reads what was written
    for costly in ("_read", "_change"):
        monkeypatch.delattr(Budget, costly)
    assert budget.turn(0.0, NO_LIMIT) == Turn(0.0)


def test_threads_of_a_run_keep_the_budget_together(cloud: JiraServer) -> None:
    with site_of(cloud, requests_per_minute=1200, concurrency=4) as site:
        started = time.monotonic()
        list(site.each(lambda _: site.get(ME), range(21)))
        assert time.monotonic() - started >= 20 * 60 / 1200 - 0.01


def test_a_wait_for_the_own_budget_is_no_delay_of_the_site(cloud: JiraServer) -> None:
    with site_of(cloud, requests_per_minute=600, max_wait="0.1s") as site:
        assert len(list(site.each(lambda _: site.get(ME), range(8)))) == 8


def test_a_probe_in_a_hurry_gives_up_where_the_budget_is_used_up(cloud: JiraServer, waited: list[float]) -> None:
    with site_of(cloud, requests_per_minute=1) as site:
        site.get(ME)
        site.hurry(1)
        with pytest.raises(SiteThrottled, match="requests per minute of"):
            site.get(ME)
    assert waited == []


def test_what_one_run_was_told_the_next_one_keeps(cloud: JiraServer) -> None:
    """Fact 30: a second run on the machine does not ask before the time that the first was told."""
    cloud.faults.once(conditions.rate_limited(600))
    with site_of(cloud) as first, pytest.raises(SiteThrottled):
        first.get(ME)
    with site_of(cloud) as second:
        with pytest.raises(SiteThrottled, match="limits requests and wants to be left alone"):
            second.get(ME)
        assert second.sent == 0


_SCRIPT = """
import sys
from vector_pipeline.settings_atlassian import JiraSettings
from vector_pipeline.sources import request_budget
from vector_pipeline.sources.atlassian.site import Site
request_budget._LOCK_SECONDS = 60  # who holds the lock may stand still
url, email, token, count = sys.argv[1:]
settings = JiraSettings(
    url=url, deployment="cloud", email=email, token=token, projects=("A",), requests_per_minute=1200, max_wait="60s"
)
site = Site(settings, product="jira", label="jira/work.A")
site.get("/rest/api/2/myself")
print("ready", flush=True)
sys.stdin.readline()
for _ in site.each(lambda _: site.get("/rest/api/2/myself"), range(int(count))):
    pass
"""


def test_processes_keep_one_budget_together(cloud: JiraServer) -> None:
    """The server's own log shows the rate, with a crash in the middle of it."""
    command = [sys.executable, "-c", _SCRIPT, cloud.url, EMAIL, API_TOKEN]
    arrivals: list[float] = []
    processes = [
        subprocess.Popen([*command, str(count)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for count in (20, 20, 1000)
    ]
    try:
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        lock, started = threading.Lock(), time.monotonic()

        def note(*_: object) -> None:
            with lock:
                arrivals.append(time.monotonic())

        cloud.observers.append(note)
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("\n")
            process.stdin.flush()
        while len(arrivals) < 15:
            threading.Event().wait(0.01)
        os.kill(processes[2].pid, signal.SIGKILL)
        assert [process.wait(120) for process in processes[:2]] == [0, 0]
    finally:
        for process in processes:
            process.kill()
            process.communicate()
    assert len(arrivals) >= 40
    # turns are a twentieth of a second apart; a busy machine lets some arrive late, but none early
    for number, arrival in enumerate(arrivals):
        assert arrival - started >= number * 0.05 - 0.05
    assert list((user_cache_path("vector-pipeline") / "budgets").glob("*.json"))
