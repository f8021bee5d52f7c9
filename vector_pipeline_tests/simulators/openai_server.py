"""A loopback server that speaks OpenAI's embeddings API, and misbehaves on request.

Vectors follow from a hash of the text, so a test can compute them; faults are switched on in `server.faults`, once
or for good. `python -m vector_pipeline_tests.simulators.openai_server --port 8765` runs it by itself.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import hashlib
import json
import math
import socket
import struct
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

JsonBody = dict[str, Any]


def vector_of(text: str, dimension: int) -> list[float]:
    """The vector the server has for a text: numbers between -1 and 1 from a hash, not of unit length."""
    stream = hashlib.shake_256(text.encode("utf-8", "surrogatepass")).digest(4 * dimension)
    # exact in 32 bits, so that both encodings of the API carry the same numbers
    return [(word >> 8) / 2**23 - 1 for (word,) in struct.iter_unpack("<I", stream)]


def unit_vector_of(text: str, dimension: int) -> list[float]:
    """`vector_of` scaled to length 1: what an embedder should give."""
    vector = vector_of(text, dimension)
    length = math.sqrt(math.fsum(value * value for value in vector))
    return [value / length for value in vector]


@dataclass(frozen=True)
class Fault:
    """One answer gone wrong: a status with its error, a change of the right answer, or a broken connection."""

    status: int = 200
    code: str | None = None
    kind: str = "server_error"
    headers: Mapping[str, str] = field(default_factory=dict)
    change: Callable[[JsonBody], Any] | None = None
    dropped: bool = False
    truncated: bool = False
    seconds: float = 0.0
    drip_seconds: float = 0.0
    together: threading.Barrier | None = None


def status(status: int, code: str | None = None, kind: str = "server_error", **headers: str) -> Fault:
    """An error answer; keyword arguments are headers, with "_" for "-"."""
    return Fault(status, code, kind, {name.replace("_", "-"): value for name, value in headers.items()})


def rate_limited(*, seconds: float | None = None, ms: float | None = None, date_in: float | None = None) -> Fault:
    """429, with Retry-After in seconds, retry-after-ms, a date so many seconds ahead, or none of them."""
    headers = {}
    if seconds is not None:
        headers["Retry-After"] = f"{seconds:g}"
    if ms is not None:
        headers["retry-after-ms"] = f"{ms:g}"
    if date_in is not None:
        headers["Retry-After"] = formatdate(time.time() + date_in, usegmt=True)
    return Fault(429, "rate_limit_exceeded", "requests", headers)


def out_of_quota() -> Fault:
    """429 that no waiting mends."""
    return Fault(429, "insufficient_quota", "insufficient_quota")


def dropped() -> Fault:
    """The connection closes without an answer."""
    return Fault(dropped=True)


def truncated() -> Fault:
    """The connection closes in the middle of the body."""
    return Fault(truncated=True)


def slow(seconds: float) -> Fault:
    """The right answer, late."""
    return Fault(seconds=seconds)


def dripping(seconds: float) -> Fault:
    """The right answer byte by byte, each soon after the one before, all together after this long."""
    return Fault(drip_seconds=seconds)


def together(requests: int) -> Fault:
    """The right answer, once so many requests that get this fault are under way at the same time."""
    return Fault(together=threading.Barrier(requests, timeout=60))


def short_list() -> Fault:
    """One embedding too few."""
    return Fault(change=lambda body: {**body, "data": body["data"][:-1]})


def same_index() -> Fault:
    """Every embedding claims index 0."""
    return Fault(change=lambda body: {**body, "data": [{**item, "index": 0} for item in body["data"]]})


def no_data() -> Fault:
    """200 with an object that is not an answer."""
    return Fault(change=lambda _body: {"status": "ok"})


def not_json() -> Fault:
    """200 with a login page."""
    return Fault(change=lambda _body: "<html>Sign in</html>")


@dataclass
class Faults:
    """What goes wrong. Attributes hold until changed; `once` puts a fault in the queue, `always` holds for all.

    Markers are pieces of text: a request with a text that contains one is treated so.
    """

    refuse_marker: str = ""
    crash_marker: str = ""
    nan_marker: str = ""
    zero_marker: str = ""
    shuffled: bool = False
    without_index: bool = False
    ignores_base64: bool = False
    refuses_base64: bool = False
    without_usage: bool = False
    max_input_tokens: int = 0
    max_request_tokens: int = 0
    delay: float = 0.0
    headers: dict[str, str] = field(default_factory=dict)
    _queue: deque[Fault] = field(default_factory=deque)
    _always: Fault | None = None

    def once(self, fault: Fault, times: int = 1) -> None:
        """The next `times` requests go wrong so."""
        self._queue.extend([fault] * times)

    def always(self, fault: Fault | None) -> None:
        """Every request goes wrong so, until called with None."""
        self._always = fault

    def clear(self) -> None:
        """Nothing goes wrong any more."""
        self.__init__()  # type: ignore[misc]

    def take(self) -> Fault:
        """The fault of the next request."""
        try:
            return self._queue.popleft()
        except IndexError:
            return self._always or Fault()


@dataclass(frozen=True)
class Request:
    """A request as it came in, names of headers in lower case; `at` is seconds of the monotonic clock."""

    at: float
    path: str
    headers: Mapping[str, str]
    body: JsonBody

    @property
    def texts(self) -> list[str]:
        """The texts to embed."""
        given = self.body.get("input", [])
        return [given] if isinstance(given, str) else list(given)


class OpenAIServer:
    """A running server, as a context manager. `dimension` and `api_key` (empty takes any) may be changed any time."""

    def __init__(
        self,
        *,
        port: int = 0,
        dimension: int = 8,
        model: str = "test-embedding",
        api_key: str = "",
        keep: int = 100_000,
    ) -> None:
        self.dimension = dimension
        self.model = model
        self.api_key = api_key
        self.faults = Faults()
        self.requests: deque[Request] = deque(maxlen=keep)
        """What came in, in order; the oldest are dropped beyond `keep`."""
        self.embedded_texts = 0
        """How many texts were answered with a vector (also a wrong one)."""
        self.most_at_once = 0
        """Most requests under way at the same time."""
        self.over = threading.Event()
        """Set at the end: whatever is slow waits no longer."""
        self._at_once = 0
        self._lock = threading.Lock()
        handler = type("_BoundHandler", (_Handler,), {"simulator": self})
        self._server = _Server(("127.0.0.1", port), handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    @property
    def url(self) -> str:
        """The base URL, ending in /v1."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    @property
    def texts(self) -> Counter[str]:
        """How often each text was sent, over the requests kept."""
        return Counter(text for request in list(self.requests) for text in request.texts)

    def start(self) -> OpenAIServer:
        """Serves in a thread."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """Stops serving, frees the port and breaks the connections that clients keep open."""
        self.over.set()
        self._server.shutdown()
        self._server.break_connections()
        self._server.server_close()
        self._thread.join()

    def __enter__(self) -> OpenAIServer:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def record_request(self, request: Request) -> Fault:
        """Keeps the request and gives what is to go wrong with it."""
        with self._lock:
            self.requests.append(request)
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
            return self.faults.take()

    def record_answer(self, texts: int) -> None:
        """Counts the texts of a request that is over."""
        with self._lock:
            self._at_once -= 1
            self.embedded_texts += texts


@dataclass(frozen=True)
class _Answer:
    status: int
    payload: bytes
    headers: Mapping[str, str]
    texts: int = 0


def _error(status: int, message: str, kind: str, code: str | None, headers: Mapping[str, str] | None = None) -> _Answer:
    body = {"error": {"message": message, "type": kind, "param": None, "code": code}}
    return _Answer(status, json.dumps(body).encode(), headers or {})


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, *args: Any) -> None:
        self._open: set[socket.socket] = set()
        super().__init__(*args)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Remembers the connection while it is served."""
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Forgets the connection."""
        self._open.discard(request)
        super().shutdown_request(request)

    def break_connections(self) -> None:
        """Ends every open connection, so that its client notices."""
        for connection in list(self._open):
            with contextlib.suppress(OSError):  # already closed by its client
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that go away are part of the tests: nothing is printed."""


class _Handler(BaseHTTPRequestHandler):
    simulator: OpenAIServer
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", "0"))) or b"{}")
        request = Request(
            time.monotonic(), self.path, {name.lower(): value for name, value in self.headers.items()}, body
        )
        fault = self.simulator.record_request(request)
        if fault.together is not None:
            with contextlib.suppress(threading.BrokenBarrierError):  # the rest never came
                fault.together.wait()
        self.simulator.over.wait(fault.seconds + self.simulator.faults.delay)
        answer = self._answer(request, fault)
        # before it is sent: who has the answer may count on the numbers
        self.simulator.record_answer(answer.texts)
        if fault.dropped:
            self.close_connection = True
        else:
            self._send(answer, fault)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing is printed."""

    def _answer(self, request: Request, fault: Fault) -> _Answer:
        """What to send, faults of the connection aside."""
        if fault.dropped:
            return _Answer(200, b"", {})
        if fault.status != 200:
            return _error(fault.status, "The server had an error.", fault.kind, fault.code, fault.headers)
        refusal = self._refusal(request)
        if refusal is not None:
            return refusal
        body: Any = self._embeddings(request)
        if fault.change is not None:
            body = fault.change(body)
        payload = (body if isinstance(body, str) else json.dumps(body)).encode()
        return _Answer(200, payload, {**self.simulator.faults.headers, **fault.headers}, len(request.texts))

    def _refusal(self, request: Request) -> _Answer | None:
        """The API's error for a request that is not right, or None."""
        simulator, faults, texts = self.simulator, self.simulator.faults, request.texts
        if request.path.rstrip("/") != "/v1/embeddings":
            return _error(404, f"Invalid URL (POST {request.path})", "invalid_request_error", None)
        key = request.headers.get("authorization", "").removeprefix("Bearer ")
        if simulator.api_key and key != simulator.api_key:
            shown = f"Incorrect API key provided: {key}. You can find your API key in your account."
            return _error(401, shown, "invalid_request_error", "invalid_api_key")
        model = request.body.get("model")
        if model != simulator.model:
            shown = f"The model `{model}` does not exist or you do not have access to it."
            return _error(404, shown, "invalid_request_error", "model_not_found")
        if faults.refuses_base64 and request.body.get("encoding_format") == "base64":
            return _error(422, "encoding_format: base64 is not supported", "invalid_request_error", None)
        if any(not text for text in texts) or not texts:
            return _error(400, "'$.input' is invalid.", "invalid_request_error", None)
        for text in texts:
            if faults.refuse_marker and faults.refuse_marker in text:
                return _error(400, f"Invalid input: {text}", "invalid_request_error", "invalid_input")
            if faults.crash_marker and faults.crash_marker in text:
                return _error(500, f"Failed on: {text}", "server_error", None)
            if faults.max_input_tokens and len(text.split()) > faults.max_input_tokens:
                shown = f"This model's maximum context length is {faults.max_input_tokens} tokens."
                return _error(400, shown, "invalid_request_error", "context_length_exceeded")
        if faults.max_request_tokens and sum(len(text.split()) for text in texts) > faults.max_request_tokens:
            shown = f"Requested too many tokens, max {faults.max_request_tokens} tokens per request"
            return _error(400, shown, "max_tokens_per_request", "max_tokens_per_request")
        return None

    def _embeddings(self, request: Request) -> JsonBody:
        faults, texts = self.simulator.faults, request.texts
        dimension = int(request.body.get("dimensions", self.simulator.dimension))
        as_base64 = request.body.get("encoding_format") == "base64" and not faults.ignores_base64
        data = []
        for index, text in enumerate(texts):
            vector = vector_of(text, dimension)
            if faults.nan_marker and faults.nan_marker in text:
                vector[0] = math.nan
            if faults.zero_marker and faults.zero_marker in text:
                vector = [0.0] * dimension
            packed = base64.b64encode(struct.pack(f"<{dimension}f", *vector)).decode()
            item = {"object": "embedding", "index": index, "embedding": packed if as_base64 else vector}
            if faults.without_index:
                del item["index"]
            data.append(item)
        if faults.shuffled:
            data.sort(key=lambda item: hashlib.sha256(str(item["index"]).encode()).digest())
        tokens = sum(len(text.split()) for text in texts)
        answer: JsonBody = {"object": "list", "data": data, "model": self.simulator.model}
        if not faults.without_usage:
            answer["usage"] = {"prompt_tokens": tokens, "total_tokens": tokens}
        return answer

    def _send(self, answer: _Answer, fault: Fault) -> None:
        payload = answer.payload
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        if fault.truncated:
            self.wfile.write(payload[: len(payload) // 2])
            self.close_connection = True
        elif fault.drip_seconds:
            for byte in payload:
                self.wfile.write(bytes((byte,)))
                self.simulator.over.wait(fault.drip_seconds / len(payload))
        else:
            self.wfile.write(payload)


def main() -> None:
    """Runs the server until it is interrupted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=8765)
    parser.add_argument("--dimension", type=int, default=256)
    parser.add_argument("--model", default="test-embedding")
    parser.add_argument("--delay", type=float, default=0.0, help="seconds before each answer")
    options = parser.parse_args()
    with OpenAIServer(port=options.port, dimension=options.dimension, model=options.model, keep=1000) as server:
        server.faults.delay = options.delay
        print(f"serving {server.url} with {options.dimension} dimensions as {options.model}", flush=True)
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            print(f"{server.embedded_texts} texts embedded")


if __name__ == "__main__":
    main()
