"""What goes wrong with a documentation site: outages, sign-in and challenge pages, cut and wrong answers.

A fault is a function from the request and the good reply to the bad one. Which requests it strikes (paths, a seeded
share, so many times) is said where it is switched on.
"""

from __future__ import annotations

import random
import threading
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase

from vector_pipeline_tests.simulators.docs_site_http import Reply, Request

Fault = Callable[[Request, Reply], Reply]


def status(code: int, text: str = "", *, retry_after: int | None = None) -> Fault:
    """This status for everything: 403, 404, 410, 429, 500, …"""
    headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
    page = f"<!doctype html><title>{code}</title><h1>{text or f'Error {code}'}</h1>".encode()
    return lambda _request, _reply: Reply(code, page, headers=headers)


def unavailable(*, retry_after: int | None = None) -> Fault:
    """503, as behind a load balancer without servers."""
    return status(503, "Service Unavailable", retry_after=retry_after)


def not_found() -> Fault:
    """404 for everything, as after a botched deployment."""
    return status(404, "Not Found")


def empty() -> Fault:
    """200 with nothing in it."""
    return lambda _request, _reply: Reply(200, b"")


def maintenance(*, varying: bool = False) -> Fault:
    """200 with the same page for everything; `varying` adds what differs at each request: path, time, request id."""

    def answer(request: Request, _reply: Reply) -> Reply:
        extra = f"<p>Request {uuid.uuid4()} for {request.path} at {random.random()}</p>" if varying else ""
        page = (
            "<!doctype html><html><head><title>Maintenance</title></head><body><main><h1>We will be back soon</h1>"
            f"<p>This site is being improved. Please try again in a few minutes.</p>{extra}</main></body></html>"
        )
        return Reply(200, page.encode())

    return answer


def sign_in(target: str = "/login") -> Fault:
    """A redirect to a sign-in page for everything else: `target` is a path, or a URL at another host."""
    form = b"<!doctype html><title>Sign in</title><h1>Sign in</h1><form><input type=password name=p></form>"

    def answer(request: Request, _reply: Reply) -> Reply:
        if request.path == target:
            return Reply(200, form)
        return Reply(302, b"", headers={"Location": f"{target}?next={request.path}"})

    return answer


def captcha() -> Fault:
    """200 with a challenge in place of the page."""
    page = (
        b"<!doctype html><html><head><title>Just a moment...</title></head><body><h1>Checking your browser</h1>"
        b"<div id='cf-chl-widget'></div><script src='/cdn-cgi/challenge-platform/h/b/orchestrate/chl_page/v1'></script>"
        b"<noscript>Enable JavaScript and cookies to continue</noscript></body></html>"
    )
    return lambda _request, _reply: Reply(200, page)


def slow(seconds: float) -> Fault:
    """The good reply, later. The wait ends when the site stops."""
    return lambda _request, reply: replace(reply, delay=reply.delay + seconds)


def reset() -> Fault:
    """The connection is reset in place of a reply."""
    return lambda _request, _reply: Reply(reset=True)


def cut_off() -> Fault:
    """Half of the body, though all of it was announced. Replies without a body are left as they are."""
    return lambda _request, reply: replace(reply, send_only=len(reply.body) // 2) if reply.body else reply


def wrong_charset(charset: str = "iso-8859-1") -> Fault:
    """The header claims another encoding than the page is written in."""
    return lambda _request, reply: replace(reply, media_type=f"{reply.media_type.partition(';')[0]}; charset={charset}")


def one_of(*faults: Fault, seed: int = 0) -> Fault:
    """One of these, by chance."""
    chance, lock = random.Random(seed), threading.Lock()

    def answer(request: Request, reply: Reply) -> Reply:
        with lock:
            fault = chance.choice(faults)
        return fault(request, reply)

    return answer


@dataclass
class _Strike:
    fault: Fault
    paths: Sequence[str]
    rate: float
    left: int | None
    chance: random.Random = field(repr=False)

    def strikes(self, path: str) -> bool:
        if self.left == 0 or not _covers(self.paths, path) or self.chance.random() >= self.rate:
            return False
        if self.left is not None:
            self.left -= 1
        return True


class Faults:
    """The faults that are switched on; each changes the reply that those before it left."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._strikes: list[_Strike] = []

    def add(
        self, fault: Fault, *paths: str, rate: float = 1.0, times: int | None = None, seed: int = 0
    ) -> Callable[[], None]:
        """Switches a fault on; the function given back switches it off.

        `paths` are patterns (fnmatch); those that start with "!" are spared, none means everything. It strikes a share
        `rate` of the requests, and at most `times` of them.
        """
        strike = _Strike(fault, paths, rate, times, random.Random(seed))
        with self._lock:
            self._strikes.append(strike)
        return lambda: self._remove(strike)

    def clear(self) -> None:
        """All is well again."""
        with self._lock:
            self._strikes.clear()

    def apply(self, request: Request, reply: Reply) -> Reply:
        """The reply after all faults."""
        with self._lock:
            faults = [strike.fault for strike in self._strikes if strike.strikes(request.path)]
        for fault in faults:
            reply = fault(request, reply)
        return reply

    def _remove(self, strike: _Strike) -> None:
        with self._lock:
            self._strikes = [other for other in self._strikes if other is not strike]


def _covers(patterns: Sequence[str], path: str) -> bool:
    spared = [pattern[1:] for pattern in patterns if pattern.startswith("!")]
    wanted = [pattern for pattern in patterns if not pattern.startswith("!")]
    if any(fnmatchcase(path, pattern) for pattern in spared):
        return False
    return not wanted or any(fnmatchcase(path, pattern) for pattern in wanted)
