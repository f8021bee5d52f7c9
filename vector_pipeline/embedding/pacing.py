"""When the next request may leave: limits per minute, pauses a server asks for, and how its wishes are spelled.

One `Pace` is shared by everything in this process that talks to the same model, so that two runs together keep
the limit one of them would. The one idea: requests are spaced evenly, so no minute holds more than the limit.
"""

from __future__ import annotations

import math
import re
import threading
import time
import weakref
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_EPOCH_FROM = 1e9
"""A plain number at least this large is a moment (Unix time), a smaller one a number of seconds."""


class Pace:
    """Requests and tokens per minute (0 is no limit) and requests under way at once; safe for several threads."""

    def __init__(self, requests_per_minute: int, tokens_per_minute: int, concurrency: int) -> None:
        self.slots = threading.BoundedSemaphore(concurrency)
        self._request_seconds = 60.0 / requests_per_minute if requests_per_minute else 0.0
        self._token_seconds = 60.0 / tokens_per_minute if tokens_per_minute else 0.0
        self._lock = threading.Lock()
        self._requests_free = self._tokens_free = self._paused_until = 0.0

    def wait_for_turn(self, tokens: int, halt: threading.Event) -> bool:
        """Waits until a request of about `tokens` tokens may leave; False where `halt` was set before."""
        with self._lock:
            start = max(time.monotonic(), self._requests_free, self._tokens_free)
            self._requests_free = start + self._request_seconds
            self._tokens_free = start + tokens * self._token_seconds
        while (delay := max(start, self._paused_until) - time.monotonic()) > 0:
            if halt.wait(delay):
                return False
        return not halt.is_set()

    def record_tokens(self, estimated: int, used: int) -> None:
        """Corrects the estimate a request left with by what the endpoint says it read."""
        with self._lock:
            self._tokens_free += (used - estimated) * self._token_seconds

    def pause(self, seconds: float) -> None:
        """Lets no request leave for this long."""
        with self._lock:
            self._paused_until = max(self._paused_until, time.monotonic() + seconds)


_paces: weakref.WeakValueDictionary[tuple[str, str, int, int, int], Pace] = weakref.WeakValueDictionary()
_paces_lock = threading.Lock()


def shared_pace(address: str, model: str, requests_per_minute: int, tokens_per_minute: int, concurrency: int) -> Pace:
    """The pace of everything in this process that uses this model at this address with these limits."""
    key = (address, model, requests_per_minute, tokens_per_minute, concurrency)
    with _paces_lock:
        pace = _paces.get(key)
        if pace is None:
            pace = _paces[key] = Pace(requests_per_minute, tokens_per_minute, concurrency)
        return pace


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds an answer asks to wait, by retry-after-ms or Retry-After (seconds or a date); None if by neither."""
    milliseconds = _number(headers.get("retry-after-ms", ""))
    if milliseconds is not None:
        return milliseconds / 1000
    value = headers.get("retry-after", "").strip()
    seconds = _number(value)
    if seconds is not None or not value:
        return seconds
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    return max(0.0, (moment.replace(tzinfo=moment.tzinfo or UTC) - datetime.now(UTC)).total_seconds())


def exhausted_for(headers: Mapping[str, str]) -> float:
    """Seconds until an allowance that x-ratelimit-remaining-… gives as used up is there again; 0 where none is."""
    waits = [0.0]
    for what in ("requests", "tokens"):
        if _number(headers.get(f"x-ratelimit-remaining-{what}", "")) == 0:
            waits.append(_duration(headers.get(f"x-ratelimit-reset-{what}", "")))
    return max(waits)


def _number(value: str) -> float | None:
    """A number of at least 0, or None."""
    try:
        number = float(value)
    except ValueError:
        return None
    return number if math.isfinite(number) and number >= 0 else None


def _duration(value: str) -> float:
    """ "6m0s", "20ms", "12" or a Unix time as seconds from now; 0 for anything else."""
    number = _number(value)
    if number is not None:
        return max(0.0, number - time.time()) if number >= _EPOCH_FROM else number
    parts = _DURATION.findall(value)
    if "".join(amount + unit for amount, unit in parts) != value.strip():
        return 0.0
    return sum(float(amount) * _SECONDS[unit] for amount, unit in parts)
