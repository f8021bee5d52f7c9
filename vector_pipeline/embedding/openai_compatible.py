"""The served embedder: any endpoint that speaks OpenAI's embeddings API, asked by several threads at once.

It knows how to keep going: waits and tries again when the endpoint is busy, and cuts a refused batch in halves until
the one text at fault is found. The one idea: whatever a batch got done is handed out before an error is raised.
"""

from __future__ import annotations

import hashlib
import logging
import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from vector_pipeline.embedding.base import (
    EmbeddedBatch,
    EmbeddingError,
    EmbeddingMisconfigured,
    EmbeddingUnavailable,
    Vectors,
)
from vector_pipeline.embedding.openai_answer import Answer
from vector_pipeline.embedding.openai_endpoint import DEFAULT_ADDRESS, Busy, Endpoint, Refused
from vector_pipeline.embedding.pacing import shared_pace
from vector_pipeline.embedding.tokens import count_tokens, encodable
from vector_pipeline.settings import EmbeddingSettings

_log = logging.getLogger(__name__)

_MOST_REQUEST_TOKENS = 250_000
"""Below the 300,000 tokens that OpenAI takes in one request, by our estimate."""

_BYTES_PER_TOKEN = 3
_SPECIAL_TOKENS = 2
_LONGEST_BACKOFF = 30.0
_TRIES_FOR_A_PART = 2
_SOUND_TEXT = "hello"
"""Asked for to learn whether an endpoint that fails on a batch answers at all."""


@dataclass(slots=True)
class _Part:
    """Texts sent together, how often that is tried, and whether their vectors were already unusable once."""

    positions: list[int]
    texts: list[str]
    tries: int
    repeated: bool = False

    def halves(self, tries: int) -> tuple[_Part, _Part]:
        middle = len(self.positions) // 2
        return (
            _Part(self.positions[:middle], self.texts[:middle], tries),
            _Part(self.positions[middle:], self.texts[middle:], tries),
        )


@dataclass(slots=True)
class _Outcome:
    """What became of a batch; with an `error` the positions named nowhere are still to be embedded."""

    positions: list[int] = field(default_factory=list)
    vectors: list[Vectors] = field(default_factory=list)
    failures: dict[int, str] = field(default_factory=dict)
    tokens: int = 0
    error: EmbeddingError | None = None

    def batch(self, dimension: int) -> EmbeddedBatch:
        vectors = np.concatenate(self.vectors) if self.vectors else np.empty((0, dimension), dtype=np.float32)
        return EmbeddedBatch(self.positions, vectors, self.failures, self.tokens)


class ServedEmbedder:
    """Embeds through `settings.base_url` (empty: OpenAI itself); nothing is asked before the first text.

    `first_delay` is the wait in seconds after the first failure, doubled after each further one.
    """

    def __init__(self, settings: EmbeddingSettings, *, first_delay: float = 0.5) -> None:
        self._settings = settings
        self._first_delay = first_delay
        self._pace = shared_pace(
            settings.base_url or DEFAULT_ADDRESS,
            settings.model,
            settings.requests_per_minute,
            settings.tokens_per_minute,
            settings.concurrency,
        )
        self._endpoint: Endpoint | None = None
        self._lock = threading.Lock()

    @property
    def identity(self) -> str:
        """Provider, model, dimension and document prefix. Not the address: it is the same model elsewhere."""
        identity = f"openai/{self._settings.model}/{self._settings.dimensions}"
        if self._settings.document_prefix:
            prefix = self._settings.document_prefix.encode("utf-8", "surrogatepass")
            identity += f"/prefix:{hashlib.sha256(prefix).hexdigest()[:12]}"
        return identity

    @property
    def dimension(self) -> int:
        """Length of every vector."""
        return self._settings.dimensions

    def embed(self, texts: Sequence[str]) -> Iterator[EmbeddedBatch]:
        """Every position once, batches as they are done. Yields all that succeeded before it raises.

        The first batch goes alone: a wrong key, model or dimension costs one request. Afterwards at most twice
        `concurrency` batches are under way or wait to be taken, so memory does not grow with the texts.
        Raises EmbeddingUnavailable after all retries and EmbeddingMisconfigured.
        """
        endpoint = self._open()
        halt = threading.Event()
        parts = self._parts(texts)
        running: set[Future[_Outcome]] = set()
        error: EmbeddingError | None = None
        places = threading.Semaphore(self._settings.concurrency)
        try:
            while True:
                most = 2 * self._settings.concurrency if endpoint.proven else 1
                while error is None and len(running) < most and (item := next(parts, None)) is not None:
                    if isinstance(item, EmbeddedBatch):
                        yield item
                    else:
                        running.add(_begun(places, partial(self._embed_part, endpoint, item, halt)))
                if not running:
                    break
                done, running = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    outcome = future.result()
                    if outcome.error is not None:
                        error = error or outcome.error
                        halt.set()
                    if outcome.positions or outcome.failures:
                        yield outcome.batch(self.dimension)
            if error is not None:
                raise error
        finally:
            halt.set()

    def embed_query(self, text: str) -> Vectors:
        """The unit vector of a query. Raises EmbeddingError: refused, unavailable or misconfigured."""
        if not text.strip():
            raise EmbeddingError("the query is empty", hint="search for at least one word")
        query = _Part([0], [encodable(self._settings.query_prefix + text)], 1 + self._settings.max_retries)
        outcome = self._embed_part(self._open(), query, threading.Event())
        if outcome.error is not None:
            raise outcome.error
        if outcome.failures:
            raise EmbeddingError(f"the query can't be embedded: {outcome.failures[0]}", hint="try another query")
        vector: Vectors = outcome.vectors[0][0]
        return vector

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text with its prefix, in those of the bundled tokenizer: an estimate, mostly too high.

        Endpoints don't say how they count. A small vocabulary (32,000) makes more tokens of a text than most models
        do, and two are added for what a model puts around a text; caps on chunks are in these tokens.
        """
        prefix = self._settings.document_prefix
        return [count + _SPECIAL_TOKENS for count in count_tokens([prefix + text for text in texts])]

    def close(self) -> None:
        """Closes the connections; may be called twice."""
        with self._lock:
            endpoint, self._endpoint = self._endpoint, None
        if endpoint is not None:
            endpoint.close()

    def _open(self) -> Endpoint:
        with self._lock:
            if self._endpoint is None:
                self._endpoint = Endpoint(self._settings, self._pace)
            return self._endpoint

    def _parts(self, texts: Sequence[str]) -> Iterator[_Part | EmbeddedBatch]:
        """The texts in requests of at most `batch_size` texts; texts no request can hold as a batch of failures."""
        most_tokens = min(self._settings.tokens_per_minute or _MOST_REQUEST_TOKENS, _MOST_REQUEST_TOKENS)
        tries = 1 + self._settings.max_retries
        part, tokens = _Part([], [], tries), 0
        for position, text in enumerate(texts):
            reason = self._unsendable(text)
            if reason:
                nothing = np.empty((0, self.dimension), dtype=np.float32)
                yield EmbeddedBatch([], nothing, {position: reason})
                continue
            sent = encodable(self._settings.document_prefix + text)
            needed = _estimated_tokens(sent)
            if part.texts and (len(part.texts) == self._settings.batch_size or tokens + needed > most_tokens):
                yield part
                part, tokens = _Part([], [], tries), 0
            part.positions.append(position)
            part.texts.append(sent)
            tokens += needed
        if part.texts:
            yield part

    def _unsendable(self, text: str) -> str:
        """Why a text is not sent: endpoints refuse empty texts, and some cut long ones without a word."""
        if not text:
            return "the text is empty"
        most = self._settings.max_input_tokens
        prefixed_bytes = len(text.encode("utf-8", "surrogatepass")) + len(self._settings.document_prefix) * 4
        if prefixed_bytes + _SPECIAL_TOKENS > most and (tokens := self.count_tokens([text])[0]) > most:
            return f"the text has about {tokens} tokens, more than embedding.max_input_tokens ({most})"
        return ""

    def _embed_part(self, endpoint: Endpoint, whole: _Part, halt: threading.Event) -> _Outcome:
        """Embeds a batch, cutting it where only some of its texts are at fault. Never raises EmbeddingError."""
        outcome = _Outcome()
        refusals: set[str] = set()
        waiting = [whole]
        try:
            while waiting:
                part = waiting.pop()
                try:
                    answer = self._fetch_patiently(endpoint, part, halt)
                except Refused as refused:
                    if len(part.texts) > 1:
                        waiting.extend(reversed(part.halves(part.tries)))
                    else:
                        refusals.add(refused.reason)
                        outcome.failures[part.positions[0]] = f"the endpoint refuses the text: {refused.reason}"
                except Busy as busy:
                    # Some endpoints fail inside on one text: only where others succeed is the text at fault.
                    if not busy.crashed or not self._answers(endpoint, halt):
                        raise
                    if len(part.texts) > 1:
                        waiting.extend(reversed(part.halves(_TRIES_FOR_A_PART)))
                    else:
                        outcome.failures[part.positions[0]] = "the endpoint fails on the text (500), not on others"
                else:
                    waiting.extend(_take(outcome, part, answer))
            if len(whole.texts) > 1 and len(refusals) == 1 and not endpoint.proven:
                raise EmbeddingMisconfigured(
                    f"{endpoint.name} refuses every text: {refusals.pop()}",
                    hint="check embedding.model, send_dimensions and max_input_tokens against what the model takes",
                )
        except EmbeddingError as error:
            outcome.error = error
            if not endpoint.proven:
                outcome.failures = {}
        return outcome

    def _fetch_patiently(self, endpoint: Endpoint, part: _Part, halt: threading.Event) -> Answer:
        """The vectors of a part, trying again while that may help and `max_wait` is not over.

        Raises Refused, EmbeddingMisconfigured, and Busy or EmbeddingUnavailable after the last try.
        """
        tokens = sum(map(_estimated_tokens, part.texts))
        most_wait = self._settings.max_wait.total_seconds()
        deadline = float("inf")
        backoff = self._first_delay
        for tries_left in range(part.tries - 1, -1, -1):
            try:
                return endpoint.fetch_vectors(part.texts, tokens, halt)
            except Busy as busy:
                now = time.monotonic()
                deadline = min(deadline, now + most_wait)
                delay = backoff * random.uniform(0.5, 1.0) if busy.delay is None else busy.delay
                backoff = min(backoff * 2, _LONGEST_BACKOFF)
                if tries_left == 0:
                    raise
                if now + delay > deadline:
                    raise EmbeddingUnavailable(
                        f"{busy.message}; the next try would be after embedding.max_wait ({most_wait:g} s)",
                        hint=busy.hint,
                    ) from busy
                _log.info("asked again in %.1f s: %s", delay, busy.message)
                if halt.wait(delay):
                    raise
        raise AssertionError("a part is tried at least once")

    def _answers(self, endpoint: Endpoint, halt: threading.Event) -> bool:
        """Whether the endpoint embeds a text that no endpoint fails on."""
        try:
            endpoint.fetch_vectors([_SOUND_TEXT], 1, halt)
        except (EmbeddingUnavailable, Refused):
            return False
        return True


def _begun(places: threading.Semaphore, work: Callable[[], _Outcome]) -> Future[_Outcome]:
    """What will come of work that is done in a thread of its own once there is a place.

    The threads of a pool are waited for at the end of the process; who stops it must not wait for an answer.
    """
    future: Future[_Outcome] = Future()

    def run() -> None:
        try:
            with places:
                future.set_result(work())
        except BaseException as error:  # noqa: BLE001 - raised where the result is asked for
            future.set_exception(error)

    threading.Thread(target=run, name="embedding", daemon=True).start()
    return future


def _take(outcome: _Outcome, part: _Part, answer: Answer) -> list[_Part]:
    """Moves the sound vectors of an answer into the outcome; gives back what is to be asked once more."""
    sound = np.isfinite(answer.vectors).all(axis=1)
    outcome.tokens += answer.tokens
    if sound.any():
        outcome.positions.extend(part.positions[row] for row in np.flatnonzero(sound))
        outcome.vectors.append(answer.vectors[sound])
    broken = np.flatnonzero(~sound).tolist()
    if not broken:
        return []
    if part.repeated:
        reason = "the endpoint answers with a vector that is zero or not finite"
        outcome.failures.update({part.positions[row]: reason for row in broken})
        return []
    again = _Part([part.positions[row] for row in broken], [part.texts[row] for row in broken], part.tries, True)
    return [again]


def _estimated_tokens(text: str) -> int:
    return len(text.encode("utf-8")) // _BYTES_PER_TOKEN + 1
