"""How one question becomes an answer: its turn in the budget, the request, and more tries within bounds.

What to wait for and what a refusal means is decided elsewhere; here it is put in order. The one idea: every loop is
bounded twice, by a number of tries and by the time that the settings allow for waiting.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import requests

from vector_pipeline.settings_atlassian import AtlassianSettings
from vector_pipeline.sources.atlassian import redirects
from vector_pipeline.sources.atlassian.address import SiteAddress
from vector_pipeline.sources.atlassian.answers import Undecodable
from vector_pipeline.sources.atlassian.connection import LiveSockets
from vector_pipeline.sources.atlassian.credentials import open_plain_session, open_session
from vector_pipeline.sources.atlassian.errors import Abandoned, SiteThrottled, SiteUnreachable
from vector_pipeline.sources.atlassian.exchange import MAY_PASS, Answer, Broken, Trouble, exchange
from vector_pipeline.sources.atlassian.explanations import Explanations
from vector_pipeline.sources.atlassian.halting import Halt
from vector_pipeline.sources.atlassian.waiting import Allowance, asked_wait, wanted_spacing
from vector_pipeline.sources.base import SourceError
from vector_pipeline.sources.request_budget import shared_budget
from vector_pipeline.sources.retry_waits import growing_pause, spread

_log = logging.getLogger(__name__)

_MOST_TRIES = {"limited": 30, "busy": 5, "network": 5, "slow": 3, "failed": 3, "garbled": 3}
_MOST_TURNS = 1000
_FIRST_PAUSE = 1.0
"""Seconds at most; where little waiting is allowed a hundredth of that."""


@dataclass(frozen=True, slots=True)
class Question:
    """One request: where to, with what, and how long its answer may be. Without `read` the answer is a file."""

    method: str
    url: str
    body: bytes | None
    headers: Mapping[str, str]
    limit: int
    read: Callable[[Answer], Any] | None


@dataclass(frozen=True, slots=True)
class _Setback:
    """A failure that another try may mend: its kind, the error if none does, and how long the site wants to be left."""

    kind: str
    error: SourceError
    asked: float | None = None


class _CurrentHalt(threading.local):
    halt: Halt | None = None


class Questions:
    """Asks one site, from any thread. `halt` stops everything, `current.halt` the work of a thread."""

    def __init__(self, settings: AtlassianSettings, address: SiteAddress, explain: Explanations, label: str) -> None:
        self._address, self._explain, self._label = address, explain, label
        self._timeout = settings.timeout.total_seconds()
        self._concurrency = settings.concurrency
        self._spacing = 60.0 / settings.requests_per_minute if settings.requests_per_minute else 0.0
        self._session = open_session(settings, address, label)
        self._plain: requests.Session | None = None
        self._budget = shared_budget(address.url)
        self._max_wait = settings.max_wait.total_seconds()
        self._first_pause = min(_FIRST_PAUSE, self._max_wait / 100)
        self._allowance = Allowance(self._max_wait)
        self._hurry: Allowance | None = None
        self._hurry_until = float("inf")
        self._live = LiveSockets()
        self.halt = Halt(on_set=self._live.interrupt)
        self.current = _CurrentHalt()
        self._slots = threading.BoundedSemaphore(settings.concurrency)
        self._lock = threading.Lock()
        self.sent = 0

    def ask(self, question: Question) -> tuple[Answer, Any]:
        """An answer of 2xx or 3xx, and what `read` made of it. Raises SourceError for any other, after its tries."""
        tries: Counter[str] = Counter()
        while True:
            if time.monotonic() >= self._hurry_until:
                raise self._out_of_time()
            self._wait_for_turn()
            started = time.monotonic()
            try:
                answer = self._send(question)
                if answer.status in redirects.STATUSES:
                    return answer, None
                setback = self._setback_of(answer, file=question.read is None)
                if setback is None:
                    return answer, self._read(answer, question)
            except Broken as broken:
                self.refuse_if_halted()
                setback = self._setback_of_broken(broken, question.limit)
            except Undecodable:
                setback = _Setback("garbled", self._explain.undecodable(answer))
            self._allowance.charge(started, time.monotonic())
            tries[setback.kind] += 1
            self._wait_for_retry(setback, tries)

    def hurry(self, seconds: float) -> None:
        """From now on all waits together take at most so long, and no request starts later."""
        self._hurry, self._hurry_until = Allowance(seconds), time.monotonic() + seconds

    def refuse_if_halted(self) -> None:
        """Raises Abandoned where nobody waits for this thread's work any more."""
        if self.halt.is_set() or (self.current.halt is not None and self.current.halt.is_set()):
            raise Abandoned(f"{self._label}: the work was given up")

    def close(self) -> None:
        """Closes all connections."""
        self._session.close()
        with self._lock:
            plain, self._plain = self._plain, None
        if plain is not None:
            plain.close()

    # ---- one try

    def _send(self, question: Question) -> Answer:
        own = self._address.owns(question.url)
        with self._slots:
            self.refuse_if_halted()
            with self._lock:
                self.sent += 1
            answer = exchange(
                self._session if own else self._plain_session(),
                question.method,
                question.url,
                headers=question.headers,
                body=question.body,
                seconds=self._timeout,
                limit=question.limit,
                halt=self.current.halt or self.halt,
                live=self._live,
            )
        if own:
            spacing = wanted_spacing(answer.headers, datetime.now(UTC), self._concurrency)
            if spacing > self._spacing:
                self._budget.slow_down(spacing)
        return answer

    def _plain_session(self) -> requests.Session:
        """What asks other hosts: it knows no credentials."""
        with self._lock:
            if self._plain is None:
                self._plain = open_plain_session(self._concurrency)
            return self._plain

    def _read(self, answer: Answer, question: Question) -> Any:
        if question.read is None:
            return None
        if answer.is_web_page:
            raise self._explain.web_page(answer)
        return question.read(answer)

    def _setback_of(self, answer: Answer, *, file: bool) -> _Setback | None:
        """None for success. Raises the error of a refusal that stands."""
        status = answer.status
        if 200 <= status < 300:
            return None
        asked = asked_wait(answer.headers, datetime.now(UTC))
        if self._explain.is_throttling(answer):
            if asked and self._address.owns(answer.url):
                self._budget.block(asked)
            return _Setback("limited", self._throttled(asked), asked)
        if status in (408, 425, 502, 503) or status > 504:
            return _Setback("busy", self._explain.server_error(answer), asked)
        if status >= 500:
            return _Setback("failed", self._explain.server_error(answer), asked)
        raise self._explain.refusal(answer, file=file)

    def _setback_of_broken(self, broken: Broken, limit: int) -> _Setback:
        error = self._explain.broken(broken, limit)
        if broken.trouble not in MAY_PASS:
            raise error from None
        return _Setback(_KINDS.get(broken.trouble, "network"), error)

    # ---- waiting

    def _wait_for_turn(self) -> None:
        for _ in range(_MOST_TURNS):
            self.refuse_if_halted()
            turn = self._budget.turn(self._spacing, self._hurry.left if self._hurry else float("inf"))
            if turn.blocked:
                self._wait(turn.seconds, self._throttled(turn.seconds), counted=True)
                continue
            if not turn.granted:
                raise self._out_of_budget()
            if turn.seconds > 0:
                self._wait(turn.seconds, self._out_of_budget(), counted=False)
            return
        raise self._throttled(None)

    def _wait_for_retry(self, setback: _Setback, tries: Counter[str]) -> None:
        """Waits as long as the site asks, or ever longer. Raises the setback's error when no try or time is left."""
        count = tries[setback.kind]
        if count >= _MOST_TRIES[setback.kind] or tries.total() >= _MOST_TRIES["limited"]:
            raise setback.error from None
        if time.monotonic() >= self._hurry_until:
            raise setback.error from None
        pause = max(setback.asked or 0.0, growing_pause(count, self._first_pause))
        _log.info("%s: asked again in %.1f s: %s", self._label, pause, setback.error.message)
        self._wait(pause, setback.error, counted=True)

    def _wait(self, seconds: float, error: SourceError, *, counted: bool) -> None:
        """Waits, or raises the error where less is left. A wait that is not counted is pace and no delay."""
        now = time.monotonic()
        if self._hurry is not None and not self._hurry.grant(now, seconds):
            raise error from None
        if counted:
            longer = spread(seconds)
            if self._allowance.grant(now, longer):
                seconds = longer
            elif not self._allowance.grant(now, seconds):
                raise error from None
        if (self.current.halt or self.halt).wait(seconds):
            self.refuse_if_halted()

    def _throttled(self, asked: float | None) -> SiteThrottled:
        told = f" and wants to be left alone for {asked:.0f} s" if asked else ""
        return SiteThrottled(
            f"{self._label}: {self._address.url} limits requests{told}; no more waiting is allowed",
            hint=f"the next run goes on from here; raise max_wait (now {self._max_wait:g} s) "
            "or lower requests_per_minute and concurrency",
        )

    def _out_of_time(self) -> SiteUnreachable:
        return SiteUnreachable(
            f"{self._label}: {self._address.url} did not answer all questions in time",
            hint="it is tried again soon; if that goes on, look at the site's load",
        )

    def _out_of_budget(self) -> SiteThrottled:
        return SiteThrottled(
            f"{self._label}: the requests per minute of {self._address.url} are used up by other work",
            hint="try again later, or raise requests_per_minute",
        )


_KINDS = {Trouble.TIME: "slow", Trouble.CONNECT: "slow", Trouble.CUT: "garbled", Trouble.CODING: "garbled"}
