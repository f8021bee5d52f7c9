"""Which runs of Dagster may be deleted: a plan made from what ended when."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from vector_pipeline.orchestration.retention import EndedRun, plan_runs

NOW = datetime(2026, 3, 1, tzinfo=UTC)

RUNS = st.lists(
    st.builds(
        EndedRun,
        run_id=st.integers(0, 99).map(str),
        job=st.sampled_from(["sync_git", "check"]),
        succeeded=st.booleans(),
        ended_at=st.integers(0, 90).map(lambda days: NOW - timedelta(days=days)),
    ),
    max_size=12,
    unique_by=lambda run: run.run_id,
)


@given(RUNS, st.sets(st.integers(0, 99).map(str), max_size=3), st.integers(0, 90))
def test_the_latest_of_each_job_stays_and_what_makes_the_present_state(
    runs: list[EndedRun], kept: set[str], days: int
) -> None:
    before = NOW - timedelta(days=days)
    gone = plan_runs(runs, kept, before)
    assert all(run.ended_at <= before and run.run_id not in kept for run in gone)
    assert [run.ended_at for run in gone] == sorted(run.ended_at for run in gone)
    left = [run for run in runs if run not in gone]
    for job in {run.job for run in runs}:
        for wanted in ([True, False], [True]):
            before_it = [run.ended_at for run in runs if run.job == job and run.succeeded in wanted]
            after_it = [run.ended_at for run in left if run.job == job and run.succeeded in wanted]
            assert max(after_it, default=None) == max(before_it, default=None)
