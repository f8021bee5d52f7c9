"""Calls to a Qdrant server: repeated while the trouble may pass, then said in our own errors.

Every operation of the index is idempotent, so that repeating one whose answer was lost is safe.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from grpc import RpcError, StatusCode  # type: ignore[import-untyped]
from httpx import TransportError
from qdrant_client.common.client_exceptions import ResourceExhaustedResponse
from qdrant_client.http.exceptions import ResponseHandlingException, UnexpectedResponse

from vector_pipeline.index.base import CollectionMissing, IndexUnavailable, VectorIndexError

Answer = TypeVar("Answer")

_MESSAGE_LENGTH = 200
_LONGEST_PAUSE = 30.0
_PASSING_HTTP = {408, 429, 500, 502, 503, 504}
_PASSING_GRPC = {
    StatusCode.UNAVAILABLE,
    StatusCode.DEADLINE_EXCEEDED,
    StatusCode.RESOURCE_EXHAUSTED,
    StatusCode.ABORTED,
    StatusCode.INTERNAL,
}
_REFUSED_GRPC = {StatusCode.UNAUTHENTICATED, StatusCode.PERMISSION_DENIED}


@dataclass(frozen=True, slots=True)
class _Trouble:
    """What went wrong: `kind` is "passing", "refused", "missing" or "wrong"; `pause` what the server asks for."""

    kind: str
    reason: str
    pause: float = 0.0


class ServerCalls:
    """Carries out calls to the server at `location`; `attempts` in all, the first pause `pause` seconds long."""

    def __init__(self, location: str, attempts: int, pause: float) -> None:
        self._location = location
        self._attempts = attempts
        self._pause = pause

    def __call__(self, call: Callable[[], Answer]) -> Answer:
        """The call's answer. Raises IndexUnavailable, CollectionMissing or another VectorIndexError."""
        for attempt in range(1, self._attempts + 1):
            try:
                return call()
            except (RpcError, ResponseHandlingException, UnexpectedResponse, ResourceExhaustedResponse) as error:
                trouble = _trouble(error)
                if trouble.kind != "passing" or attempt == self._attempts:
                    raise self._error(trouble) from error
            except AssertionError as error:
                # The client asserts that an answer has a result; a server that is not Qdrant gives none.
                raise self._error(_Trouble("wrong", "the answer is not one of Qdrant's")) from error
            except ValueError as error:
                # The in-memory engine of the client, which stands in for a server in tests, speaks like this.
                if "not found" in str(error):
                    raise self._error(_Trouble("missing", _short(str(error)))) from error
                raise
            backoff = self._pause * 2 ** (attempt - 1) * random.uniform(0.75, 1.25)
            time.sleep(min(_LONGEST_PAUSE, max(backoff, trouble.pause)))
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _error(self, trouble: _Trouble) -> VectorIndexError:
        if trouble.kind == "missing":
            return CollectionMissing(
                f"Qdrant at {self._location}: {trouble.reason}", hint="run `vector-pipeline sync` to build it"
            )
        if trouble.kind == "refused":
            return VectorIndexError(
                f"Qdrant at {self._location} refuses access: {trouble.reason}", hint="check index.api_key"
            )
        if trouble.kind == "passing":
            times = "1 attempt" if self._attempts == 1 else f"{self._attempts} attempts"
            return IndexUnavailable(
                f"Qdrant at {self._location} gave no answer in {times}: {trouble.reason}",
                hint="check index.url, index.grpc_port and that the server is up; the next run repeats the work",
            )
        return VectorIndexError(
            f"Qdrant at {self._location} can't do this: {trouble.reason}",
            hint="check that index.url names a Qdrant server, and see its log",
        )


def _trouble(error: Exception) -> _Trouble:
    if isinstance(error, ResourceExhaustedResponse):
        return _Trouble("passing", "too many requests", error.retry_after_s)
    if isinstance(error, ResponseHandlingException):
        # The client wraps whatever its HTTP library raised; an answer it can't parse does not pass.
        reason = f"{type(error.source).__name__}: {_short(str(error.source))}"
        return _Trouble("passing" if isinstance(error.source, TransportError) else "wrong", reason)
    if isinstance(error, UnexpectedResponse):
        reason = f"HTTP {error.status_code}: {_http_message(error)}"
        if error.status_code in _PASSING_HTTP:
            return _Trouble("passing", reason)
        if error.status_code in (401, 403):
            return _Trouble("refused", reason)
        return _Trouble("missing" if error.status_code == 404 else "wrong", reason)
    code, details = error.code(), error.details()  # type: ignore[attr-defined]  # grpc has no types
    reason = f"{code.name}: {_short(details or '')}"
    if code in _PASSING_GRPC:
        return _Trouble("passing", reason)
    if code in _REFUSED_GRPC:
        return _Trouble("refused", reason)
    return _Trouble("missing" if code == StatusCode.NOT_FOUND else "wrong", reason)


def _http_message(error: UnexpectedResponse) -> str:
    """What Qdrant says went wrong, without the rest of the answer; the reason phrase where it says nothing."""
    try:
        return _short(str(json.loads(error.content)["status"]["error"]))
    except (ValueError, KeyError, TypeError):
        return _short(error.reason_phrase)


def _short(text: str) -> str:
    return text.strip().split("\n", 1)[0][:_MESSAGE_LENGTH]
