"""What follows from a measurement: batches shrink above a mark and grow below another, never out of bounds."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from vector_pipeline.capacity.decision import (
    SMALLEST,
    Ceilings,
    Measure,
    allowance,
    is_full,
    next_factor,
    pause,
    room,
)

sizes = st.integers(0, 10**11)
ceilings = st.builds(Ceilings, memory=st.integers(10**8, 10**11), reserve=st.integers(0, 10**10))
measures = st.builds(Measure, memory=sizes, free=sizes)
factors = st.floats(SMALLEST, 1.0)


@given(factors, measures, ceilings)
def test_a_factor_stays_between_the_smallest_and_one(factor: float, measure: Measure, given: Ceilings) -> None:
    assert SMALLEST <= next_factor(factor, measure, given) <= 1.0


@given(factors, measures, ceilings)
def test_batches_shrink_where_it_is_full_and_grow_only_where_it_is_not(
    factor: float, measure: Measure, given: Ceilings
) -> None:
    after = next_factor(factor, measure, given)
    if is_full(measure, given):
        assert after < factor or after == SMALLEST
    else:
        assert after >= factor


@given(factors, ceilings, st.data())
def test_more_memory_in_use_never_gives_larger_batches(factor: float, given: Ceilings, data: st.DataObject) -> None:
    less, more = sorted([data.draw(sizes), data.draw(sizes)])
    before, after = Measure(less, 10**11), Measure(more, 10**11)
    assert next_factor(factor, after, given) <= next_factor(factor, before, given)
    assert allowance(500, 10_000, factor, after, given) <= allowance(500, 10_000, factor, before, given)


@given(st.integers(1, 10**6), st.integers(1, 10**6), factors, measures, ceilings)
def test_a_batch_fits_into_the_room_and_has_at_least_one(
    most: int, each: int, factor: float, measure: Measure, given: Ceilings
) -> None:
    found = allowance(most, each, factor, measure, given)
    assert 1 <= found <= most
    assert found == 1 or 4 * found * each <= room(measure, given)


@given(st.floats(0, 1000), st.floats(0.001, 1000), st.floats(0.05, 64))
def test_a_pause_brings_the_average_down_to_the_ceiling(used: float, elapsed: float, cores: float) -> None:
    waited = pause(used, elapsed, cores)
    assert 0 <= waited <= 5
    assert waited in (0, 5) or used / (elapsed + waited) <= cores * 1.000001
    assert pause(used, elapsed, 0) == 0


def test_halving_comes_back_to_full_batches_once_there_is_room() -> None:
    given, factor = Ceilings(10**9, 0), 1.0
    for _ in range(10):
        factor = next_factor(factor, Measure(10**9, 10**10), given)
    assert factor == SMALLEST
    for _ in range(12):
        factor = next_factor(factor, Measure(10**8, 10**10), given)
    assert factor == 1.0
