"""One request and its whole answer: bounded in bytes and seconds, without redirects or retries.

What goes wrong on the way is a `Broken` with the kind of trouble, for the layers above to explain or try again.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

import requests
import urllib3

from vector_pipeline.sources.atlassian.connection import LiveSockets, bounded
from vector_pipeline.sources.atlassian.halting import Halt

_PIECE = 1 << 16
_CONNECT_SECONDS = 20.0


class Trouble(Enum):
    """Why there is no whole answer. Those in `MAY_PASS` may go better next time."""

    NAME = "its host name is not known"
    REFUSED = "nothing listens there"
    NETWORK = "the connection failed"
    PROXY = "the proxy did not let the request through"
    CERTIFICATE = "its certificate is not trusted"
    TLS = "no secure connection could be made"
    CONNECT = "it took no connection in time"
    TIME = "it did not answer in time"
    CUT = "the answer broke off"
    CODING = "the answer could not be decoded"
    LARGE = "the answer is too large"
    CA_FILE = "the file of certificate authorities can't be read"
    REQUEST = "the request can't be sent"


MAY_PASS = frozenset({Trouble.NAME, Trouble.REFUSED, Trouble.NETWORK, Trouble.PROXY, Trouble.TLS, Trouble.TIME})
MAY_PASS |= {Trouble.CONNECT, Trouble.CUT, Trouble.CODING}


class Broken(Exception):
    """No whole answer. `detail` is for the reason of a certificate, "" elsewhere."""

    def __init__(self, trouble: Trouble, detail: str = "") -> None:
        super().__init__(trouble.value)
        self.trouble = trouble
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer. Names of headers are in lower case."""

    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def is_web_page(self) -> bool:
        """Whether this is HTML, by its type or, without one, by its first bytes."""
        kind = self.headers.get("content-type", "").partition(";")[0].strip().lower()
        return kind in ("text/html", "application/xhtml+xml") or self.body[:200].lstrip()[:1] == b"<"


def exchange(
    session: requests.Session,
    method: str,
    url: str,
    *,
    headers: Mapping[str, str],
    body: bytes | None,
    seconds: float,
    limit: int,
    halt: Halt,
    live: LiveSockets,
) -> Answer:
    """Sends one request and reads the answer up to `limit` bytes, counted as they are after decompression.

    All of it takes at most `seconds`, besides looking up the host's name. Raises Broken.
    """
    connect = min(seconds, _CONNECT_SECONDS)
    with bounded(seconds, halt, live) as deadline:
        try:
            response = session.request(
                method,
                url,
                data=body,
                headers=dict(headers),
                timeout=(connect, seconds),
                stream=True,
                allow_redirects=False,
            )
            with response:
                found = {name.lower(): value for name, value in response.headers.items()}
                # the body of a refusal is only read for its message
                pieces = _pieces(response, limit, deadline)
                return Answer(url, response.status_code, found, b"".join(pieces))
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            # a ValueError is what a connection gives that another thread has closed
            raise _broken(error) from error


def _pieces(response: requests.Response, limit: int, deadline: float) -> Iterator[bytes]:
    told = response.headers.get("Content-Length", "")
    if told.isascii() and told.isdigit() and len(told) < 20 and int(told) > limit:
        raise Broken(Trouble.LARGE)
    size = 0
    for piece in response.iter_content(_PIECE):
        size += len(piece)
        if size > limit:
            raise Broken(Trouble.LARGE)
        if time.monotonic() > deadline:
            raise Broken(Trouble.TIME)
        yield piece


def _broken(error: Exception) -> Broken:
    chain = list(_chain(error))
    for kinds, trouble in _MEANINGS:
        for one in chain:
            if isinstance(one, kinds):
                return Broken(trouble, _reason(one))
    if isinstance(error, OSError) and not isinstance(error, requests.RequestException):
        return Broken(Trouble.CA_FILE if "CA certificate" in str(error) else Trouble.NETWORK)
    return Broken(Trouble.NETWORK if isinstance(error, requests.ConnectionError) else Trouble.REQUEST)


_MEANINGS: tuple[tuple[tuple[type[BaseException], ...], Trouble], ...] = (
    ((ssl.SSLCertVerificationError,), Trouble.CERTIFICATE),
    ((requests.exceptions.ProxyError, urllib3.exceptions.ProxyError), Trouble.PROXY),
    ((socket.gaierror, urllib3.exceptions.NameResolutionError), Trouble.NAME),
    ((urllib3.exceptions.DecodeError, requests.exceptions.ContentDecodingError), Trouble.CODING),
    ((ConnectionRefusedError,), Trouble.REFUSED),
    ((urllib3.exceptions.NewConnectionError,), Trouble.NETWORK),
    ((requests.ConnectTimeout, urllib3.exceptions.ConnectTimeoutError), Trouble.CONNECT),
    ((TimeoutError, requests.Timeout, urllib3.exceptions.TimeoutError), Trouble.TIME),
    ((urllib3.exceptions.IncompleteRead,), Trouble.CUT),
    ((ssl.SSLError, requests.exceptions.SSLError, urllib3.exceptions.SSLError), Trouble.TLS),
    ((requests.exceptions.ChunkedEncodingError, urllib3.exceptions.InvalidChunkLength), Trouble.CUT),
)
"""The first that any error of the chain is of tells the trouble: causes are more telling than what wraps them."""


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """An error with all that lie behind it: causes, contexts, and those that libraries keep as arguments."""
    seen: set[int] = set()
    waiting: list[Any] = [error]
    while waiting and len(seen) < 50:
        one = waiting.pop(0)
        if not isinstance(one, BaseException) or id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        waiting += [getattr(one, "reason", None), one.__cause__, one.__context__, *one.args]


def _reason(error: BaseException) -> str:
    return str(getattr(error, "verify_message", "")) if isinstance(error, ssl.SSLCertVerificationError) else ""
