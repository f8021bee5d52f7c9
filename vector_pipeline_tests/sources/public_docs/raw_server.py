"""A web server on loopback that says exactly the bytes a test gives it, as no polite server would."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from vector_pipeline_tests.listening import listening


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it arrived: when (monotonic), on which connection, and what it said."""

    path: str
    headers: dict[str, str]
    connection: int
    at: float = field(default_factory=time.monotonic)
    line: str = ""


class RawServer:
    """Answers each request with the pieces that `answer(request)` gives, sent as they come.

    A piece of None closes the connection; without one it waits for the next request. `requests` holds all that came.
    Used as a context manager.
    """

    def __init__(
        self,
        answer: Callable[[Request], Iterable[bytes | None]],
        *,
        host: str = "127.0.0.1",
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._answer, self._tls = answer, tls
        self._life = contextlib.ExitStack()
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self.host, self.port, self.url = host, 0, ""
        self.requests: list[Request] = []
        self.connections = 0
        self.sent = 0
        self.stopping = threading.Event()
        self.under_way = 0

    def __enter__(self) -> RawServer:
        _, self.port = self._life.enter_context(listening(self._serve, self.host))
        self.url = f"{'https' if self._tls else 'http'}://{self.host}:{self.port}"
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        self._life.close()
        with self._lock:
            for client in self._open:
                with contextlib.suppress(OSError):
                    client.shutdown(socket.SHUT_RDWR)

    def pause(self, seconds: float) -> None:
        """Lets time pass, unless the server is to stop."""
        self.stopping.wait(seconds)

    def paths(self) -> list[str]:
        """The paths asked for, in order."""
        return [request.path for request in self.requests]

    def _serve(self, plain: socket.socket) -> None:
        with self._lock:
            self.connections += 1
            number = self.connections
        with (
            contextlib.suppress(ValueError),
            self._tls.wrap_socket(plain, server_side=True) if self._tls else plain as client,
        ):
            with self._lock:
                self._open.add(client)
            try:
                while self._serve_one(client, number):
                    pass
            finally:
                with self._lock:
                    self._open.discard(client)

    def _serve_one(self, client: socket.socket, number: int) -> bool:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            byte = client.recv(1)
            if not byte:
                return False
            head += byte
        line, *rest = head.decode("latin-1").split("\r\n")[:-2]
        headers = {name.strip().lower(): value.strip() for name, _, value in (one.partition(":") for one in rest)}
        request = Request(line.split(" ")[1], headers, number, line=line)
        with self._lock:
            self.requests.append(request)
            self.under_way += 1
        try:
            for piece in self._answer(request):
                if piece is None or self.stopping.is_set():
                    return False
                client.sendall(piece)
                self.sent += len(piece)
            return True
        finally:
            with self._lock:
                self.under_way -= 1


def reply(body: bytes = b"", status: str = "200 OK", **headers: str) -> list[bytes | None]:
    """A whole answer as a well-behaved server sends it. Names of headers are written with "_" for "-"."""
    told = {"Content-Type": "text/html; charset=utf-8", "Content-Length": str(len(body))}
    told |= {name.replace("_", "-"): value for name, value in headers.items()}
    lines = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in told.items()), "", ""]
    return ["\r\n".join(lines).encode("latin-1") + body]


def redirect(location: str, status: str = "302 Found") -> list[bytes | None]:
    """A redirect."""
    return reply(b"", status, Location=location)
