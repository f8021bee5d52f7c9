"""A Git server on loopback: Git's own smart HTTP backend behind Basic authentication, with faults on request."""

from __future__ import annotations

import base64
import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit


class GitHttpServer(ThreadingHTTPServer):
    """Serves the repositories below `root`. `password` "" lets those in who give none; `answer` overrides every status,
    `redirect_to` sends everybody to another server.

    While `open` is cleared every request waits, while `hold_at` is set fetches with it in their path do, until
    `open` is set again. `requests` are the paths asked for, `users` the names given.
    """

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, root: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.root = root
        self.password = ""
        self.answer = 0
        self.redirect_to = ""
        self.requests: list[str] = []
        self.users: list[str] = []
        self.hold_at = ""
        self.open = threading.Event()
        self.open.set()

    @property
    def url(self) -> str:
        """http://127.0.0.1:port"""
        return f"http://127.0.0.1:{self.server_address[1]}"


@contextmanager
def git_server(root: Path) -> Iterator[GitHttpServer]:
    """A server in a thread of its own, stopped at the end."""
    server = GitHttpServer(root)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.open.set()
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    server: GitHttpServer

    def do_GET(self) -> None:
        self._serve(b"")

    def do_POST(self) -> None:
        self._serve(self.rfile.read(int(self.headers.get("Content-Length", 0))))

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing: the tests look at `requests`."""

    def _serve(self, body: bytes) -> None:
        self.server.requests.append(self.path)
        allowed = self._allowed()
        if self.server.hold_at and self.server.hold_at in urlsplit(self.path).path and b"command=fetch" in body:
            self.server.open.clear()
        self.server.open.wait(timeout=200)
        if self.server.answer:
            self.send_error(self.server.answer)
        elif self.server.redirect_to:
            self.send_response(301)
            self.send_header("Location", self.server.redirect_to + self.path)
            self.send_header("Content-Length", "0")
            self.end_headers()
        elif not allowed:
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="git"')
            self.send_header("Content-Length", "0")
            self.end_headers()
        else:
            self._backend(body)

    def _allowed(self) -> bool:
        kind, _, value = self.headers.get("Authorization", "").partition(" ")
        user, _, password = base64.b64decode(value).decode().partition(":") if kind == "Basic" else ("", "", "")
        if user:
            self.server.users.append(user)
        return password == self.server.password

    def _backend(self, body: bytes) -> None:
        parts = urlsplit(self.path)
        environment = {
            **os.environ,
            "GIT_PROJECT_ROOT": str(self.server.root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": parts.path,
            "QUERY_STRING": parts.query,
            "REQUEST_METHOD": self.command,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
        }
        done = subprocess.run(["git", "http-backend"], input=body, env=environment, capture_output=True, check=False)
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        fields = [line.partition(": ") for line in head.decode().split("\r\n") if line]
        status = next((value for name, _, value in fields if name == "Status"), "200 OK")
        self.send_response(int(status.split()[0]))
        for name, _, value in fields:
            if name != "Status":
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
