"""Looking up hosts in bounded time: a resolver that hangs holds nobody beyond the deadline.

The system's resolver can't be given up, so it is asked on a thread of its own; there are never many of those.
"""

from __future__ import annotations

import ipaddress
import socket
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from vector_pipeline.sources.public_docs.addresses import IpAddress, literal_address

Resolve = Callable[[str, int], Sequence[Any]]
"""What is asked for a host and port: answers as `socket.getaddrinfo` does, raises OSError."""

_MOST_AT_ONCE = 16
_SLICE = 0.1


class UnknownHost(Exception):
    """The name has no address."""


class LookupTooSlow(Exception):
    """The resolver did not answer in time."""


def system_resolver(host: str, port: int) -> Sequence[Any]:
    """The addresses that the system knows of a host."""
    return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)


class _Question:
    def __init__(self) -> None:
        self.done = threading.Event()
        self.found: Sequence[Any] = ()
        self.unknown = False


class Lookup:
    """Asks `resolve`, on few threads; safe for threads. The same question under way twice is asked once."""

    def __init__(self, resolve: Resolve = system_resolver) -> None:
        self._resolve = resolve
        self._lock = threading.Lock()
        self._room = threading.Event()
        self._under_way: dict[tuple[str, int], _Question] = {}

    def addresses(self, host: str, port: int, until: float, given_up: Callable[[], bool]) -> list[IpAddress]:
        """All addresses of a host, in the resolver's order; at once where its name is an address.

        `until` is the time (monotonic) to give up at. Raises UnknownHost, LookupTooSlow (also once `given_up`).
        """
        literal = literal_address(host)
        if literal is not None:
            return [literal]
        question: _Question | None = None
        while True:
            question = question or self._ask(host, port)
            pause = min(_SLICE, max(0.0, until - time.monotonic()))
            if question is None:
                self._room.wait(pause)
            elif question.done.wait(pause):
                break
            if time.monotonic() >= until or given_up():
                raise LookupTooSlow
        found = [ipaddress.ip_address(str(one[4][0]).partition("%")[0]) for one in question.found]
        if question.unknown or not found:
            raise UnknownHost
        return list(dict.fromkeys(found))

    def _ask(self, host: str, port: int) -> _Question | None:
        """The question under way, None while too many others are."""
        with self._lock:
            question = self._under_way.get((host, port))
            if question is None and len(self._under_way) >= _MOST_AT_ONCE:
                self._room.clear()
            elif question is None:
                question = self._under_way[host, port] = _Question()
                threading.Thread(target=self._answer, args=(host, port, question), name="lookup", daemon=True).start()
            return question

    def _answer(self, host: str, port: int, question: _Question) -> None:
        try:
            question.found = self._resolve(host, port)
        except (OSError, UnicodeError):
            question.unknown = True
        finally:
            with self._lock:
                del self._under_way[host, port]
                self._room.set()
            question.done.set()


SYSTEM = Lookup()
"""The system's resolver, shared by all clients of the process."""
