"""How fast something goes at the moment: told from how far it was a few seconds ago. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable

WINDOW = 10.0
"""Seconds that a rate looks back."""


class Speedometer:
    """Remembers how far things were, by any key."""

    def __init__(self, window: float = WINDOW) -> None:
        self._window = window
        self._seen: dict[Hashable, deque[tuple[float, int]]] = {}

    def note(self, key: Hashable, done: int, at: float) -> float | None:
        """Units per second over the window, after `done` at second `at`; None where it can't be told yet."""
        seen = self._seen.setdefault(key, deque())
        if seen and done < seen[-1][1]:
            seen.clear()
        if not seen or at > seen[-1][0]:
            seen.append((at, done))
        while len(seen) > 2 and seen[1][0] <= at - self._window:
            seen.popleft()
        (first_at, first), (last_at, last) = seen[0], seen[-1]
        return (last - first) / (last_at - first_at) if last_at > first_at else None

    def keep(self, keys: set[Hashable]) -> None:
        """Forgets all others."""
        self._seen = {key: seen for key, seen in self._seen.items() if key in keys}
