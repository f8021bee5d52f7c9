"""Rates, counters and answers that are kept: the arithmetic of what is shown."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from vector_pipeline.monitoring.paced import Paced
from vector_pipeline.monitoring.performance import measure, sparkline
from vector_pipeline.monitoring.speed import Speedometer
from vector_pipeline.monitoring.tally import Tally
from vector_pipeline.state.records import Ingestion
from vector_pipeline.sync.stages import STAGES

BEGIN = datetime(2026, 11, 1, tzinfo=UTC)


def row(
    number: int, counts: dict[str, float], status: str = "success", partition: str = "git/a", days: int = 0
) -> Ingestion:
    began = BEGIN + timedelta(days=days)
    ended = None if status == "running" else began + timedelta(minutes=number)
    return Ingestion(number, partition, f"run-{number}", "auto", status, began, ended, counts, 4.0, "")


def test_a_rate_is_that_of_the_last_seconds() -> None:
    speed = Speedometer(window=10)
    assert speed.note("a", 0, 0.0) is None
    assert speed.note("a", 100, 10.0) == 10.0
    assert speed.note("a", 1100, 20.0) == 100.0
    assert speed.note("a", 0, 21.0) is None, "it began anew"


@given(st.lists(st.integers(0, 1000), min_size=2, max_size=50))
def test_a_rate_is_never_negative_and_the_memory_is_bounded(steps: list[int]) -> None:
    speed = Speedometer(window=10)
    for second, done in enumerate(steps):
        rate = speed.note("a", done, float(second))
        assert rate is None or rate >= 0
    assert len(speed._seen["a"]) <= 12


def test_a_dear_answer_is_kept_for_long_and_a_cheap_one_not() -> None:
    clock = [0.0]
    asked: list[float] = []

    def ask() -> int:
        asked.append(clock[0])
        clock[0] += 2.0  # what it costs
        return len(asked)

    paced = Paced(ask, least=1.0, share=0.1, most=15.0, clock=lambda: clock[0])
    assert paced() == 1
    clock[0] = 16.9
    assert paced() == 1, "15 s have not passed: the cost allows 20, the bound 15"
    clock[0] = 17.1
    assert paced() == 2


def test_counters_count_from_the_beginning_and_a_row_that_grows_once() -> None:
    before = [row(1, {"embeddings: tokens": 100})]
    tally = Tally(before)
    tally.take([*before, row(2, {"embeddings: tokens": 10}, "running")])
    tally.take([*before, row(2, {"embeddings: tokens": 30})])
    tally.take([row(2, {"embeddings: tokens": 30})])
    assert tally.of("embeddings: tokens") == {"git/a": 30}
    assert dict(tally.runs) == {("git/a", "success"): 1}


@given(st.lists(st.lists(st.tuples(st.integers(1, 5), st.integers(0, 100)), max_size=5), max_size=8))
def test_counters_only_grow_whatever_rows_come_and_go(looks: list[list[tuple[int, int]]]) -> None:
    tally, last = Tally([]), 0.0
    for look in looks:
        tally.take([row(number, {"n": value}) for number, value in dict(look).items()])
        now = sum(tally.of("n").values())
        assert now >= last
        last = now


def test_rates_leave_out_runs_that_did_nothing_and_shares_add_up() -> None:
    rows = [
        row(1, {"documents: added": 100, "documents: seconds": 2.0, "chunks: seconds": 2.0}),
        row(2, {"documents: seconds": 50.0}, days=1),
        row(3, {"documents: changed": 10, "documents: seconds": 1.0}, partition="git/b", days=1),
    ]
    found = measure(rows)
    assert math.isclose(found.rates["documents"].per_second, 110 / 3)
    assert math.isclose(sum(found.share(stage) for stage in STAGES), 1.0)
    assert [day.runs for day in found.days] == [1, 2]
    assert [(one.source, one.runs) for one in found.sources] == [("git/a", 2), ("git/b", 1)]


def test_no_run_at_all_is_measured_as_nothing() -> None:
    found = measure([])
    assert found.days == ()
    assert found.share("documents") == 0.0


@given(st.lists(st.floats(0, 1e9)))
def test_a_line_of_blocks_has_one_for_each_value_and_a_full_one_for_the_highest(values: list[float]) -> None:
    line = sparkline(values)
    assert len(line) == len(values)
    if max(values, default=0) > 0:
        assert line[values.index(max(values))] == "█"
