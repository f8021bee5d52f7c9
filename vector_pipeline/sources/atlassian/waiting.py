"""How long to wait for a site that is busy: what its headers ask for, and when it is enough.

Nothing here waits. The one idea: time is granted before it is spent, so the sum can't exceed what the settings allow.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Mapping
from datetime import UTC, datetime

from vector_pipeline.sources.retry_waits import number, retry_after

_LONGEST_SPACING = 5.0


class Allowance:
    """A time that may be spent waiting. Waits that overlap count once: several threads wait for the same site."""

    def __init__(self, seconds: float) -> None:
        self._lock = threading.Lock()
        self._left = seconds
        self._covered_until = -math.inf

    @property
    def left(self) -> float:
        """Seconds that may still be spent."""
        with self._lock:
            return max(0.0, self._left)

    def grant(self, start: float, seconds: float) -> bool:
        """Whether a wait from `start` on is allowed; if so it is counted."""
        with self._lock:
            return self._take(start, start + seconds, most=self._left)

    def charge(self, start: float, end: float) -> None:
        """Counts a time that is already spent."""
        with self._lock:
            self._take(start, end, most=math.inf)

    def _take(self, start: float, end: float, most: float) -> bool:
        more = end - max(start, self._covered_until)
        if more <= 0:
            return self._left >= 0
        if more > most:
            return False
        self._left -= more
        self._covered_until = end
        return True


def asked_wait(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds that a refusal asks to wait, by Retry-After (seconds or a date) or X-RateLimit-Reset; None if by neither.

    Facts sixteen and thirty: either may be missing. The reset has minute precision, so one that has passed says
    nothing.
    """
    if (seconds := retry_after(headers, now)) is not None:
        return seconds
    reset = _reset(headers.get("x-ratelimit-reset", ""))
    if reset is None or reset <= now:
        return None
    return (reset - now).total_seconds()


def wanted_spacing(headers: Mapping[str, str], now: datetime, at_once: int) -> float:
    """Seconds that requests should be apart, by what an answer says of its limit; 0 while there is plenty.

    Data Center tells its token bucket: as long as no more tokens are left than requests may be under way,
    no more leave than flow in. Cloud says NearLimit, and when it counts anew. More than five seconds are left to the
    site's refusals: waiting for those is bounded.
    """
    left, limit = number(headers.get("x-ratelimit-remaining", "")), number(headers.get("x-ratelimit-limit", ""))
    if left is None:
        return 0.0
    fill = number(headers.get("x-ratelimit-fillrate", ""))
    interval = number(headers.get("x-ratelimit-interval-seconds", ""))
    if fill and interval:
        low = left <= max(at_once, (limit or 0.0) / 10)
        return _spacing(interval / fill) if low else 0.0
    reset = _reset(headers.get("x-ratelimit-reset", ""))
    if headers.get("x-ratelimit-nearlimit", "").lower() != "true" or reset is None or reset <= now:
        return 0.0
    return _spacing((reset - now).total_seconds() / max(1.0, left))


def _spacing(seconds: float) -> float:
    return seconds if seconds <= _LONGEST_SPACING else 0.0


def _reset(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text.strip())
    except (ValueError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
