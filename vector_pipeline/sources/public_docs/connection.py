"""Connections to checked addresses that keep a deadline: a whole exchange ends in time, or with an error.

Time-outs of sockets start again with every byte, so a server that drips bytes would hold a run for as long as it likes.
The one idea: each connect, read and write gets what is left of the time of the whole exchange.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import httpcore2

from vector_pipeline.sources.public_docs.addresses import IpAddress, why_not_public
from vector_pipeline.sources.public_docs.lookup import Lookup

_CONNECT_SECONDS = 20.0
_MOST_ADDRESSES = 8


class NotPublic(Exception):
    """A name means an address that requests may not reach. `kind` says what it is: "loopback", "private", …"""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


class Exchange(threading.local):
    """What this thread is in the middle of: until when it must be over, and how far it came."""

    until: float = 0.0
    connected: bool = False
    heard: bool = False


class Network(httpcore2.NetworkBackend):
    """Where connections come from: it looks names up, checks every address, and keeps the time of the exchange.

    `may_be_private` says whether a host (name, port) may have addresses that are not public.
    """

    def __init__(self, lookup: Lookup, may_be_private: Callable[[str, int], bool]) -> None:
        self._lookup, self._may_be_private = lookup, may_be_private
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self.halted = threading.Event()
        self.exchange = Exchange()

    @contextlib.contextmanager
    def exchanging(self, until: float) -> Iterator[Exchange]:
        """While inside, all this thread does with connections must be over at `until` (monotonic)."""
        self.exchange.until, self.exchange.connected, self.exchange.heard = until, False, False
        try:
            yield self.exchange
        finally:
            self.exchange.until = 0.0

    def halt(self) -> None:
        """Ends all that is under way, and lets nothing begin."""
        self.halted.set()
        with self._lock:
            for switch in self._open:
                with contextlib.suppress(OSError):  # the other end closed it first
                    switch.shutdown(socket.SHUT_RDWR)

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.NetworkStream:
        """A connection to one of the host's addresses.

        Raises NotPublic, UnknownHost and LookupTooSlow besides what the library does.
        """
        self.exchange.connected = True
        until = min(self.exchange.until, time.monotonic() + _CONNECT_SECONDS)
        addresses = self._lookup.addresses(host, port, until, self.halted.is_set)
        if not self._may_be_private(host, port):
            for address in addresses:
                if kind := why_not_public(address):
                    raise NotPublic(kind)
        addresses = addresses[:_MOST_ADDRESSES]
        for number, address in enumerate(addresses, start=1):
            share = (until - time.monotonic()) / (len(addresses) - number + 1)
            try:
                return self._connect(address, port, share)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout):
                if number == len(addresses) or self.halted.is_set():
                    raise
        raise AssertionError("a host has at least one address")

    def _connect(self, address: IpAddress, port: int, seconds: float) -> httpcore2.NetworkStream:
        family = socket.AF_INET if address.version == 4 else socket.AF_INET6
        sock = socket.socket(family, socket.SOCK_STREAM)
        switch = self._register(sock)
        try:
            sock.settimeout(max(0.001, seconds))
            sock.connect((str(address), port))
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except BaseException as error:
            self.forget(switch)
            sock.close()
            if isinstance(error, TimeoutError):
                raise httpcore2.ConnectTimeout(error) from error
            if isinstance(error, OSError):
                raise httpcore2.ConnectError(error) from error
            raise
        return _Stream(self, sock, switch)

    def _register(self, sock: socket.socket) -> socket.socket:
        """A second handle of the connection, through which another thread may end what is under way.

        It stays when the first one becomes a TLS socket, and shutting it down takes nothing away under a reader.
        """
        with self._lock:
            if self.halted.is_set():
                sock.close()
                raise httpcore2.ConnectError("given up")
            switch = sock.dup()
            self._open.add(switch)
            return switch

    def forget(self, switch: socket.socket) -> None:
        """Closes the second handle of a connection that is over."""
        with self._lock:
            self._open.discard(switch)
        switch.close()

    def left(self) -> float:
        """Seconds left of the exchange, above 0. Raises TimeoutError when there are none."""
        left = self.exchange.until - time.monotonic()
        if left <= 0 or self.halted.is_set():
            raise TimeoutError("the time of the whole exchange is over")
        return left


class _Stream(httpcore2.NetworkStream):
    def __init__(self, network: Network, sock: socket.socket, switch: socket.socket) -> None:
        self._network, self._sock, self._switch = network, sock, switch

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        with _told_as(httpcore2.ReadTimeout, httpcore2.ReadError):
            self._sock.settimeout(self._network.left())
            data = self._sock.recv(max_bytes)
        if data:
            self._network.exchange.heard = True
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        with _told_as(httpcore2.WriteTimeout, httpcore2.WriteError):
            self._sock.settimeout(self._network.left())
            self._sock.sendall(buffer)

    def close(self) -> None:
        self._network.forget(self._switch)
        self._sock.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.NetworkStream:
        try:
            with _told_as(httpcore2.ConnectTimeout, httpcore2.ConnectError):
                self._sock.settimeout(min(_CONNECT_SECONDS, self._network.left()))
                self._sock = ssl_context.wrap_socket(self._sock, server_hostname=server_hostname)
        except BaseException:
            self.close()
            raise
        return self

    def get_extra_info(self, info: str) -> Any:
        if info == "ssl_object":
            return self._sock if isinstance(self._sock, ssl.SSLSocket) else None
        if info == "is_readable":  # an idle connection with something to read has been closed by the server
            return self._is_readable()
        return None

    def _is_readable(self) -> bool:
        if self._sock.fileno() < 0:
            return True
        with selectors.DefaultSelector() as selector:
            selector.register(self._sock, selectors.EVENT_READ)
            return bool(selector.select(0))


@contextlib.contextmanager
def _told_as(late: type[Exception], broken: type[Exception]) -> Iterator[None]:
    """Errors of sockets as httpcore's, which hold the cause as their first argument: the pool drops `__cause__`."""
    try:
        yield
    except TimeoutError as error:
        raise late(error) from error
    except (OSError, ValueError) as error:  # ValueError: another thread closed the socket
        raise broken(error) from error
