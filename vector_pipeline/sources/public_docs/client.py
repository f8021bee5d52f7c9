"""One documentation site, asked politely and safely: one hop per question, within pace, limits and allowed hosts.

The one idea: what a page says never decides where a request goes or how long it takes; settings and checks do.
"""

from __future__ import annotations

import logging
import math
import re
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import httpcore2

from vector_pipeline import __version__
from vector_pipeline.settings_public_docs import PublicDocsSettings
from vector_pipeline.sources.public_docs.addresses import Hosts, Target, literal_address, target_of, why_not_public
from vector_pipeline.sources.public_docs.answers import NO_VALIDATORS, Answer, ClientClosed, Validators
from vector_pipeline.sources.public_docs.connection import Network
from vector_pipeline.sources.public_docs.exchange import Broken, Question, Trouble, exchange
from vector_pipeline.sources.public_docs.headers import Headers
from vector_pipeline.sources.public_docs.lookup import SYSTEM, Lookup
from vector_pipeline.sources.public_docs.pacing import HostPace, shared_pace
from vector_pipeline.sources.public_docs.reasons import LONGEST_WAIT, MAY_PASS, Reasons
from vector_pipeline.sources.public_docs.robots import ALLOW_ALL, Robots, fetch_robots
from vector_pipeline.sources.public_docs.transport import open_pool
from vector_pipeline.sources.public_docs.urls import normal_url
from vector_pipeline.sources.retry_waits import growing_pause, retry_after, spread

_log = logging.getLogger(__name__)

_BUSY = frozenset({408, 425, 429})
_MOST_TURNS = 100
_ACCEPT = b"text/html,application/xhtml+xml,text/markdown,text/plain;q=0.9,*/*;q=0.8"
_OF_THE_PROXY = frozenset({Trouble.NAME, Trouble.LOOKUP, Trouble.REFUSED, Trouble.CONNECT})


def _any_type(media_type: str) -> bool:
    return True


class SiteClient:
    """Asks the hosts of one source; safe for threads. Making one sends nothing.

    Requests go to the hosts of the settings' addresses and of `hosts` only, at public addresses, or any address where
    `private_hosts` names the host. With a proxy it is the proxy that looks names up, so that only addresses that stand
    in the URL itself are checked. `cache_dir` holds what the processes of this machine share about the pace.
    """

    def __init__(self, label: str, settings: PublicDocsSettings, cache_dir: Path, *, lookup: Lookup = SYSTEM) -> None:
        self._label, self._settings, self._cache_dir = label, settings, cache_dir
        self._timeout = settings.timeout.total_seconds()
        self._delay = settings.delay.total_seconds()
        self._first_pause = min(1.0, self._timeout / 60)
        self._reasons = Reasons(label)
        named = (settings.url, *settings.start_urls, *settings.sitemaps)
        self._hosts = Hosts([*filter(None, map(_host_of, named)), *settings.hosts])
        self._private = Hosts(settings.private_hosts, any_port=True)
        self._network = Network(lookup, self._may_be_private)
        self._lock = threading.Lock()
        self._pool: httpcore2.ConnectionPool | None = None
        self._spacings: dict[str, float] = {}
        self._robots: dict[str, Robots] = {}
        self._robots_lock = threading.Lock()
        name = settings.user_agent.strip() or f"vector-pipeline/{__version__}"
        self.agent = _product(name)
        contact = settings.contact.strip()
        self._sent = (
            (b"User-Agent", (f"{name} ({contact})" if contact else name).encode("ascii")),
            (b"Accept", _ACCEPT),
            (b"Accept-Encoding", b"gzip, deflate"),
        )

    def get(
        self,
        url: str,
        validators: Validators = NO_VALIDATORS,
        *,
        wanted: Callable[[str], bool] = _any_type,
        limit: int | None = None,
        deadline: float | None = None,
    ) -> Answer:
        """The answer to a GET of an absolute URL, whatever its status; redirects are not followed.

        With validators the site may answer 304. The body comes with 200 only, and only where `wanted` takes its media
        type ("" where none is told); up to `limit` bytes, or `max_file_size`. One try takes at most `timeout`; tries,
        pauses and waiting for the pace end at `deadline` (monotonic). Raises PageRefused, SiteSilent, ClientClosed.
        """
        target = self._allowed(url)
        until = math.inf if deadline is None else deadline
        given = self._settings.max_file_size if limit is None else limit
        question = Question(url, target, self._sent, validators, wanted, given, self.agent)
        pace = shared_pace(target.site, self._cache_dir)
        with pace.place(self._settings.concurrency, until, self._network.halted.is_set) as taken:
            self._refuse_if_closed(url)
            if not taken:
                raise self._reasons.no_time(url)
            return self._ask(question, pace, until)

    def robots(self, url: str, deadline: float | None = None) -> Robots:
        """What robots.txt of the URL's host allows; asked for once, and its delay is kept from then on.

        Everything is allowed where the settings say so. Raises SiteSilent where it can't be had: then nothing may be
        asked for.
        """
        if not self._settings.robots:
            return ALLOW_ALL
        target = self._allowed(url)
        origin = f"{target.scheme}://{target.netloc}"
        with self._robots_lock:
            found = self._robots.get(origin)
            if found is None:
                found = fetch_robots(
                    lambda link, limit: self.get(link, limit=limit, deadline=deadline), origin, self._label, self.agent
                )
                self._robots[origin] = found
                self.keep_apart(url, found.delay)
            return found

    def keep_apart(self, url: str, seconds: float) -> None:
        """Keeps requests to the URL's host at least so far apart from now on, where the settings want less."""
        target = self._allowed(url)
        with self._lock:
            self._spacings[target.site] = max(seconds, self._spacings.get(target.site, 0.0))

    def close(self) -> None:
        """Ends what is under way, and closes all connections; may be called twice."""
        self._network.halt()
        with self._lock:
            pool, self._pool = self._pool, None
        if pool is not None:
            pool.close()

    # ---- where a request may go

    def _allowed(self, url: str) -> Target:
        target = target_of(url)
        if target is None:
            raise self._reasons.no_address(url)
        if target not in self._hosts:
            raise self._reasons.other_host(url, target.site)
        if self._settings.proxy and target not in self._private:
            literal = literal_address(target.host)
            kind = why_not_public(literal) if literal else "loopback" if target.host == "localhost" else ""
            if kind:
                raise self._reasons.not_public(url, target.site, kind)
        return target

    def _may_be_private(self, host: str, port: int) -> bool:
        """A proxy may: it is the settings' own."""
        return bool(self._settings.proxy) or Target("http", host.strip("[]"), port, "/") in self._private

    # ---- tries

    def _ask(self, question: Question, pace: HostPace, until: float) -> Answer:
        """The answer of the first try that has one. Raises what the last try said."""
        tries = 0
        pool = self._connections()  # before the first turn, as opening them takes a while
        while True:
            self._wait_for_turn(question, pace, until)
            asked = None
            try:
                answer, told = self._exchange(pool, question, until)
            except Broken as broken:
                self._refuse_if_closed(question.url)
                error = self._reasons.broken(question.url, question.target.site, broken, question.limit)
                if broken.trouble not in MAY_PASS:
                    raise error from broken
            else:
                if answer.status == 304 and question.validators == NO_VALIDATORS:
                    raise self._reasons.unasked(question.url)
                if answer.status < 500 and answer.status not in _BUSY:
                    return answer
                error, asked = self._reasons.busy(question.url, answer.status), self._asked_wait(answer, told, pace)
            tries += 1
            if tries > self._settings.max_retries:
                raise error
            pause = spread(max(asked or 0.0, growing_pause(tries, self._first_pause)))
            if time.monotonic() + pause > until:
                raise error
            _log.info("%s: asked again in %.1f s: %s", self._label, pause, error.message)
            self._wait(pause, question.url)

    def _asked_wait(self, answer: Answer, told: Headers, pace: HostPace) -> float | None:
        """Seconds that a busy site wants to be left alone. Raises SiteSilent for more than is waited.

        A limit of requests (429) is one for all pages of the host; other answers may concern the page alone.
        """
        values = {"retry-after": told.first("retry-after"), "date": told.first("date")}
        asked = retry_after(values, datetime.now(UTC))
        if asked and answer.status == 429:
            pace.block(asked)
        if asked and asked > LONGEST_WAIT:
            raise self._reasons.resting(answer.url, asked)
        return asked

    def _exchange(self, pool: httpcore2.ConnectionPool, question: Question, until: float) -> tuple[Answer, Headers]:
        """One try. A connection that the server closed meanwhile costs none: the request was not heard."""
        for _ in range(self._settings.concurrency + 1):
            end = time.monotonic() + self._timeout
            try:
                answer, told = exchange(pool, self._network, question, min(until, end))
            except Broken as broken:
                if broken.trouble is Trouble.STALE and not self._network.halted.is_set():
                    continue
                if broken.trouble is Trouble.SLOW and until < end:
                    raise Broken(Trouble.TIME) from broken  # the caller's time was over, not the page's
                if self._settings.proxy and broken.trouble in _OF_THE_PROXY:
                    raise Broken(Trouble.PROXY) from broken
                raise
            if self._settings.proxy and answer.status == 407:
                raise Broken(Trouble.PROXY)
            return answer, told
        raise Broken(Trouble.NETWORK)

    def _connections(self) -> httpcore2.ConnectionPool:
        """The connections, opened with the first request: reading the trusted certificates takes a while."""
        with self._lock:
            if self._pool is None:
                self._pool = open_pool(
                    self._network,
                    proxy=self._settings.proxy,
                    ca_bundle=self._settings.ca_bundle,
                    at_once=self._settings.concurrency,
                    label=self._label,
                )
            return self._pool

    # ---- waiting

    def _wait_for_turn(self, question: Question, pace: HostPace, until: float) -> None:
        with self._lock:
            spacing = max(self._delay, self._spacings.get(question.target.site, 0.0))
        for _ in range(_MOST_TURNS):
            left = until - time.monotonic()
            turn = pace.turn(spacing, left)
            if turn.blocked and turn.seconds > min(left, LONGEST_WAIT):
                raise self._reasons.resting(question.url, turn.seconds)
            if not turn.granted:
                raise self._reasons.no_time(question.url)
            self._wait(spread(turn.seconds) if turn.blocked else turn.seconds, question.url)
            if not turn.blocked:
                return
        raise self._reasons.no_time(question.url)

    def _wait(self, seconds: float, url: str) -> None:
        self._network.halted.wait(seconds)
        self._refuse_if_closed(url)

    def _refuse_if_closed(self, url: str) -> None:
        if self._network.halted.is_set():
            raise ClientClosed(self._label, url, "the work was given up")


def _host_of(url: str) -> str:
    """The host of an address of the settings, with its port where that is not the usual one."""
    target = target_of(normal_url(url))
    return target.site if target else ""


def _product(user_agent: str) -> str:
    """The product token by which robots.txt calls an agent (RFC 9309 2.2.1), in lower case."""
    found = re.match(r"[A-Za-z_-]+", user_agent)
    return found[0].lower() if found else "vector-pipeline"
