"""How long to wait before a request is sent again: what the answer asks for, else pauses that grow.

Nothing here waits. The one idea: whoever waits for the same moment as others comes a little apart from them, by chance.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

_LONGEST_PAUSE = 60.0


def growing_pause(tries: int, first: float) -> float:
    """Seconds before the next try after so many: doubled each time, at most a minute, less up to half by chance."""
    return min(_LONGEST_PAUSE, first * 2.0 ** min(tries - 1, 30)) * random.uniform(0.5, 1.0)


def spread(seconds: float) -> float:
    """A little more than so many seconds, by chance: those who wait for the same moment should not all come at once."""
    return seconds + random.uniform(0.0, min(1.0, seconds / 20))


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds that Retry-After asks to wait, as a number or a date (RFC 9110 10.2.3); None where it says neither.

    A date is compared with the answer's own Date, as the clocks may differ. Names of headers are in lower case.
    """
    told = headers.get("retry-after", "").strip()
    if (seconds := number(told)) is not None:
        return seconds
    if (moment := _http_date(told)) is not None:
        return max(0.0, (moment - (_http_date(headers.get("date", "")) or now)).total_seconds())
    return None


def number(text: str) -> float | None:
    """A finite number of at least 0, or None."""
    try:
        found = float(text)
    except ValueError:
        return None
    return found if math.isfinite(found) and found >= 0 else None


def _http_date(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
