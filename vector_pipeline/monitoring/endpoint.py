"""A small HTTP server for machines that watch: /healthz, /readyz and /metrics. It reads and never changes anything.

It answers GET and HEAD alone, takes no body, and closes the connection after each answer. At most so many requests are
worked on at once, each within a time limit; whoever comes beyond that is turned away.
"""

from __future__ import annotations

import ipaddress
import logging
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from vector_pipeline.errors import PipelineError

AT_ONCE = 8
"""Requests that are worked on at once."""

TIMEOUT = 10.0
"""Seconds a client may take to say what it wants, and to take the answer."""

_TEXT = "text/plain; charset=utf-8"
_log = logging.getLogger(__name__)


class EndpointUnavailable(PipelineError):
    """The address can't be listened on."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What is sent back."""

    status: HTTPStatus
    body: bytes
    content_type: str = _TEXT

    @classmethod
    def text(cls, status: HTTPStatus, text: str) -> Answer:
        """A line of text."""
        return cls(status, f"{text}\n".encode("utf-8", "replace"))


Answers = dict[str, Callable[[], Answer]]
"""Path to what makes the answer. It may raise PipelineError, which becomes 503."""


class Endpoint(ThreadingHTTPServer):
    """Serves answers by path. Raises EndpointUnavailable where the address is taken or not ours."""

    daemon_threads = True
    request_queue_size = 16

    def __init__(self, host: str, port: int, answers: Answers) -> None:
        self.answers = answers
        self._places = threading.BoundedSemaphore(AT_ONCE)
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            super().__init__((host, port), _Handler)
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise EndpointUnavailable(
                f"{host}:{port} can't be listened on: {reason}", hint="choose another with --port, or stop who has it"
            ) from error

    @property
    def port(self) -> int:
        """The port in use."""
        return int(self.server_address[1])

    def process_request(self, request: Any, client_address: Any) -> None:
        """In a thread of its own, if there is a place."""
        if not self._places.acquire(blocking=False):
            self.shutdown_request(request)
            return
        try:
            super().process_request(request, client_address)
        except BaseException:
            self._places.release()
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Gives the place back at the end."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._places.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is nothing to report."""
        _log.debug("a request was broken off", exc_info=True)


class _Handler(BaseHTTPRequestHandler):
    server: Endpoint
    timeout = TIMEOUT
    protocol_version = "HTTP/1.0"  # one request per connection

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def _answer(self, *, with_body: bool) -> None:
        answer = self._made()
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(answer.body)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.end_headers()
        if with_body:
            self.wfile.write(answer.body)

    def _made(self) -> Answer:
        path = self.path.partition("?")[0]
        make = self.server.answers.get(path)
        if make is None:
            return Answer.text(HTTPStatus.NOT_FOUND, f"there are: {', '.join(self.server.answers)}")
        try:
            return make()
        except PipelineError as error:
            return Answer.text(HTTPStatus.SERVICE_UNAVAILABLE, str(error))
        except Exception as error:  # noqa: BLE001  # the next request must find the server alive
            _log.error("%s failed with %s", path, type(error).__name__, exc_info=_log.isEnabledFor(logging.DEBUG))
            return Answer.text(HTTPStatus.INTERNAL_SERVER_ERROR, f"failed with {type(error).__name__}")

    def version_string(self) -> str:
        return "vector-pipeline"

    def log_message(self, format: str, *args: Any) -> None:
        _log.debug(format, *args)


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach the address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
