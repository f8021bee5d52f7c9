"""Connections that keep a deadline: a whole answer, from the request to its last byte, ends in time or with an error.

Time-outs of sockets start again with every byte, so a server that drips bytes would hold a run for as long as it likes.
The one idea: before each read the socket gets what is left of the time of the whole exchange.
"""

from __future__ import annotations

import contextlib
import io
import socket
import threading
import time
from collections.abc import Iterator
from http.client import HTTPResponse
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection

from vector_pipeline.sources.atlassian.halting import Halt


class _Bounds(threading.local):
    """The exchange that this thread is in: when it must be over, and what stops it."""

    deadline: float = 0.0
    halt: Halt | None = None
    live: LiveSockets | None = None


_bounds = _Bounds()


class LiveSockets:
    """The sockets that are being read, so that halted work ends at once instead of with its time-out."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._reading: dict[int, tuple[Any, Halt]] = {}

    @contextlib.contextmanager
    def reading(self, sock: Any, halt: Halt) -> Iterator[None]:
        """While inside, `interrupt` ends the read if `halt` is set."""
        key = threading.get_ident()
        with self._lock:
            self._reading[key] = (sock, halt)
        try:
            yield
        finally:
            with self._lock:
                del self._reading[key]

    def interrupt(self) -> None:
        """Ends the reads of halted work."""
        with self._lock:
            for sock, halt in self._reading.values():
                if halt.is_set() and isinstance(sock, socket.socket):
                    with contextlib.suppress(OSError):  # the other end closed it first
                        # not the TLS socket's own method, which takes the session away under the reading thread
                        socket.socket.shutdown(sock, socket.SHUT_RDWR)


@contextlib.contextmanager
def bounded(seconds: float, halt: Halt, live: LiveSockets) -> Iterator[float]:
    """Gives the deadline (monotonic) that all reads of this thread keep while inside."""
    _bounds.deadline, _bounds.halt, _bounds.live = time.monotonic() + seconds, halt, live
    try:
        yield _bounds.deadline
    finally:
        _bounds.deadline, _bounds.halt, _bounds.live = 0.0, None, None


class _TimedReader(io.RawIOBase):
    """The bytes of a socket, each read of which ends by the deadline of the exchange."""

    def __init__(self, sock: Any) -> None:
        super().__init__()
        self._sock = sock
        self._raw = sock.makefile("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        halt, live = _bounds.halt, _bounds.live
        if halt is None or live is None:
            raise TimeoutError("read after the exchange was over")
        left = _bounds.deadline - time.monotonic()
        if left <= 0 or halt.is_set():
            raise TimeoutError("the time of the whole answer is over")
        self._sock.settimeout(left)
        with live.reading(self._sock, halt):
            if halt.is_set():  # set before this read could be seen by `interrupt`
                raise TimeoutError("the work was given up")
            found: int | None = self._raw.readinto(buffer)
            return found

    def close(self) -> None:
        if not self.closed:
            self._raw.close()
        super().close()


class _TimedResponse(HTTPResponse):
    def __init__(self, sock: Any, *rest: Any, **options: Any) -> None:
        super().__init__(sock, *rest, **options)
        self.fp.close()
        self.fp = io.BufferedReader(_TimedReader(sock))


class _TimedConnection(HTTPConnection):
    response_class = _TimedResponse


class _TimedTlsConnection(HTTPSConnection):
    response_class = _TimedResponse


class _TimedPool(HTTPConnectionPool):
    ConnectionCls = _TimedConnection


class _TimedTlsPool(HTTPSConnectionPool):
    ConnectionCls = _TimedTlsConnection


class TimedAdapter(HTTPAdapter):
    """Connections, direct or through a proxy, that keep the deadline of `bounded`."""

    def init_poolmanager(self, *given: Any, **options: Any) -> None:
        super().init_poolmanager(*given, **options)
        _keep_time(self.poolmanager)

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **options)
        _keep_time(manager)
        return manager


def _keep_time(manager: PoolManager) -> None:
    manager.pool_classes_by_scheme = {"http": _TimedPool, "https": _TimedTlsPool}
