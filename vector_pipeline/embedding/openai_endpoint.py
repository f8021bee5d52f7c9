"""One request to an OpenAI-compatible endpoint: the texts out, vectors or one of our own errors back.

What is worth trying again is told apart from what is not; trying again is the caller's. Errors carry the status and
the API's error code, never the key, the texts or the answer. No host but the configured one is ever asked.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import urlsplit

import httpx2
import openai

from vector_pipeline.embedding.base import EmbeddingError, EmbeddingMisconfigured, EmbeddingUnavailable
from vector_pipeline.embedding.openai_answer import Answer, UnreadableAnswer, read_answer
from vector_pipeline.embedding.pacing import Pace, exhausted_for, retry_after
from vector_pipeline.settings import EmbeddingSettings

DEFAULT_ADDRESS = "https://api.openai.com/v1"
"""Asked where `embedding.base_url` is empty."""

_REFUSALS = (400, 413, 422)
_TRY_AGAIN = (408, 409, 425, 429)
_CONFIGURATION_CODES = ("model_not_found", "invalid_api_key")
_NEXT_RUN = "the next run continues with the rest"
_BYTES_PER_NUMBER = 32
_SPARE_BYTES = 64_000_000


class Busy(EmbeddingUnavailable):
    """Not now: trying again may help. `delay` is what the endpoint asks for, `crashed` that it failed inside (500)."""

    def __init__(self, message: str, *, hint: str = _NEXT_RUN, delay: float | None = None, crashed: bool = False):
        super().__init__(message, hint=hint)
        self.delay = delay
        self.crashed = crashed


class Refused(EmbeddingError):
    """The endpoint does not take these texts; one of them alone may be the cause. `reason` is status and code."""

    def __init__(self, message: str, *, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


class Endpoint:
    """A model at an address. `proven` is True once it has answered with vectors; safe for several threads."""

    def __init__(self, settings: EmbeddingSettings, pace: Pace) -> None:
        address = settings.base_url or DEFAULT_ADDRESS
        parts = urlsplit(address)
        self.name = f"the embedding model {settings.model} at {parts.hostname or 'the configured address'}"
        self.proven = False
        self._settings = settings
        self._pace = pace
        self._encoding: str = "base64"
        self._asked_for_numbers = False
        self._seconds = settings.timeout.total_seconds()
        self._bytes = _SPARE_BYTES + settings.batch_size * settings.dimensions * _BYTES_PER_NUMBER
        self._client = openai.OpenAI(
            base_url=address,
            api_key=settings.api_key.get_secret_value() or "none",
            max_retries=0,
            timeout=self._seconds,
            default_headers={"Accept-Encoding": "identity"},
            # a redirect would carry the texts to another host
            http_client=openai.DefaultHttpxClient(
                follow_redirects=False, timeout=self._seconds, event_hooks={"response": [self._bound]}
            ),
        )

    def close(self) -> None:
        """Closes the connections."""
        self._client.close()

    def fetch_vectors(self, texts: Sequence[str], tokens: int, halt: threading.Event) -> Answer:
        """The vectors of texts of about `tokens` tokens, at the pace agreed; nothing leaves once `halt` is set.

        Raises Refused, Busy, EmbeddingUnavailable where trying again is useless now, EmbeddingMisconfigured.
        """
        try:
            answer = self._ask(texts, tokens, halt, self._encoding)
        except Refused:
            # Some servers know no base64 and refuse every text: asked for numbers once, and again for single texts.
            if self.proven or self._encoding == "float" or (self._asked_for_numbers and len(texts) > 1):
                raise
            self._asked_for_numbers = True
            answer = self._ask(texts, tokens, halt, "float")
            self._encoding = "float"
        self.proven = True
        return answer

    def _ask(self, texts: Sequence[str], tokens: int, halt: threading.Event, encoding: str) -> Answer:
        with self._pace.slots:
            if not self._pace.wait_for_turn(tokens, halt):
                raise EmbeddingUnavailable(f"{self.name}: given up before asking", hint=_NEXT_RUN)
            try:
                response = self._client.embeddings.with_raw_response.create(
                    input=list(texts),
                    model=self._settings.model,
                    encoding_format="base64" if encoding == "base64" else "float",
                    dimensions=self._settings.dimensions if self._settings.send_dimensions else openai.omit,
                )
            except openai.APIStatusError as error:
                raise self._status_error(error) from None  # the cause holds the answer, which may quote the texts
            except openai.APITimeoutError:
                raise Busy(
                    f"{self.name} did not answer within {self._seconds:g} s",
                    hint=f"raise embedding.timeout or lower embedding.batch_size; {_NEXT_RUN}",
                ) from None
            except openai.APIConnectionError as error:
                raise Busy(
                    f"{self.name} can't be reached ({_cause(error)})",
                    hint=f"check embedding.base_url and that the endpoint runs; {_NEXT_RUN}",
                ) from None
        self._heed(response.headers)
        try:
            answer = read_answer(response.http_response.content, len(texts), self._settings.dimensions)
        except UnreadableAnswer as error:
            raise Busy(
                f"{self.name} sent an answer that can't be used: {error}",
                hint=f"check that embedding.base_url is an OpenAI-compatible endpoint; {_NEXT_RUN}",
            ) from None
        if answer.tokens:
            self._pace.record_tokens(tokens, answer.tokens)
        return answer

    def _heed(self, headers: Mapping[str, str]) -> None:
        """Pauses everyone while the endpoint says an allowance is used up; it says no itself after `max_wait`."""
        pause = exhausted_for(headers)
        if pause:
            self._pace.pause(min(pause, self._settings.max_wait.total_seconds()))

    def _status_error(self, error: openai.APIStatusError) -> EmbeddingError:
        status = error.status_code
        code = next((word for word in (error.code, error.type) if word and re.fullmatch(r"[\w.-]{1,60}", word)), "")
        reason = f"{status} {code}".strip()
        message = f"{self.name} answers {reason}"
        if status in (401, 403):
            return EmbeddingMisconfigured(message, hint="check embedding.api_key and what it gives access to")
        if status == 404 or code in _CONFIGURATION_CODES:
            return EmbeddingMisconfigured(
                message, hint="check embedding.model and embedding.base_url (most end in /v1)"
            )
        if 300 <= status < 400:
            return EmbeddingMisconfigured(message, hint="set embedding.base_url to the address it redirects to")
        if status in _REFUSALS:
            return Refused(message, reason=reason)
        if code == "insufficient_quota":
            return EmbeddingUnavailable(message, hint=f"the account has no quota left; {_NEXT_RUN}")
        if status in _TRY_AGAIN or status >= 500:
            headers = error.response.headers
            delay = retry_after(headers)
            if delay is None:
                delay = exhausted_for(headers) or None
            if status in (429, 503) and delay is not None:
                self._pace.pause(min(delay, self._settings.max_wait.total_seconds()))
            return Busy(message, delay=delay, crashed=status == 500)
        return EmbeddingMisconfigured(message, hint="check embedding.base_url and embedding.model")

    def _bound(self, response: httpx2.Response) -> None:
        if isinstance(response.stream, httpx2.SyncByteStream):
            response.stream = _BoundedStream(response.stream, self._bytes, time.monotonic() + self._seconds)


class _BoundedStream(httpx2.SyncByteStream):
    """A body that may be neither endless nor endlessly slow: the client itself only bounds the wait for each piece."""

    def __init__(self, stream: httpx2.SyncByteStream, most_bytes: int, deadline: float) -> None:
        self._stream = stream
        self._most_bytes = most_bytes
        self._deadline = deadline

    def __iter__(self) -> Iterator[bytes]:
        size = 0
        for piece in self._stream:
            size += len(piece)
            if size > self._most_bytes:
                raise httpx2.ReadError("the answer is too large")
            if time.monotonic() > self._deadline:
                raise httpx2.ReadTimeout("the answer takes too long")
            yield piece

    def close(self) -> None:
        self._stream.close()


def _cause(error: BaseException) -> str:
    """The kind of failure by class name (ConnectError, RemoteProtocolError): messages may quote addresses."""
    return type(error.__cause__).__name__ if error.__cause__ else type(error).__name__
