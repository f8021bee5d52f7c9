"""How servers spell their wishes."""

from __future__ import annotations

import threading
import time
from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vector_pipeline.embedding.pacing import Pace, exhausted_for, retry_after, shared_pace


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after-ms": "250", "retry-after": "1"}, 0.25),
        ({"retry-after": "-3"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({}, None),
    ],
)
def test_retry_after_is_read_in_seconds_and_milliseconds(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers) == seconds


def test_a_date_in_retry_after_is_the_time_until_then() -> None:
    until = time.time() + 100
    seconds = retry_after({"retry-after": formatdate(until, usegmt=True)})

    assert seconds is not None
    assert int(until) - time.time() <= seconds <= 100
    assert retry_after({"retry-after": formatdate(time.time() - 100, usegmt=True)}) == 0


@pytest.mark.parametrize(
    ("reset", "seconds"),
    [("1s", 1), ("6m0s", 360), ("20ms", 0.02), ("1h2m3.5s", 3723.5), ("12", 12), ("later", 0), ("", 0), ("1s?", 0)],
)
def test_an_allowance_used_up_gives_the_time_to_its_reset(reset: str, seconds: float) -> None:
    headers = {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": reset}

    assert exhausted_for(headers) == pytest.approx(seconds)
    assert exhausted_for({**headers, "x-ratelimit-remaining-requests": "3"}) == 0


def test_a_reset_may_be_a_moment() -> None:
    until = int(time.time()) + 50
    headers = {"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": str(until)}
    seconds = exhausted_for(headers)

    assert until - time.time() <= seconds <= 50


@given(st.text(max_size=30))
def test_no_header_breaks_the_reading(value: str) -> None:
    names = ("requests", "tokens")
    headers = {"retry-after": value, "retry-after-ms": value}
    headers |= {f"x-ratelimit-{kind}-{name}": value for kind in ("remaining", "reset") for name in names}

    assert (retry_after(headers) or 0) >= 0
    assert exhausted_for(headers | {"x-ratelimit-remaining-tokens": "0"}) >= 0


def test_a_wait_ends_when_it_is_called_off() -> None:
    pace, halt = Pace(0, 0, 1), threading.Event()
    pace.pause(60)
    threading.Timer(0.05, halt.set).start()
    started = time.monotonic()

    assert pace.wait_for_turn(1, halt) is False
    assert time.monotonic() - started < 30


def test_a_request_larger_than_estimated_delays_the_next() -> None:
    pace, halt = Pace(0, 60_000, 1), threading.Event()
    started = time.monotonic()
    assert pace.wait_for_turn(10, halt)
    pace.record_tokens(10, 200)

    assert pace.wait_for_turn(10, halt)
    assert time.monotonic() - started >= 0.2


def test_the_same_model_has_one_pace_and_another_its_own() -> None:
    pace = shared_pace("http://127.0.0.1/v1", "a", 10, 0, 1)

    assert shared_pace("http://127.0.0.1/v1", "a", 10, 0, 1) is pace
    assert shared_pace("http://127.0.0.1/v1", "b", 10, 0, 1) is not pace
