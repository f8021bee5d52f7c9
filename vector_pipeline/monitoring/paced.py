"""Asking something dear seldom: an answer is used again until enough time has passed for what it cost."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Paced(Generic[T]):
    """An answer that is renewed every `least` seconds, or less often, so that asking takes at most `share` of the time.

    It never gets older than `most` seconds, whatever that costs.
    """

    def __init__(
        self,
        ask: Callable[[], T],
        least: float,
        share: float = 0.02,
        most: float = 300.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ask, self._least, self._share, self._most, self._clock = ask, least, share, most, clock
        self._answers: list[T] = []
        self._again_at = 0.0

    def __call__(self) -> T:
        """The answer, as old as that allows."""
        began = self._clock()
        if not self._answers or began >= self._again_at:
            self._answers = [self._ask()]
            ended = self._clock()
            self._again_at = ended + min(self._most, max(self._least, (ended - began) / self._share))
        return self._answers[0]
