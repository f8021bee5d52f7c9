"""The budget of requests to a site: when the next one may leave, over all processes of this machine.

A small file per site holds when the next request may leave and until when the site wants none; a file lock guards its
changes. The one idea: requests are spaced evenly, so no minute holds more than the limit, whoever sends them.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

from filelock import FileLock, Timeout

_log = logging.getLogger(__name__)

LONGEST_ASKED = 3600.0
"""Seconds; who is asked to wait longer asks again after an hour: the wish may have been a mistake."""
_LOCK_SECONDS = 2.0
_LONGEST_QUEUE = 86_400.0
_SPACING_LASTS = 10.0
_ALONE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Turn:
    """When a request may leave: in `seconds`. `blocked` says that the site wants none before; ask again then.

    Without `granted` the wait would be longer than wanted, and nothing was reserved.
    """

    seconds: float
    blocked: bool = False
    granted: bool = True


@dataclass(frozen=True, slots=True)
class BudgetState:
    """What the processes share, in seconds of the machine's clock (Unix time)."""

    free_at: float = 0.0
    blocked_until: float = 0.0
    spacing: float = 0.0
    spacing_until: float = 0.0
    written_at: float = 0.0

    def as_of(self, now: float) -> BudgetState:
        """The state in the light of the clock: moved with a clock that was set back, rid of what no one can mean."""
        back = max(0.0, self.written_at - now)
        if back > _LONGEST_QUEUE:
            return BudgetState()
        moved = BudgetState(
            self.free_at - back, self.blocked_until - back, self.spacing, self.spacing_until - back, self.written_at
        )
        return replace(
            moved,
            free_at=moved.free_at if moved.free_at <= now + _LONGEST_QUEUE else 0.0,
            blocked_until=moved.blocked_until if moved.blocked_until <= now + LONGEST_ASKED + 1 else 0.0,
            spacing=moved.spacing if now < moved.spacing_until <= now + _SPACING_LASTS + 1 else 0.0,
        )

    def take_turn(self, now: float, spacing: float, most_wait: float) -> tuple[BudgetState, Turn]:
        """The state after a request was let in, and when it may leave."""
        if self.blocked_until > now:
            return self, Turn(self.blocked_until - now, blocked=True)
        start, apart = max(now, self.free_at), max(spacing, self.spacing)
        if start - now > most_wait:
            return self, Turn(start - now, granted=False)
        return replace(self, free_at=start + apart), Turn(start - now)


class Budget:
    """One site's budget as this process sees it; safe for threads. `site` is its address."""

    def __init__(self, folder: Path, site: str, clock: Callable[[], float] = time.time) -> None:
        name = hashlib.sha256(site.encode()).hexdigest()[:24]
        self._file = folder / f"{name}.json"
        self._lock = FileLock(folder / f"{name}.lock", timeout=_LOCK_SECONDS, poll_interval=0.005, thread_local=False)
        self._threads = threading.Lock()
        self._clock = clock
        self._seen: tuple[int, int, int] | None = None
        self._state = BudgetState()
        self._alone_until = 0.0

    def turn(self, spacing: float, most_wait: float) -> Turn:
        """When the next request may leave, `spacing` seconds after the one before; reserves the moment.

        Where nothing limits the site this reads one file's time stamp. Without a usable file the budget is this
        process's own.
        """
        with self._threads:
            now = self._clock()
            if not spacing:
                state = self._glance().as_of(now)
                if not state.spacing and state.free_at <= now and state.blocked_until <= now:
                    return Turn(0.0)
                if state.blocked_until > now:
                    return Turn(state.blocked_until - now, blocked=True)
            granted: list[Turn] = []

            def take(state: BudgetState, now: float) -> BudgetState:
                after, turn = state.take_turn(now, spacing, most_wait)
                granted.append(turn)
                return after

            self._change(take)
            return granted[-1]

    def state(self) -> BudgetState:
        """What the processes share now; for those who only look."""
        with self._threads:
            return self._glance().as_of(self._clock())

    def block(self, seconds: float) -> None:
        """Lets no request leave for so long, at most an hour."""
        seconds = min(seconds, LONGEST_ASKED)
        with self._threads:
            self._change(lambda state, now: replace(state, blocked_until=max(state.blocked_until, now + seconds)))

    def slow_down(self, spacing: float) -> None:
        """Keeps requests so many seconds apart for the next while, and the next one as far from now."""
        with self._threads:
            now = self._clock()
            known = self._glance().as_of(now)
            if known.spacing >= spacing and known.spacing_until > now + _SPACING_LASTS / 2:
                return  # every answer says so while the site is busy
            self._change(
                lambda state, now: replace(
                    state,
                    free_at=max(state.free_at, now + spacing),
                    spacing=max(spacing, state.spacing),
                    spacing_until=now + _SPACING_LASTS,
                )
            )

    def _glance(self) -> BudgetState:
        """The state without the lock, read again only when the file has changed."""
        if self._is_alone:
            return self._state
        try:
            found = os.stat(self._file)
        except FileNotFoundError:
            self._seen, self._state = None, BudgetState()
            return self._state
        except OSError as error:
            self._alone(error)
            return self._state
        seen = (found.st_mtime_ns, found.st_ino, found.st_size)
        if seen != self._seen:
            self._seen, self._state = seen, self._read()
        return self._state

    def _change(self, change: Callable[[BudgetState, float], BudgetState]) -> None:
        if self._is_alone:
            self._state = change(self._state.as_of(self._clock()), self._clock())
            return
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            with self._lock:
                # the file is replaced whole, so a writer that is killed leaves the old one
                before, now = self._read(), self._clock()
                after = change(before.as_of(now), now)
                if after != before:
                    self._write(replace(after, written_at=now))
        except (OSError, Timeout) as error:
            self._alone(error)
            self._state = change(self._state.as_of(self._clock()), self._clock())

    def _read(self) -> BudgetState:
        try:
            found = json.loads(self._file.read_bytes())
            values = {one.name: found[one.name] for one in fields(BudgetState)}
        except FileNotFoundError:
            return BudgetState()
        except (ValueError, TypeError, KeyError, RecursionError):
            return BudgetState()  # garbled by hand or by a full disk: the site's own refusals fill it again
        if not all(isinstance(value, int | float) and abs(value) < 1e12 for value in values.values()):
            return BudgetState()
        return BudgetState(**values)

    def _write(self, state: BudgetState) -> None:
        partial = self._file.with_suffix(f".{os.getpid()}.part")
        partial.write_text(json.dumps(asdict(state)))
        partial.replace(self._file)

    @property
    def _is_alone(self) -> bool:
        return time.monotonic() < self._alone_until

    def _alone(self, error: OSError | Timeout) -> None:
        """For the next minute the budget is this process's own."""
        if not self._alone_until:
            reason = (
                "its lock is held by a process that does not go on" if isinstance(error, Timeout) else error.strerror
            )
            _log.warning("the budget of requests in %s is not shared between processes: %s", self._file.parent, reason)
        self._alone_until = time.monotonic() + _ALONE_SECONDS


_budgets: dict[tuple[Path, str], Budget] = {}
_budgets_lock = threading.Lock()


def shared_budget(site: str, cache_dir: Path | None = None) -> Budget:
    """The budget of the site with this address, one per process, shared with the others that use this cache folder.

    Without `cache_dir` that is the user's.
    """
    if cache_dir is None:
        from platformdirs import user_cache_path  # only where a site is asked

        cache_dir = user_cache_path("vector-pipeline")
    folder = cache_dir / "budgets"
    with _budgets_lock:
        return _budgets.setdefault((folder, site), Budget(folder, site))
