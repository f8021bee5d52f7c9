"""The figures of a report add up, whatever the runs and the checks said."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from vector_pipeline.reporting import figures
from vector_pipeline.reporting.figures import CheckAnswer, Holdings, thinned
from vector_pipeline.state.records import Ingestion
from vector_pipeline_tests.reporting.rows import BEGIN, held, row

SOURCES = st.sampled_from(["git/a", "git/b", "jira/work.OPS"])
STATUSES = st.sampled_from(["success", "partial", "failed", "running"])


@st.composite
def histories(draw: st.DrawFn) -> list[Ingestion]:
    made = []
    for number in range(draw(st.integers(0, 30))):
        size = draw(st.integers(0, 1000))
        counts = draw(st.sampled_from([{}, held(size, 2 * size, 2 * size), {"embeddings: tokens": size}]))
        error = draw(st.sampled_from(["", "documents: 403", "points: no answer"]))
        made.append(row(number, draw(SOURCES), draw(STATUSES), counts=counts, error=error))
    return made


@given(histories())
def test_every_ended_run_is_counted_once(rows: list[Ingestion]) -> None:
    days = figures.ended(rows)
    assert sum(day.success + day.partial + day.failed for day in days) == sum(one.status != "running" for one in rows)
    assert [day.day for day in days] == sorted({one.started_at.date() for one in rows})
    assert sum(one.runs for one in figures.faults(rows, 1_000)) == sum(one.status == "failed" for one in rows)
    assert sum(day.tokens for day in figures.spending(rows)) == sum(
        int(one.counts.get("embeddings: tokens", 0)) for one in rows
    )


@given(histories())
def test_growth_ends_with_what_the_sources_last_said(rows: list[Ingestion]) -> None:
    last = {one.partition: int(one.counts["documents: rows"]) for one in rows if "documents: rows" in one.counts}
    grown = figures.growth([], rows, BEGIN)
    assert bool(grown) == bool(last)
    if grown:
        assert grown[-1].documents == sum(last.values())
        assert [one.at for one in grown] == sorted(one.at for one in grown)


def test_growth_begins_with_what_there_was_before() -> None:
    before = [row(-5, "git/a", counts=held(10, 20, 20)), row(-4, "git/b", counts=held(1, 2, 2))]
    grown = figures.growth(before, [row(3, "git/a", counts=held(11, 25, 24))], BEGIN)
    assert [(one.documents, one.chunks, one.points) for one in grown] == [(11, 22, 22), (12, 27, 26)]
    assert grown[0].at == BEGIN


def test_a_run_from_before_chunks_were_counted_leaves_them_as_they_were() -> None:
    rows = [row(1, counts=held(5, 9, 9)), row(2, counts={"documents: rows": 6})]
    assert [one.chunks for one in figures.growth([], rows, BEGIN)] == [9, 9]


@given(st.integers(0, 2_000), st.integers(2, 50))
def test_a_thinned_curve_keeps_its_ends_and_order(number: int, most: int) -> None:
    samples = [Holdings(BEGIN + timedelta(minutes=n), n, n, n) for n in range(number)]
    kept = thinned(samples, most)
    assert len(kept) == min(number, most)
    assert kept == sorted(kept, key=lambda one: one.at)
    assert not samples or (kept[0], kept[-1]) == (samples[0], samples[-1])


def test_failures_of_one_kind_are_one_line_with_the_last_hint() -> None:
    rows = [
        row(1, status="failed", error="documents: 403", hint="old"),
        row(2, status="failed", error="points: no answer", hint="start it"),
        row(3, status="failed", error="documents: 403", hint="renew the token"),
    ]
    first, second = figures.faults(rows, 10)
    assert (first.error, first.runs, first.hint) == ("documents: 403", 2, "renew the token")
    assert (second.error, second.runs) == ("points: no answer", 1)
    assert len(figures.faults(rows, 1)) == 1


def test_lags_are_told_of_sources_whose_changes_were_seen_first() -> None:
    rows = [row(1, counts={"lag: seconds": 4.0}), row(2, counts={"lag: seconds": 10.0}), row(3, "git/b")]
    (lag,) = figures.lags(rows).items()
    assert lag == ("git/a", figures.Lag(2, 7.0, 10.0))


def test_quarantine_is_summed_over_sources_at_the_end_of_each_day() -> None:
    rows = [
        row(1, "git/a", counts={"quarantine: documents": 2}),
        row(2, "git/b", counts={"quarantine: documents": 1}),
        row(30, "git/a", counts={"quarantine: documents": 0}),
    ]
    assert [number for _, number in figures.quarantines(rows)] == [3, 1]


def answer(hours: int, source: str, *, passed: bool, error: bool = True, check: str = "points_match") -> CheckAnswer:
    return CheckAnswer(check, source, BEGIN + timedelta(hours=hours), passed, error, 0 if passed else 3)


def test_an_answer_about_all_counts_for_every_source() -> None:
    found = figures.check_days([answer(1, "", passed=True), answer(2, "git/a", passed=False)], ["git/a", "git/b"])
    assert [(one.source, one.passed, one.failed) for one in found] == [("git/a", 1, 1), ("git/b", 1, 0)]


def test_a_check_passes_now_where_its_last_answer_did() -> None:
    bad = answer(1, "git/a", passed=False)
    (still,) = figures.check_faults([bad, answer(2, "git/b", passed=True)], 10)
    assert not still.passes_now
    (mended,) = figures.check_faults([bad, answer(2, "", passed=True)], 10)
    assert mended.passes_now
    (again,) = figures.check_faults([answer(0, "", passed=True), bad, answer(2, "git/a", passed=False)], 10)
    assert (again.passes_now, again.answers, again.offenders) == (False, 2, 3)


def test_a_warning_is_no_failure() -> None:
    (found,) = figures.check_days([answer(1, "git/a", passed=False, error=False)], ["git/a"])
    assert (found.passed, found.warned, found.failed) == (0, 1, 0)
