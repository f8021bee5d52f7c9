"""One request and its whole answer: bounded in bytes and seconds, without redirects or retries.

What goes wrong on the way is a `Broken` with the kind of trouble, for the client to try again or to tell.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import Enum

import httpcore2

from vector_pipeline.sources.public_docs import decoding, headers
from vector_pipeline.sources.public_docs.addresses import Target
from vector_pipeline.sources.public_docs.answers import Answer, Validators
from vector_pipeline.sources.public_docs.connection import Exchange, Network, NotPublic
from vector_pipeline.sources.public_docs.headers import Headers
from vector_pipeline.sources.public_docs.lookup import LookupTooSlow, UnknownHost

_DRAINED = 1 << 16
_DRAIN_SECONDS = 2.0


class Trouble(Enum):
    """Why there is no whole answer."""

    NAME = "its host name is not known"
    LOOKUP = "its host name could not be looked up in time"
    REFUSED = "nothing listens there"
    NETWORK = "the connection failed"
    STALE = "the connection had been closed"
    CONNECT = "it took no connection in time"
    CERTIFICATE = "its certificate is not trusted"
    TLS = "no secure connection could be made"
    PROXY = "the proxy did not let the request through"
    TIME = "it did not answer in time"
    GARBLED = "it does not answer as a web server does"
    CUT = "the answer broke off"
    NOT_PUBLIC = "its address is not public"
    LARGE = "it is too large"
    SLOW = "it did not come to its end in time"
    CODING = "it can't be decompressed"


class Broken(Exception):
    """No whole answer. `detail` says more in words, "" for nothing."""

    def __init__(self, trouble: Trouble, detail: str = "") -> None:
        super().__init__(trouble.value)
        self.trouble = trouble
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Question:
    """One request. The body is read only where `wanted` takes its media type, up to `limit` bytes."""

    url: str
    target: Target
    sent: tuple[tuple[bytes, bytes], ...]
    validators: Validators
    wanted: Callable[[str], bool]
    limit: int
    agent: str


def exchange(
    pool: httpcore2.ConnectionPool, network: Network, question: Question, until: float
) -> tuple[Answer, Headers]:
    """Sends a request and reads its answer, all of it by `until` (monotonic). Raises Broken."""
    with network.exchanging(until) as progress:
        try:
            return _exchange(pool, question, until, progress)
        except _ERRORS as error:
            raise _broken(error, progress) from error


def _exchange(
    pool: httpcore2.ConnectionPool, question: Question, until: float, progress: Exchange
) -> tuple[Answer, Headers]:
    target = question.target
    address = httpcore2.URL(scheme=target.scheme, host=_written(target.host), port=target.port, target=target.path)
    sent = [*question.sent, *headers.conditions(question.validators)]
    with pool.stream("GET", address, headers=sent, extensions={"sni_hostname": target.host}) as response:
        told = Headers(response.headers)
        body = b""
        if response.status == 200 and question.wanted(headers.media_type(told)):
            body = _body(response.iter_stream(), told, question.limit)
        else:
            _drain(response.iter_stream(), told, progress)
    answer = Answer(
        question.url,
        response.status,
        headers.location(told, question.url) if response.status in (301, 302, 303, 307, 308) else "",
        headers.media_type(told),
        headers.charset(told),
        body,
        headers.validators(told),
        headers.robots(told, question.agent),
        headers.canonical(told, question.url),
    )
    return answer, told


def _body(pieces: Iterable[bytes], told: Headers, limit: int) -> bytes:
    if (headers.content_length(told) or 0) > limit:
        raise Broken(Trouble.LARGE)
    try:
        return decoding.read_body(_on_the_way(pieces), decoding.codings_of(told.joined("content-encoding")), limit)
    except decoding.TooLarge as error:
        raise Broken(Trouble.LARGE) from error
    except decoding.BrokenCoding as error:
        raise Broken(Trouble.CODING, str(error)) from error
    except decoding.CutOff as error:
        raise Broken(Trouble.CUT) from error


def _on_the_way(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The pieces of a body that has begun: from here on a failure is one of this body."""
    try:
        yield from pieces
    except httpcore2.ReadTimeout as error:
        raise Broken(Trouble.SLOW) from error
    except (httpcore2.NetworkError, httpcore2.ProtocolError) as error:
        raise Broken(Trouble.CUT) from error


def _drain(pieces: Iterable[bytes], told: Headers, progress: Exchange) -> None:
    """Reads a short body to its end, so that the connection can be used again; one that is not short is left."""
    if (headers.content_length(told) or 0) > _DRAINED:
        return
    progress.until = min(progress.until, time.monotonic() + _DRAIN_SECONDS)
    size = 0
    try:
        for piece in pieces:
            size += len(piece)
            if size > _DRAINED:
                return
    except (httpcore2.NetworkError, httpcore2.TimeoutException, httpcore2.ProtocolError):
        return  # what the answer says stands without its body


def _broken(error: BaseException, progress: Exchange) -> Broken:
    if isinstance(error, NotPublic):
        return Broken(Trouble.NOT_PUBLIC, error.kind)
    cause = error.args[0] if error.args else None
    if isinstance(cause, ssl.SSLCertVerificationError):
        return Broken(Trouble.CERTIFICATE, cause.verify_message)
    if isinstance(cause, ConnectionRefusedError):
        return Broken(Trouble.REFUSED)
    if isinstance(cause, ssl.SSLError):
        return Broken(Trouble.TLS)
    if not progress.heard and isinstance(error, httpcore2.NetworkError | httpcore2.RemoteProtocolError):
        return Broken(Trouble.NETWORK if progress.connected else Trouble.STALE)
    for kind, trouble in _MEANINGS.items():
        if isinstance(error, kind):
            return Broken(trouble)
    return Broken(Trouble.NETWORK)


_MEANINGS: dict[type[Exception], Trouble] = {
    NotPublic: Trouble.NOT_PUBLIC,
    UnknownHost: Trouble.NAME,
    LookupTooSlow: Trouble.LOOKUP,
    httpcore2.ConnectTimeout: Trouble.CONNECT,
    httpcore2.TimeoutException: Trouble.TIME,
    httpcore2.ProxyError: Trouble.PROXY,
    httpcore2.RemoteProtocolError: Trouble.GARBLED,
    httpcore2.NetworkError: Trouble.NETWORK,
    httpcore2.ProtocolError: Trouble.GARBLED,
}
"""The first that an error is of tells the trouble."""
_ERRORS: tuple[type[Exception], ...] = (OSError, *_MEANINGS)


def _written(host: str) -> str:
    return f"[{host}]" if ":" in host else host
