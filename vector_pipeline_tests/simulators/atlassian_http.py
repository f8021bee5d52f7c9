"""The HTTP side of the simulated Atlassian services: requests, answers, routes, a log of what was asked.

A service subclasses `AtlassianServer` and fills its `router`; a handler gets a `Request` and gives JSON, a `Response`,
or raises `Refused`. Authentication, gateway paths, rate limits and faults are dealt with here, so that both products
and both flavours misbehave alike. The server is a context manager on a free loopback port.
"""

from __future__ import annotations

import json
import re
import socket
import ssl
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.message import Message
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, unquote

from vector_pipeline_tests.simulators.atlassian_conditions import (
    Account,
    Accounts,
    Clock,
    Fault,
    Faults,
    Flavour,
    RateLimit,
    Refused,
)

CLOUD_ID = "11223344-a1b2-3b33-c444-def123456789"
JSON_TYPE = "application/json;charset=UTF-8"
_DRIP_PIECES = 20


@dataclass
class Request:
    """What a client asked. `path` is without the gateway's prefix, as sent; `parts` are the route's, decoded."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: Message
    body: bytes
    gateway: bool
    raw_target: str
    base_url: str
    account: Account | None = None
    parts: dict[str, str] = field(default_factory=dict)

    @property
    def who(self) -> Account:
        """The account that asks; only on routes that need one."""
        assert self.account is not None, "a route without authentication has no account"
        return self.account

    def text(self, name: str, default: str = "") -> str:
        """The last value of a query parameter."""
        return self.query.get(name, [default])[-1]

    def number(self, name: str, default: int) -> int:
        """A query parameter as a number. Raises Refused (400) for anything else."""
        value = self.text(name)
        if value == "":
            return default
        try:
            return int(value)
        except ValueError:
            raise Refused(400, {"errorMessages": [f"The value '{value}' of '{name}' is not a number."]}) from None

    def many(self, name: str) -> list[str]:
        """A repeated or comma-separated query parameter as a list."""
        return [piece.strip() for value in self.query.get(name, []) for piece in value.split(",") if piece.strip()]

    def json(self) -> Any:
        """The JSON body. Raises Refused: 415 without a JSON content type, 400 for what is not JSON."""
        content_type = self.headers.get("Content-Type")
        if content_type is None or "json" not in content_type.lower():
            detail = f"Content-Type '{content_type or 'null'}' is not supported."
            problem = {"title": "Unsupported Media Type", "detail": detail, "instance": self.path}
            raise Refused(415, problem, content_type="application/problem+json")
        try:
            return json.loads(self.body)
        except ValueError:
            message = "There was an error parsing JSON. Check that your request body is valid."
            raise Refused(400, {"errorMessages": [message]}) from None


@dataclass
class Response:
    """An answer: `body` is JSON-able, or text or bytes that go out as they are."""

    body: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    content_type: str = JSON_TYPE

    def encoded(self) -> bytes:
        """The body as it goes over the wire."""
        if self.body is None:
            return b""
        if isinstance(self.body, bytes):
            return self.body
        if isinstance(self.body, str):
            return self.body.encode("utf-8")
        return json.dumps(self.body, ensure_ascii=False, separators=(",", ":")).encode("utf-8")


Handler = Callable[[Request], Any]


@dataclass(frozen=True)
class _Route:
    method: str
    template: str
    pattern: re.Pattern[str]
    handler: Handler
    public: bool


class Router:
    """Which handler answers which path; `{name}` in a template stands for one segment."""

    def __init__(self) -> None:
        self._routes: list[_Route] = []

    def add(self, method: str, template: str, handler: Handler, *, public: bool = False) -> None:
        """Adds a route; earlier ones win. A `public` one needs no authentication."""
        pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", template)
        self._routes.append(_Route(method, template, re.compile(pattern + "/?"), handler, public))

    def find(self, method: str, path: str) -> tuple[_Route, dict[str, str]]:
        """The route and its parts. Raises Refused: 404 for no such path, 405 for another method."""
        seen = False
        for route in self._routes:
            if found := route.pattern.fullmatch(path):
                if route.method == method:
                    return route, {name: unquote(value) for name, value in found.groupdict().items()}
                seen = True
        if seen:
            raise Refused(405, {"message": "HTTP 405 Method Not Allowed", "status-code": 405})
        if path.startswith(("/rest/", "/wiki/rest/", "/wiki/api/")):
            raise Refused(404, {"message": f"null for uri: {path}", "status-code": 404})
        raise Refused(404, "<html><body>Oops, you've found a dead link.</body></html>", content_type="text/html")


@dataclass(frozen=True)
class Asked:
    """One line of the request log. `template` is the route's path with its {parts}, "" when none was found."""

    method: str
    path: str
    query: Mapping[str, list[str]]
    body: bytes
    template: str
    status: int
    seconds: float
    sent_bytes: int
    account: str
    cookie: bool


class RequestLog:
    """What was asked, in the order of answering, for assertions about request budgets."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._asked: list[Asked] = []

    def add(self, asked: Asked) -> None:
        with self._lock:
            self._asked.append(asked)

    def all(self) -> list[Asked]:
        """Everything since the last `clear`."""
        with self._lock:
            return list(self._asked)

    def clear(self) -> None:
        """Forgets everything so far."""
        with self._lock:
            self._asked.clear()

    def find(self, path: str = "", *, method: str = "", status: int = 0) -> list[Asked]:
        """The requests whose path contains `path`, with this method and status if given."""
        return [
            asked
            for asked in self.all()
            if path in asked.path and method in ("", asked.method) and status in (0, asked.status)
        ]

    def count(self, path: str = "", *, method: str = "", status: int = 0) -> int:
        """How many requests `find` gives."""
        return len(self.find(path, method=method, status=status))

    def by_route(self) -> dict[str, int]:
        """How often each route was asked: {"GET /rest/api/3/issue/{key}": 3, …}."""
        return dict(Counter(f"{asked.method} {asked.template or asked.path}" for asked in self.all()))


class AtlassianServer:
    """A simulated site: `url` for clients, `gateway_url` for the Cloud gateway, and the conditions tests change."""

    product = "jira"
    context_path = ""

    def __init__(
        self,
        flavour: Flavour | str,
        *,
        clock: Clock | None = None,
        port: int = 0,
        tls: ssl.SSLContext | None = None,
        host: str = "127.0.0.1",
    ) -> None:
        self.flavour = Flavour(flavour)
        self.clock = clock or Clock()
        self.accounts = Accounts(self.clock)
        self.faults = Faults()
        self.rate_limit = RateLimit()
        self.log = RequestLog()
        self.router = Router()
        self.sets_cookie = False
        """With True (Data Center) answers set a session cookie, and who sends it back escapes the rate limit."""
        self.observers: list[Callable[[Request, str, Response], None]] = []
        """Called with request, route template ("" for none) and answer, before it is sent. May change the state."""
        self.stopping = threading.Event()
        self._http = _HttpServer((host, port), _Handler)
        self._http.service = self
        self._scheme = "https" if tls else "http"
        if tls:
            self._http.socket = tls.wrap_socket(self._http.socket, server_side=True)
        self._thread: threading.Thread | None = None
        self.router.add("GET", "/_edge/tenant_info", lambda _request: {"cloudId": CLOUD_ID}, public=True)

    # ---- addresses
    @property
    def port(self) -> int:
        return int(self._http.server_address[1])

    @property
    def origin(self) -> str:
        """Scheme, host and port."""
        return f"{self._scheme}://127.0.0.1:{self.port}"

    @property
    def other_origin(self) -> str:
        """The same server by another host name: where redirects to a foreign host lead."""
        return f"{self._scheme}://localhost:{self.port}"

    @property
    def url(self) -> str:
        """The base URL that a user would give."""
        return self.origin + self.context_path

    @property
    def gateway_url(self) -> str:
        """The base URL through the API gateway (Cloud)."""
        return f"{self.origin}/ex/{self.product}/{CLOUD_ID}"

    # ---- life
    def start(self) -> Self:
        """Serves in a thread until `stop`."""
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()
        return self

    def stop(self) -> None:
        """Ends serving and closes the port."""
        self.stopping.set()
        if self._thread is not None:
            self._http.shutdown()
            self._thread.join()
            self._thread = None
        self._http.server_close()

    def serve_forever(self) -> None:
        """Serves in this thread until interrupted."""
        self._http.serve_forever()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    # ---- one request
    def answer(self, request: Request, fault: Fault | None) -> tuple[str, Response]:
        """The route's template and the answer, with the fault's status or change applied."""
        template, limits = "", dict[str, str]()
        try:
            if fault is not None and fault.status:
                return template, Response(fault.body, fault.status, dict(fault.headers), fault.content_type)
            route, parts = self.router.find(request.method, request.path)
            template, request.parts = route.template, parts
            authorization = request.headers.get("Authorization")
            if not route.public:
                request.account = self.accounts.authenticate(self.flavour, authorization, gateway=request.gateway)
                if not (self.sets_cookie and "JSESSIONID" in request.headers.get("Cookie", "")):
                    limits = self.rate_limit.enter(self.flavour, request.account.id)
            found = route.handler(request)
            response = found if isinstance(found, Response) else Response(found)
        except Refused as refused:
            response = Response(refused.body, refused.status, dict(refused.headers), refused.content_type)
        response.headers = {**limits, **response.headers}
        if self.sets_cookie:
            response.headers["Set-Cookie"] = "JSESSIONID=0123456789ABCDEF; Path=/; HttpOnly"
        if fault is not None and fault.change is not None and response.status == 200:
            # changed after a round trip through JSON, so that a test can't touch the state by accident
            response.body = fault.change(json.loads(response.encoded()))
        for observe in self.observers:
            observe(request, template, response)
        return template, response


class _HttpServer(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    service: AtlassianServer

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that go away mid-answer are part of the tests; anything else is a bug to be seen."""
        if not isinstance(sys.exception(), ConnectionError | TimeoutError | ssl.SSLError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _HttpServer

    def do_GET(self) -> None:
        self._serve()

    do_POST = do_PUT = do_DELETE = do_HEAD = do_GET

    def log_message(self, format: str, *args: Any) -> None:
        """Silent: the log is `AtlassianServer.log`."""

    def _serve(self) -> None:
        service, started = self.server.service, time.perf_counter()
        request = self._request(service)
        fault = service.faults.next_fault(request.method, request.path)
        if fault is not None and fault.seconds:
            service.stopping.wait(fault.seconds)
        if fault is not None and fault.dropped:
            self._record(service, request, "", 0, 0, started)
            self._hang_up()
            return
        template, response = service.answer(request, fault)
        payload = response.encoded()
        self._record(service, request, template, response.status, len(payload), started)
        self._send(service, response, payload, fault)

    def _request(self, service: AtlassianServer) -> Request:
        target = self.path
        if "://" in target.split("?", 1)[0]:  # asked as of a proxy
            target = "/" + target.split("://", 1)[1].partition("/")[2]
        path, _, query = target.partition("?")
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        gateway = re.fullmatch(rf"/ex/{service.product}/{CLOUD_ID}(/.*)?", path)
        through = gateway is not None and service.flavour is Flavour.CLOUD
        if gateway is not None and through:
            path = gateway.group(1) or "/"
        return Request(
            method=self.command,
            path=path,
            query=parse_qs(query, keep_blank_values=True),
            headers=self.headers,
            body=body,
            gateway=through,
            raw_target=self.path,
            base_url=service.url,
        )

    def _record(
        self, service: AtlassianServer, request: Request, template: str, status: int, size: int, started: float
    ) -> None:
        service.log.add(
            Asked(
                method=request.method,
                path=request.path,
                query=request.query,
                body=request.body,
                template=template,
                status=status,
                seconds=time.perf_counter() - started,
                sent_bytes=size,
                account=request.account.id if request.account else "",
                cookie="Cookie" in request.headers,
            )
        )

    def _send(self, service: AtlassianServer, response: Response, payload: bytes, fault: Fault | None) -> None:
        self.send_response_only(response.status)
        self.send_header("Date", format_datetime(service.clock.now(), usegmt=True))
        self.send_header("Content-Type", response.content_type)
        self.send_header("Content-Length", str(len(payload)))
        for name, value in response.headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "HEAD":
            return
        limit = service.faults.cut_bodies_above
        if (fault is not None and fault.truncated) or (limit and len(payload) > limit):
            self.wfile.write(payload[: len(payload) // 2])
            self._hang_up()
        elif fault is not None and fault.drip_seconds:
            piece = max(1, len(payload) // _DRIP_PIECES)
            for start in range(0, len(payload), piece):
                self.wfile.write(payload[start : start + piece])
                service.stopping.wait(fault.drip_seconds / _DRIP_PIECES)
        else:
            self.wfile.write(payload)

    def _hang_up(self) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)
