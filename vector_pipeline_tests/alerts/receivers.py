"""A real HTTP server and a real SMTP server on loopback that keep what they are sent, fail as told, and come back."""

from __future__ import annotations

import base64
import contextlib
import json
import shutil
import socketserver
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Literal

import pytest

Fault = Literal["", "refuse", "close", "hang", "redirect"]


@dataclass
class HttpReceiver:
    """Requests that came, as (path, headers, JSON). `fault` says how the next ones fail."""

    port: int
    fault: Fault = ""
    status: int = 500
    requests: list[tuple[str, dict[str, str], Any]] = field(default_factory=list)
    asked: int = 0
    hung: threading.Event = field(default_factory=threading.Event)
    """Set once a request is left without an answer."""
    released: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook/s3cr3t-path"

    @property
    def bodies(self) -> list[Any]:
        return [body for _, _, body in self.requests]

    @property
    def events(self) -> list[str]:
        """Event and title of each message that was taken."""
        return [f"{body['event']}: {body['title']}" for body in self.bodies]


@contextmanager
def http_receiver() -> Iterator[HttpReceiver]:
    """A server for the length of the block."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            receiver.asked += 1
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if receiver.fault == "close":
                self.connection.close()
                return
            if receiver.fault == "hang":
                receiver.hung.set()
                receiver.released.wait(60)
                return
            if receiver.fault:
                self.send_response(307 if receiver.fault == "redirect" else receiver.status)
                self.send_header("Location", f"http://127.0.0.1:{receiver.port}/elsewhere")
                self.send_header("Retry-After", "120")
                self.end_headers()
                self.wfile.write(b"the answer says: words of a document")
                return
            receiver.requests.append((self.path, dict(self.headers), json.loads(body)))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing on the terminal."""

        def finish(self) -> None:
            with contextlib.suppress(OSError, ValueError):
                super().finish()

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        receiver = HttpReceiver(server.server_address[1])
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield receiver
        finally:
            receiver.released.set()
            server.shutdown()
            thread.join()


@dataclass
class SmtpReceiver:
    """Mails that came, with who logged in. `fault` says how the next connections fail."""

    port: int
    fault: Fault = ""
    refused: frozenset[str] = frozenset()
    mails: list[EmailMessage] = field(default_factory=list)
    recipients: list[list[str]] = field(default_factory=list)
    logins: list[tuple[str, str, bool]] = field(default_factory=list)
    """User, password, and whether they came encrypted."""
    released: threading.Event = field(default_factory=threading.Event)


@contextmanager
def smtp_receiver(certificate: Path | None = None, *, encrypted: bool = False) -> Iterator[SmtpReceiver]:
    """A server for the length of the block: with STARTTLS where it has a certificate, or `encrypted` from the start."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            with contextlib.suppress(OSError):
                if encrypted:
                    self._encrypt()
                self._talk()

        def _encrypt(self) -> None:
            assert certificate is not None
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            context.load_cert_chain(certificate)
            self.request = context.wrap_socket(self.request, server_side=True)
            self.rfile, self.wfile = self.request.makefile("rb"), self.request.makefile("wb", buffering=0)

        def _say(self, line: str) -> None:
            self.wfile.write(line.encode() + b"\r\n")

        def _talk(self) -> None:
            if receiver.fault == "close":
                return
            if receiver.fault == "hang":
                receiver.released.wait(60)
                return
            self._say("220 here")
            to: list[str] = []
            while line := self.rfile.readline().decode().strip():
                word = line.split(" ")[0].upper()
                if word == "EHLO":
                    offers = ["AUTH PLAIN", *(["STARTTLS"] if certificate and not self._is_encrypted() else [])]
                    self._say("\r\n".join(["250-here", *(f"250-{offer}" for offer in offers), "250 8BITMIME"]))
                elif word == "STARTTLS":
                    self._say("220 go on")
                    self._encrypt()
                elif word == "AUTH":
                    _, user, password = base64.b64decode(line.split(" ")[2]).decode().split("\0")
                    receiver.logins.append((user, password, self._is_encrypted()))
                    self._say("235 welcome" if password == "right" else "535 wrong: " + password)
                elif word == "RCPT":
                    address = line.partition("<")[2].partition(">")[0]
                    to.append(address)
                    self._say("550 nobody" if address in receiver.refused else "250 fine")
                elif word == "DATA":
                    self._say("354 go on")
                    self._take(to)
                elif word == "QUIT":
                    self._say("221 bye")
                    return
                else:
                    self._say("250 fine")

        def _take(self, to: list[str]) -> None:
            data = b""
            while not data.endswith(b"\r\n.\r\n"):
                data += self.rfile.readline()
            if receiver.fault == "refuse":
                self._say("451 later: words of a document")
                return
            parsed = message_from_bytes(data[:-3], policy=policy.default)
            receiver.mails.append(parsed)
            receiver.recipients.append(list(to))
            self._say("250 taken")

        def _is_encrypted(self) -> bool:
            return isinstance(self.request, ssl.SSLSocket)

    class Server(socketserver.ThreadingTCPServer):
        allow_reuse_address = True
        daemon_threads = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            """A client that does not trust the certificate is no news."""

    with Server(("127.0.0.1", 0), Handler) as server:
        receiver = SmtpReceiver(server.server_address[1])
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield receiver
        finally:
            receiver.released.set()
            server.shutdown()
            thread.join()


def make_certificate(folder: Path) -> Path:
    """A key and a certificate for 127.0.0.1 that signs itself, in one file."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("needs the openssl command")
    key, certificate, both = folder / "key.pem", folder / "certificate.pem", folder / "both.pem"
    words = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"]
    words += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run([openssl, *words], check=True, capture_output=True)
    both.write_text(key.read_text() + certificate.read_text())
    return both
