"""The summary of a run says what changed, what it cost, how long it took, what is wrong and what to do."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vector_pipeline.state.records import Ingestion
from vector_pipeline.sync.summary import duration_words, money, summarize

ROW = Ingestion(1, "git/handbook", "r1", "auto", "success", datetime(2026, 3, 1, tzinfo=UTC), None, {}, 12.34, "")


def test_a_run_without_work_is_one_line_that_says_so() -> None:
    assert summarize(ROW, "USD").lines() == ["git/handbook: success in 12.3 s: nothing changed"]


def test_a_run_that_changed_something_says_what_and_what_it_cost() -> None:
    counts = {
        "documents: added": 1,
        "documents: deleted": 3,
        "embeddings: embedded": 2,
        "embeddings: tokens": 1234,
        "embeddings: cost": 0.5,
        "points: upserted": 7,
        "points: deleted": 0,
    }
    (line,) = summarize(replace(ROW, counts=counts), "EUR").lines()
    assert line == (
        "git/handbook: success in 12.3 s: 1 document added, 3 deleted; "
        "2 texts embedded (1,234 tokens, 0.50 EUR); points: 7 written"
    )


def test_a_price_of_nothing_is_not_told() -> None:
    counts = {"embeddings: embedded": 1, "embeddings: tokens": 1, "embeddings: cost": 0.0}
    assert "USD" not in summarize(replace(ROW, counts=counts), "USD").line
    assert "1 text embedded (1 token)" in summarize(replace(ROW, counts=counts), "USD").line


def test_what_a_partial_run_left_out_is_told() -> None:
    counts = {"documents: left out: older": 3, "documents: left out: limit": 2}
    assert summarize(replace(ROW, counts=counts), "USD").head.endswith("nothing changed; 5 documents left out")


def test_a_failed_run_tells_its_error_and_the_next_step() -> None:
    row = replace(ROW, status="failed", error="documents: git/handbook: 403", hint="renew the token")
    assert summarize(row, "USD").lines()[1:] == ["documents: git/handbook: 403", "→ renew the token"]
    assert summarize(row, "USD").line.endswith("nothing changed; documents: git/handbook: 403; → renew the token")


def test_documents_in_quarantine_are_told_with_the_command_that_shows_them() -> None:
    found = summarize(replace(ROW, status="partial", counts={"quarantine: documents": 2}), "USD")
    assert found.problem == "2 documents could not be brought in"
    assert found.hint == "`vector-pipeline quarantine list --source git/handbook` says why"


def test_an_interrupted_run_says_that_the_next_goes_on() -> None:
    found = summarize(replace(ROW, status="failed", error="documents: stopped"), "USD")
    assert found.hint == "the next run goes on from here"


@pytest.mark.parametrize(
    ("cost", "words"),
    [
        (0.0, "0.00 USD"),
        (1234.5, "1,234.50 USD"),
        (0.01, "0.01 USD"),
        (0.0012345, "0.0012 USD"),
        (1e-7, "0.00000010 USD"),
    ],
)
def test_money_is_written_to_the_cent_or_with_two_digits_that_count(cost: float, words: str) -> None:
    assert money(cost, "USD") == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.0, "0.0 s"), (59.94, "59.9 s"), (59.96, "1 min 0 s"), (200, "3 min 20 s"), (7_500, "2 h 5 min")],
)
def test_durations_are_written_in_at_most_two_units(seconds: float, words: str) -> None:
    assert duration_words(seconds) == words


@given(st.floats(0, 1e12, allow_nan=False))
def test_any_amount_of_money_and_time_can_be_told(number: float) -> None:
    assert money(number, "USD").endswith(" USD")
    assert duration_words(number)
