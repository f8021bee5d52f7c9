"""One Atlassian site through one account: questions go out within its budget and come back as JSON, or as errors that
say what to do.

This is the face of the package: paths and links become addresses, redirects are followed where they may be, and work
runs on several threads.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

from vector_pipeline.settings_atlassian import AtlassianSettings
from vector_pipeline.sources.atlassian import redirects
from vector_pipeline.sources.atlassian.address import Product, site_address
from vector_pipeline.sources.atlassian.answers import read_json
from vector_pipeline.sources.atlassian.credentials import secrets_of, way_in
from vector_pipeline.sources.atlassian.exchange import Answer
from vector_pipeline.sources.atlassian.explanations import Explanations
from vector_pipeline.sources.atlassian.halting import Halt, in_order
from vector_pipeline.sources.atlassian.questions import Question, Questions

T = TypeVar("T")
R = TypeVar("R")

LARGEST_ANSWER = 64_000_000
"""Bytes of a JSON answer, decompressed."""
_JSON_HEADERS = {"Accept": "application/json"}
_POST_HEADERS = {**_JSON_HEADERS, "Content-Type": "application/json", "X-Atlassian-Token": "no-check"}
_FILE_HEADERS = {"Accept": "*/*"}


class Site:
    """One site; safe for threads. `label` ("jira/work.OPS") leads every message. Making one sends nothing.

    Raises SourceMisconfigured for an address that can't be the site's. All waiting for a site that is busy or limits
    requests is bounded by `settings.max_wait` over the life of the object; keeping to the settings' own
    `requests_per_minute`, or to the pace that the site's headers ask for, does not count: that is progress.
    """

    def __init__(self, settings: AtlassianSettings, *, product: Product, label: str) -> None:
        self._address = site_address(settings, product, label)
        self._label = label
        self._concurrency = settings.concurrency
        self._explain = Explanations(self._address, way_in(settings, self._address), label, secrets_of(settings))
        self._questions = Questions(settings, self._address, self._explain, label)
        self._lock = threading.Lock()
        self._pools: set[ThreadPoolExecutor] = set()

    @property
    def url(self) -> str:
        """The site's address without a slash at its end; for Confluence Cloud it ends with /wiki."""
        return self._address.url

    @property
    def cloud(self) -> bool:
        """Whether this is Cloud, and not Data Center."""
        return self._address.cloud

    @property
    def sent(self) -> int:
        """Requests sent so far, retries, redirects and downloads included."""
        return self._questions.sent

    def get(self, path: str, params: Mapping[str, Any] | None = None) -> Any:
        """The JSON that a GET answers; None for 204.

        `path` is relative to `url` and starts with "/", or is a next link as the service gave it. Parameters that are
        None are left out, booleans are written as JSON does, lists repeat their name. Raises AnswerRefused (NotThere,
        NoApiHere), SourceDenied, SourceMisconfigured, SourceUnreachable (SiteUnreachable, SiteThrottled), TooLarge.
        """
        url = self._address.resolve(path, self._label)
        if query := _query(params):
            url += ("&" if "?" in url else "?") + query
        return self._follow(Question("GET", url, None, _JSON_HEADERS, LARGEST_ANSWER, read_json))[1]

    def post(self, path: str, body: Any) -> Any:
        """The JSON that a POST of JSON answers. Only for questions: it is sent again when no answer comes."""
        url = self._address.resolve(path, self._label)
        return self._follow(Question("POST", url, json.dumps(body).encode(), _POST_HEADERS, LARGEST_ANSWER, read_json))[
            1
        ]

    def download(self, address: str, limit: int) -> bytes:
        """The bytes of a file at a path or link of the site, of at most `limit` bytes.

        Redirects are followed, without credentials beyond the site's own origin, never from https to http, and never
        from a public site to a private address. Raises TooLarge and what `get` raises.
        """
        url = self._address.resolve(address, self._label)
        return self._follow(Question("GET", url, None, _FILE_HEADERS, limit, None))[0].body

    def each(self, work: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
        """`work(item)` on `settings.concurrency` threads, results in the order of the items.

        At most twice as many items as threads are ahead of the caller. The first exception of a work is raised in its
        place and the rest is abandoned: requests under way end, no other leaves. Likewise when the caller stops early.
        """
        current, check = self._questions.current, self._questions.refuse_if_halted
        halt = Halt(current.halt or self._questions.halt)

        def watched(item: T) -> R:
            current.halt = halt
            check()
            return work(item)

        pool = ThreadPoolExecutor(self._concurrency, thread_name_prefix=self._label)
        with self._lock:
            self._pools.add(pool)
        try:
            yield from in_order(watched, items, pool, 2 * self._concurrency, check)
        finally:
            halt.set()
            pool.shutdown(wait=True, cancel_futures=True)
            halt.leave()
            with self._lock:
                self._pools.discard(pool)

    def hurry(self, seconds: float) -> None:
        """From now on all waits together, for the budget too, take at most so long, and no request starts later."""
        self._questions.hurry(seconds)

    def close(self) -> None:
        """Gives up what is under way and closes all connections; may be called twice."""
        self._questions.halt.set()
        with self._lock:
            pools = list(self._pools)
        for pool in pools:
            pool.shutdown(wait=True, cancel_futures=True)
        self._questions.close()

    def _follow(self, question: Question) -> tuple[Answer, Any]:
        """The answer behind all redirects that may be followed."""
        for hop in range(redirects.MOST + 1):
            answer, found = self._questions.ask(question)
            if answer.status not in redirects.STATUSES:
                return answer, found
            target = redirects.target_of(question.url, answer.headers.get("location", ""))
            if question.read is None:
                allowed = redirects.download_may_follow(self._address, question.url, target)
            else:
                allowed = question.method == "GET" and redirects.question_may_follow(self._address, target)
            if not allowed or hop == redirects.MOST:
                raise self._explain.redirect(answer, target)
            question = replace(question, url=target)
        raise AssertionError("the last redirect is refused above")


def _query(params: Mapping[str, Any] | None) -> str:
    given = {name: _values(value) for name, value in (params or {}).items() if value is not None}
    return urlencode(given, doseq=True, quote_via=quote)


def _values(value: Any) -> Any:
    if isinstance(value, list | tuple | set | frozenset):
        return [_values(one) for one in value]
    return json.dumps(value) if isinstance(value, bool) else value
