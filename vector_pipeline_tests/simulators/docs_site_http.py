"""The HTTP side of the simulated documentation sites: real requests on loopback, replies of any shape, and a log.

A site gives a function from `Request` to `Reply`; a reply may be slow, cut off, endless or no reply at all. Several
sites run at once, each on a port of its own.
"""

from __future__ import annotations

import socket
import struct
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from email.message import Message
from fnmatch import fnmatchcase
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from typing import Any

CONTROL = "/-/"
"""Paths below it are no part of the site and of its log: a site in a process of its own is steered there."""


@dataclass(frozen=True)
class Request:
    """What a client asked; `path` is as sent, without the query."""

    method: str
    path: str
    query: str
    headers: Message

    @property
    def conditional(self) -> bool:
        """Whether the client holds a copy and asks for changes only."""
        return "If-None-Match" in self.headers or "If-Modified-Since" in self.headers


@dataclass(frozen=True)
class Reply:
    """An answer. `headers` may replace Content-Type and Content-Length; an empty value leaves a header out.

    The head is sent after `delay` seconds, then the body. `pieces` in place of `body` go out one by one as they come,
    as chunks unless `headers` announce a Content-Length. After `send_only` bytes the connection is cut; with `reset`
    there is not even a head. What waits or streams ends when the site stops.
    """

    status: int = 200
    body: bytes = b""
    media_type: str = "text/html; charset=utf-8"
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0.0
    reset: bool = False
    send_only: int | None = None
    pieces: Iterable[bytes] | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """One line of the log. `at` is `time.monotonic()` when the request came, `sent` the bytes of the body."""

    method: str
    path: str
    query: str
    status: int
    conditional: bool
    sent: int
    at: float
    user_agent: str
    host: str


class RequestLog:
    """What was asked, in the order of answering. Paths are patterns (fnmatch): "/guide/*"."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._asked: list[Asked] = []
        self._under_way = 0
        self._most_at_once = 0

    def all(self) -> list[Asked]:
        """Everything since the last `clear`."""
        with self._lock:
            return list(self._asked)

    def clear(self) -> None:
        """Forgets everything so far."""
        with self._lock:
            self._asked.clear()
            self._most_at_once = self._under_way

    def find(
        self, path: str = "*", *, method: str = "", status: int = 0, conditional: bool | None = None
    ) -> list[Asked]:
        """The requests with such a path, and this method, status and conditionality if given."""
        return [
            asked
            for asked in self.all()
            if fnmatchcase(asked.path, path)
            and method in ("", asked.method)
            and status in (0, asked.status)
            and conditional in (None, asked.conditional)
        ]

    def count(self, path: str = "*", *, method: str = "", status: int = 0, conditional: bool | None = None) -> int:
        """How many requests `find` gives."""
        return len(self.find(path, method=method, status=status, conditional=conditional))

    def by_path(self) -> Counter[str]:
        """How often each path was asked for."""
        return Counter(asked.path for asked in self.all())

    def by_status(self) -> Counter[int]:
        """How often each status was answered; 0 stands for no answer."""
        return Counter(asked.status for asked in self.all())

    @property
    def user_agents(self) -> set[str]:
        """Every User-Agent that was sent."""
        return {asked.user_agent for asked in self.all()}

    @property
    def sent(self) -> int:
        """Bytes of all bodies."""
        return sum(asked.sent for asked in self.all())

    @property
    def most_at_once(self) -> int:
        """The most requests that were under way at one time."""
        with self._lock:
            return self._most_at_once

    @property
    def shortest_gap(self) -> float:
        """The least time between the beginnings of two requests, in seconds; infinite for fewer than two."""
        times = sorted(asked.at for asked in self.all())
        return min((later - earlier for earlier, later in pairwise(times)), default=float("inf"))

    def begin(self) -> float:
        """Counts a request that came; gives the time."""
        with self._lock:
            self._under_way += 1
            self._most_at_once = max(self._most_at_once, self._under_way)
        return time.monotonic()

    def add(self, asked: Asked | None) -> None:
        """Counts a request that is answered, and keeps its line."""
        with self._lock:
            self._under_way -= 1
            if asked is not None:
                self._asked.append(asked)


class HttpSite:
    """A site on a free loopback port. `url` is its root, with a slash at the end.

    From `start` to `stop` it answers; then its port refuses connections, until it is started again at the same port.
    """

    def __init__(self, answer: Callable[[Request], Reply], *, host: str = "127.0.0.1", port: int = 0) -> None:
        self.log = RequestLog()
        self.stopping = threading.Event()
        self._answer, self._host = answer, host
        self._server: _Server | None = _Server((host, port), answer, self)
        self.port = int(self._server.server_address[1])
        self.url = f"http://{f'[{host}]' if ':' in host else host}:{self.port}/"
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Answers from now on."""
        self.stopping.clear()
        if self._server is None:
            self._server = _Server((self._host, self.port), self._answer, self)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ends every answer and connection, and frees the port. May be called twice."""
        self.stopping.set()
        server, self._server = self._server, None
        if server is None:
            return
        if self._thread is not None:
            server.shutdown()
            self._thread.join()
        server.server_close()
        server.hang_up()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], answer: Callable[[Request], Reply], site: HttpSite) -> None:
        self.answer, self.site = answer, site
        self._connections: set[socket.socket] = set()
        if ":" in address[0]:
            self.address_family = socket.AF_INET6
        super().__init__(address, _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Remembers the connection until it is closed."""
        self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Forgets the connection."""
        self._connections.discard(request)
        super().shutdown_request(request)

    def hang_up(self) -> None:
        """Ends the connections that clients keep open for further requests."""
        for connection in list(self._connections):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that hang up are part of the tests; anything else is a bug to be seen."""
        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: _Server
    _streamed = 0

    def do_GET(self) -> None:
        site = self.server.site
        begun = site.log.begin()
        try:
            path, _, query = self.path.partition("?")
            request = Request(self.command, path, query, self.headers)
            reply = self.server.answer(request)
            site.stopping.wait(reply.delay)
        except BaseException:
            site.log.add(None)
            raise
        asked = self._asked(request, reply, begun) if not path.startswith(CONTROL) else None
        if reply.pieces is None:
            site.log.add(asked)  # before it leaves, so that a client that has its answer finds it in the log
            self._send(reply)
            return
        try:
            self._send(reply)
        finally:
            site.log.add(replace(asked, sent=self._streamed) if asked else None)

    do_HEAD = do_POST = do_GET

    def log_message(self, format: str, *args: Any) -> None:
        """Silent: `HttpSite.log` is the log."""

    def _asked(self, request: Request, reply: Reply, begun: float) -> Asked:
        bodiless = reply.reset or reply.status == 304 or request.method == "HEAD" or reply.pieces is not None
        return Asked(
            method=request.method,
            path=request.path,
            query=request.query,
            status=0 if reply.reset else reply.status,
            conditional=request.conditional,
            sent=0 if bodiless else len(reply.body[: reply.send_only]),
            at=begun,
            user_agent=request.headers.get("User-Agent", ""),
            host=request.headers.get("Host", ""),
        )

    def _send(self, reply: Reply) -> None:
        self._streamed = 0
        if reply.reset:
            self._reset()
            return
        headers = {"Content-Type": reply.media_type, **reply.headers}
        chunked = reply.pieces is not None and "Content-Length" not in headers
        if chunked:
            headers["Transfer-Encoding"] = "chunked"
        elif reply.status != 304:
            headers.setdefault("Content-Length", str(len(reply.body)))
        self.send_response_only(reply.status)
        self.send_header("Date", self.date_time_string())
        for name, value in headers.items():
            if value:
                self.send_header(name, value)
        self.end_headers()
        if reply.status == 304 or self.command == "HEAD":
            return
        if reply.pieces is not None:
            self._stream(reply.pieces, chunked)
            return
        self.wfile.write(reply.body[: reply.send_only])
        if reply.send_only is not None:
            self.wfile.flush()
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)

    def _stream(self, pieces: Iterable[bytes], chunked: bool) -> None:
        for piece in pieces:
            if self.server.site.stopping.is_set():
                self.close_connection = True
                return
            self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
            self.wfile.flush()
            self._streamed += len(piece)
        if chunked:
            self.wfile.write(b"0\r\n\r\n")

    def _reset(self) -> None:
        """Closes the connection so that the client sees a reset, not an end."""
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.rfile.close()
        self.connection.close()
