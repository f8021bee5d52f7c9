"""Rates measured from the history of runs, and the time that work takes by them."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from vector_pipeline.state.records import Ingestion
from vector_pipeline.sync.rates import Pace, measured, paces, speed
from vector_pipeline.sync.stages import CHUNKS, DOCUMENTS, EMBEDDINGS, POINTS, STAGES

NOW = datetime(2026, 11, 1, tzinfo=UTC)
COUNTS = {
    DOCUMENTS: "documents: added",
    CHUNKS: "chunks: chunks",
    EMBEDDINGS: "embeddings: embedded",
    POINTS: "points: upserted",
}


def row(counts: dict[str, int | float], seconds: float = 0.0) -> Ingestion:
    return Ingestion(1, "git/docs", "run", "auto", "success", NOW, NOW, counts, seconds, "")


def of_stage(stage: str, amount: int, seconds: float) -> dict[str, int | float]:
    return {COUNTS[stage]: amount, f"{stage}: seconds": seconds}


amounts = st.integers(0, 10**6)
durations = st.floats(0, 10**5)
runs = st.lists(
    st.lists(st.tuples(amounts, durations), min_size=4, max_size=4).map(
        lambda each: row(
            {k: v for stage, one in zip(STAGES, each, strict=True) for k, v in of_stage(stage, *one).items()}
        )
    ),
    max_size=6,
)


def test_work_is_timed_apart_from_what_a_run_takes_anyway() -> None:
    rows = [row(of_stage(CHUNKS, 0, 2.0)), row(of_stage(CHUNKS, 0, 4.0)), row(of_stage(CHUNKS, 700, 10.0))]
    assert paces(measured(rows))[CHUNKS, "chunks"] == Pace(base=3.0, per_second=100.0)
    assert paces(measured(rows))[CHUNKS, "chunks"].seconds(200) == 5.0


def test_what_was_done_for_a_former_collection_counts_too() -> None:
    rows = [row({"chunks: chunks": 10, "chunks: live chunks": 30, "chunks: seconds": 4.0})]
    assert paces(measured(rows))[CHUNKS, "chunks"].per_second == 10.0


def test_rows_of_former_versions_still_tell_how_long_documents_take() -> None:
    found = speed([row({"documents: added": 100}, 20.0)])
    assert found.stages == {}
    assert found.seconds({"documents: changed": 50}) == 10.0


def test_where_nothing_was_measured_no_time_is_made_up() -> None:
    assert speed([]).seconds({"documents: added": 1}) is None
    assert Pace(0.0, 0.0).seconds(1) is None


@given(runs, st.lists(amounts, min_size=4, max_size=4), st.lists(amounts, min_size=4, max_size=4))
def test_more_work_never_takes_less_time(rows: list[Ingestion], some: list[int], more: list[int]) -> None:
    found = speed(rows)
    counts = {COUNTS[stage]: number for stage, number in zip(STAGES, some, strict=True)}
    larger = {COUNTS[stage]: one + two for stage, one, two in zip(STAGES, some, more, strict=True)}
    seconds, longer = found.seconds(counts), found.seconds(larger)
    assert seconds is None or seconds >= 0
    assert seconds is None or longer is None or longer >= seconds
