"""The served embedder against a real HTTP server, well and badly behaved."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vector_pipeline.embedding.base import (
    EmbeddedBatch,
    EmbeddingError,
    EmbeddingMisconfigured,
    EmbeddingUnavailable,
    Vectors,
)
from vector_pipeline.embedding.openai_compatible import ServedEmbedder
from vector_pipeline.settings import EmbeddingSettings
from vector_pipeline_tests.embedding.conftest import MakeEmbedder
from vector_pipeline_tests.listening import closed_port
from vector_pipeline_tests.simulators import openai_server as simulated
from vector_pipeline_tests.simulators.openai_server import OpenAIServer, unit_vector_of


class Result:
    """All that an embedder yielded, by position, with the error it ended in."""

    def __init__(self, batches: Iterable[EmbeddedBatch]) -> None:
        self.vectors: dict[int, Vectors] = {}
        self.failures: dict[int, str] = {}
        self.tokens = 0
        self.error: EmbeddingError | None = None
        try:
            for batch in batches:
                assert batch.vectors.dtype == np.float32
                for position, vector in zip(batch.positions, batch.vectors, strict=True):
                    assert position not in self.vectors
                    self.vectors[position] = vector
                assert not set(batch.failures) & (set(self.failures) | set(self.vectors))
                self.failures.update(batch.failures)
                self.tokens += batch.tokens
        except EmbeddingError as error:
            self.error = error

    def assert_right(self, texts: list[str], dimension: int = 8, prefix: str = "") -> None:
        for position, vector in self.vectors.items():
            assert np.allclose(vector, unit_vector_of(prefix + texts[position], dimension), atol=1e-6), position


def texts_of(count: int) -> list[str]:
    return [f"text number {number}" for number in range(count)]


# --- when all is well


def test_every_text_gets_its_own_unit_vector_and_is_sent_once(server: OpenAIServer, served: MakeEmbedder) -> None:
    texts = texts_of(50)

    result = Result(served().embed(texts))

    assert result.error is None
    assert sorted(result.vectors) == list(range(50))
    result.assert_right(texts)
    assert set(server.texts.values()) == {1}
    assert len(server.requests) == 13
    assert result.tokens == 150


def test_no_texts_ask_nothing(server: OpenAIServer, served: MakeEmbedder) -> None:
    assert list(served().embed([])) == []
    assert not server.requests


@given(
    texts=st.lists(st.text(min_size=1, max_size=30), max_size=40),
    batch_size=st.integers(1, 7),
    concurrency=st.integers(1, 5),
    shuffled=st.booleans(),
    ignores_base64=st.booleans(),
    without_index=st.booleans(),
    broken=st.lists(st.sampled_from(["500", "429", "drop", "short", "truncated"]), max_size=6),
)
@settings(max_examples=30)
def test_every_position_comes_once_with_its_vector_whatever_order_and_faults(
    texts: list[str],
    batch_size: int,
    concurrency: int,
    shuffled: bool,
    ignores_base64: bool,
    without_index: bool,
    broken: list[str],
) -> None:
    faults = {
        "500": simulated.status(500),
        "429": simulated.rate_limited(ms=1),
        "drop": simulated.dropped(),
        "short": simulated.short_list(),
        "truncated": simulated.truncated(),
    }
    with OpenAIServer(dimension=8) as server:
        server.faults.shuffled = shuffled and not without_index
        server.faults.ignores_base64 = ignores_base64
        server.faults.without_index = without_index
        for name in broken:
            server.faults.once(faults[name])
        values = EmbeddingSettings(
            provider="openai",
            model=server.model,
            dimensions=8,
            base_url=server.url,
            batch_size=batch_size,
            concurrency=concurrency,
            max_retries=10,
        )
        embedder = ServedEmbedder(values, first_delay=0.0001)
        result = Result(embedder.embed(texts))
        embedder.close()

    assert result.error is None
    assert not result.failures
    assert sorted(result.vectors) == list(range(len(texts)))
    for position, text in enumerate(texts):
        sent = "".join("\ufffd" if "\ud800" <= character <= "\udfff" else character for character in text)
        assert np.allclose(result.vectors[position], unit_vector_of(sent, 8), atol=1e-6)


def test_requests_are_under_way_at_once_but_never_more_than_the_settings_say(
    server: OpenAIServer, served: MakeEmbedder
) -> None:
    server.faults.delay = 0.03
    server.faults.once(simulated.Fault())  # the first goes alone
    server.faults.once(simulated.together(3), times=3)

    Result(served(concurrency=3, batch_size=1).embed(texts_of(20)))

    assert server.most_at_once == 3


def test_two_runs_in_one_process_share_the_limit_of_requests_at_once(
    server: OpenAIServer, served: MakeEmbedder
) -> None:
    server.faults.delay = 0.02
    server.faults.always(simulated.together(2))
    runs = [
        threading.Thread(target=Result, args=(served(concurrency=2, batch_size=1).embed(texts_of(8)),))
        for _ in range(2)
    ]
    for run in runs:
        run.start()
    for run in runs:
        run.join()

    assert server.most_at_once == 2
    assert server.embedded_texts == 16


def test_texts_are_only_asked_for_as_fast_as_the_answers_are_taken(server: OpenAIServer, served: MakeEmbedder) -> None:
    batches = served(concurrency=2, batch_size=1).embed(texts_of(100))
    for _ in range(3):
        next(batches)
    batches.close()  # type: ignore[attr-defined]

    assert server.embedded_texts <= 1 + 3 + 2 * 2


def test_prefixes_reach_the_endpoint_and_the_identity(server: OpenAIServer, served: MakeEmbedder) -> None:
    embedder = served(document_prefix="passage: ", query_prefix="query: ")

    result = Result(embedder.embed(["one"]))
    query = embedder.embed_query("two")

    result.assert_right(["one"], prefix="passage: ")
    assert np.allclose(query, unit_vector_of("query: two", 8), atol=1e-6)
    assert embedder.identity != served().identity
    assert served(query_prefix="query: ").identity == served().identity


def test_the_identity_is_that_of_the_model_not_of_where_it_is_served(served: MakeEmbedder) -> None:
    assert served().identity == served(base_url="http://127.0.0.1:9/v1", batch_size=9).identity
    assert served().identity == "openai/test-embedding/8"


def test_shortened_vectors_are_asked_for_when_the_settings_say_so(server: OpenAIServer, served: MakeEmbedder) -> None:
    result = Result(served(dimensions=5, send_dimensions=True).embed(["one"]))

    result.assert_right(["one"], dimension=5)


def test_token_counts_are_never_below_those_of_the_bundled_tokenizer(served: MakeEmbedder) -> None:
    plain, prefixed = served(), served(document_prefix="passage: ")
    counts = plain.count_tokens(["hello world", ""])

    assert counts[0] >= 2 + counts[1]
    assert prefixed.count_tokens(["hello world"])[0] > counts[0]


def test_a_query_gets_its_vector_and_survives_a_busy_moment(server: OpenAIServer, served: MakeEmbedder) -> None:
    server.faults.once(simulated.rate_limited(ms=1))

    assert np.allclose(served().embed_query("hello"), unit_vector_of("hello", 8), atol=1e-6)


def test_an_embedder_may_be_closed_twice_and_opens_again(served: MakeEmbedder) -> None:
    embedder = served()
    embedder.embed_query("one")
    embedder.close()
    embedder.close()

    assert embedder.embed_query("two").shape == (8,)


# --- trying again


@pytest.mark.parametrize(
    "fault",
    [
        simulated.status(500),
        simulated.status(502),
        simulated.status(503, retry_after="0"),
        simulated.status(408),
        simulated.status(409),
        simulated.rate_limited(),
        simulated.rate_limited(ms=5),
        simulated.rate_limited(seconds=0),
        simulated.rate_limited(date_in=-60),
        simulated.dropped(),
        simulated.truncated(),
        simulated.short_list(),
        simulated.same_index(),
        simulated.no_data(),
        simulated.not_json(),
    ],
    ids=lambda fault: str(fault.status) if fault.status != 200 else "",
)
def test_a_passing_fault_is_survived(server: OpenAIServer, served: MakeEmbedder, fault: simulated.Fault) -> None:
    texts = texts_of(12)
    server.faults.once(fault, times=3)

    result = Result(served().embed(texts))

    assert result.error is None
    assert sorted(result.vectors) == list(range(12))
    result.assert_right(texts)


@pytest.mark.parametrize(
    ("fault", "seconds"), [(simulated.rate_limited(seconds=0.5), 0.5), (simulated.rate_limited(ms=400), 0.4)]
)
def test_the_wait_a_server_asks_for_is_kept_by_every_request(
    server: OpenAIServer, served: MakeEmbedder, fault: simulated.Fault, seconds: float
) -> None:
    server.faults.once(fault)

    refused = Result(served(max_retries=0, batch_size=1).embed(["one"]))
    others = Result(served(batch_size=1).embed(texts_of(12)))

    first, *rest = [request.at for request in server.requests]
    assert isinstance(refused.error, EmbeddingUnavailable)
    assert others.error is None
    assert len(rest) == 12
    assert min(rest) - first >= seconds


def test_a_date_in_retry_after_is_kept(server: OpenAIServer, served: MakeEmbedder) -> None:
    until = int(time.time() + 2)  # dates have whole seconds
    server.faults.once(simulated.rate_limited(date_in=2))

    result = Result(served().embed(["one"]))

    _, second = server.requests
    assert result.error is None
    assert second.at >= time.monotonic() - time.time() + until - 0.1  # the two clocks may drift apart a little


def test_an_allowance_used_up_is_waited_for_without_being_refused_first(
    server: OpenAIServer, served: MakeEmbedder
) -> None:
    server.faults.headers = {"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "150ms"}

    result = Result(served(batch_size=1).embed(texts_of(3)))

    times = [request.at for request in server.requests]
    assert result.error is None
    assert all(later - times[0] >= 0.14 for later in times[1:])


def test_requests_per_minute_are_kept_by_all_threads_and_embedders(server: OpenAIServer, served: MakeEmbedder) -> None:
    limit = {"requests_per_minute": 1500, "batch_size": 1, "concurrency": 4}
    embedders = [served(**limit) for _ in range(2)]
    for embedder in embedders:
        embedder.embed_query("the endpoint is known to answer")
    runs = [threading.Thread(target=Result, args=(embedder.embed(texts_of(6)),)) for embedder in embedders]
    started = time.monotonic()
    for run in runs:
        run.start()
    for run in runs:
        run.join()

    assert len(server.requests) == 2 + 12
    assert max(request.at for request in server.requests) - started >= 11 * 0.04


def test_tokens_per_minute_are_kept_by_what_the_endpoint_counts(server: OpenAIServer, served: MakeEmbedder) -> None:
    texts = [f"{number} " + "word " * 9 for number in range(10)]
    started = time.monotonic()

    result = Result(served(tokens_per_minute=6000, batch_size=1, concurrency=2).embed(texts))

    assert result.tokens == 100
    assert max(request.at for request in server.requests) - started >= 0.99 * 9 * 10 * 60 / 6000


def test_an_endpoint_that_stays_down_is_given_up_after_the_retries(server: OpenAIServer, served: MakeEmbedder) -> None:
    server.faults.always(simulated.status(503))

    result = Result(served(max_retries=3).embed(texts_of(12)))

    assert isinstance(result.error, EmbeddingUnavailable)
    assert "test-embedding at 127.0.0.1 answers 503" in str(result.error)
    assert "next run continues" in str(result.error)
    assert len(server.requests) == 4
    assert not result.failures


def test_an_endpoint_that_fails_inside_on_everything_blames_no_text(server: OpenAIServer, served: MakeEmbedder) -> None:
    server.faults.always(simulated.status(500))

    result = Result(served(max_retries=1).embed(texts_of(12)))

    assert isinstance(result.error, EmbeddingUnavailable)
    assert not result.failures


def test_nothing_listening_is_an_error_that_names_the_setting(server: OpenAIServer, served: MakeEmbedder) -> None:
    result = Result(served(base_url="http://127.0.0.1:1/v1", max_retries=1).embed(["one"]))

    assert isinstance(result.error, EmbeddingUnavailable)
    assert "can't be reached" in str(result.error)
    assert "embedding.base_url" in str(result.error)


def test_a_wait_longer_than_max_wait_is_not_begun(server: OpenAIServer, served: MakeEmbedder) -> None:
    server.faults.always(simulated.rate_limited(seconds=60))
    started = time.monotonic()

    result = Result(served(max_wait=1).embed(texts_of(3)))

    assert isinstance(result.error, EmbeddingUnavailable)
    assert "max_wait" in str(result.error)
    assert time.monotonic() - started < 30
    assert len(server.requests) == 1


def test_all_tries_together_end_at_max_wait(server: OpenAIServer, served: MakeEmbedder) -> None:
    server.faults.always(simulated.rate_limited(ms=100))

    result = Result(served(max_wait=0.5, max_retries=20).embed(["one"]))

    assert isinstance(result.error, EmbeddingUnavailable)
    assert "max_wait" in str(result.error)
    assert len(server.requests) <= 6


def test_an_account_without_quota_is_not_asked_again(server: OpenAIServer, served: MakeEmbedder) -> None:
    server.faults.always(simulated.out_of_quota())

    result = Result(served().embed(texts_of(12)))

    assert isinstance(result.error, EmbeddingUnavailable)
    assert "insufficient_quota" in str(result.error)
    assert len(server.requests) == 1


@pytest.mark.parametrize("fault", [simulated.slow(60), simulated.dripping(60)], ids=["silent", "dripping"])
def test_an_answer_that_takes_too_long_is_asked_for_again(
    server: OpenAIServer, served: MakeEmbedder, fault: simulated.Fault
) -> None:
    server.faults.once(fault)
    started = time.monotonic()

    result = Result(served(timeout=0.5, max_retries=20).embed(["one"]))

    assert result.error is None
    assert time.monotonic() - started < 30
    assert len(server.requests) >= 2  # more where the machine itself is slow


def test_answers_that_never_come_end_in_an_error_about_the_timeout(server: OpenAIServer, served: MakeEmbedder) -> None:
    server.faults.delay = 60

    result = Result(served(timeout=0.1, max_retries=1).embed(["one"]))

    assert isinstance(result.error, EmbeddingUnavailable)
    assert "embedding.timeout" in str(result.error)


def test_what_succeeded_is_handed_out_before_the_error(server: OpenAIServer, served: MakeEmbedder) -> None:
    texts = texts_of(40)
    embedder = served(max_retries=1, batch_size=2)
    server.faults.once(simulated.Fault(), times=7)
    server.faults.always(simulated.status(503))

    first = Result(embedder.embed(texts))
    server.faults.clear()
    rest = [text for position, text in enumerate(texts) if position not in first.vectors]
    second = Result(embedder.embed(rest))

    assert isinstance(first.error, EmbeddingUnavailable)
    assert len(first.vectors) == 14
    first.assert_right(texts)
    assert second.error is None
    assert server.embedded_texts == 40


def test_a_server_that_goes_away_between_two_runs_and_comes_back_is_asked_again(served: MakeEmbedder) -> None:
    with closed_port() as port:
        with OpenAIServer(port=port, dimension=8) as first:
            embedder = served(base_url=first.url, max_retries=1)
            assert Result(embedder.embed(["one"])).error is None
        gone = Result(embedder.embed(["two"]))
        with OpenAIServer(port=port, dimension=8):
            back = Result(embedder.embed(["two"]))

    assert isinstance(gone.error, EmbeddingUnavailable)
    assert back.error is None
    assert list(back.vectors) == [0]


# --- texts at fault


@pytest.mark.parametrize("bad", [[5], [0], [11], [4, 5, 6, 7], [0, 3, 8, 9]])
def test_a_refused_text_fails_alone(server: OpenAIServer, served: MakeEmbedder, bad: list[int]) -> None:
    texts = [f"text {number}" + (" FORBIDDEN" if number in bad else "") for number in range(12)]
    server.faults.refuse_marker = "FORBIDDEN"

    result = Result(served().embed(texts))

    assert result.error is None
    assert sorted(result.failures) == bad
    assert sorted(result.vectors) == [number for number in range(12) if number not in bad]
    result.assert_right(texts)
    assert result.failures[bad[0]] == "the endpoint refuses the text: 400 invalid_input"


def test_a_text_the_endpoint_fails_inside_on_fails_alone(server: OpenAIServer, served: MakeEmbedder) -> None:
    texts = [f"text {number}" + (" POISON" if number == 6 else "") for number in range(12)]
    server.faults.crash_marker = "POISON"

    result = Result(served(max_retries=2).embed(texts))

    assert result.error is None
    assert list(result.failures) == [6]
    assert len(result.vectors) == 11


@pytest.mark.parametrize("marker", ["nan_marker", "zero_marker"])
@pytest.mark.parametrize("ignores_base64", [False, True])
def test_a_vector_that_is_no_direction_fails_its_text_after_one_more_try(
    server: OpenAIServer, served: MakeEmbedder, marker: str, ignores_base64: bool
) -> None:
    texts = [f"text {number}" + (" ODD" if number in (2, 3) else "") for number in range(8)]
    setattr(server.faults, marker, "ODD")
    server.faults.ignores_base64 = ignores_base64

    result = Result(served().embed(texts))

    assert result.error is None
    assert sorted(result.failures) == [2, 3]
    assert len(result.vectors) == 6
    assert server.texts[texts[2]] == 2


def test_a_request_with_too_many_tokens_is_cut_until_it_fits(server: OpenAIServer, served: MakeEmbedder) -> None:
    texts = texts_of(16)
    server.faults.max_request_tokens = 9

    result = Result(served(batch_size=16).embed(texts))

    assert result.error is None
    assert sorted(result.vectors) == list(range(16))
    assert not result.failures


def test_a_text_too_long_for_the_endpoint_fails_alone_and_is_never_cut(
    server: OpenAIServer, served: MakeEmbedder
) -> None:
    texts = ["short", "long " * 50, "short too"]
    server.faults.max_input_tokens = 20

    result = Result(served().embed(texts))

    assert list(result.failures) == [1]
    assert "context_length_exceeded" in result.failures[1]
    assert sorted(result.vectors) == [0, 2]


def test_a_text_above_max_input_tokens_is_not_sent_to_an_endpoint_that_might_cut_it(
    server: OpenAIServer, served: MakeEmbedder
) -> None:
    texts = ["short", "word " * 500, "short too"]

    result = Result(served(max_input_tokens=100).embed(texts))

    assert list(result.failures) == [1]
    assert "embedding.max_input_tokens (100)" in result.failures[1]
    assert set(server.texts) == {"short", "short too"}


def test_an_empty_text_fails_without_a_request(server: OpenAIServer, served: MakeEmbedder) -> None:
    result = Result(served().embed(["", "one", ""]))

    assert result.failures == {0: "the text is empty", 2: "the text is empty"}
    assert len(server.requests) == 1


def test_lone_surrogates_and_nul_are_embedded(server: OpenAIServer, served: MakeEmbedder) -> None:
    result = Result(served().embed(["a\ud800b", "a\x00b", "\u2028 é 🎉"]))

    assert result.error is None
    assert server.texts["a\ufffdb"] == 1
    assert len(result.vectors) == 3


def test_a_refused_query_is_an_error_with_its_reason(server: OpenAIServer, served: MakeEmbedder) -> None:
    server.faults.refuse_marker = "FORBIDDEN"

    with pytest.raises(EmbeddingError, match="400 invalid_input"):
        served().embed_query("FORBIDDEN")
    with pytest.raises(EmbeddingError, match="query is empty"):
        served().embed_query(" ")


# --- what the settings got wrong


def test_another_dimension_is_an_error_that_names_both(server: OpenAIServer, served: MakeEmbedder) -> None:
    server.dimension = 12

    result = Result(served().embed(texts_of(12)))

    assert isinstance(result.error, EmbeddingMisconfigured)
    assert "12 dimensions, the settings say 8" in str(result.error)
    assert len(server.requests) == 1


def test_a_wrong_key_is_reported_after_one_request_and_never_shown(server: OpenAIServer, served: MakeEmbedder) -> None:
    server.api_key = "right"

    result = Result(served(api_key="sk-secret-key").embed(texts_of(40)))

    assert isinstance(result.error, EmbeddingMisconfigured)
    assert "401 invalid_api_key" in str(result.error)
    assert "embedding.api_key" in str(result.error)
    assert "sk-secret-key" not in describe(result.error)
    assert len(server.requests) == 1


def test_the_key_reaches_the_endpoint_and_an_empty_one_is_allowed(server: OpenAIServer, served: MakeEmbedder) -> None:
    assert Result(served().embed(["one"])).error is None
    server.api_key = "right"
    assert Result(served(api_key="right").embed(["one"])).error is None


def test_an_unknown_model_or_address_is_reported_with_the_settings_to_check(
    server: OpenAIServer, served: MakeEmbedder
) -> None:
    model = Result(served(model="other").embed(["one"]))
    address = Result(served(base_url=server.url.removesuffix("/v1")).embed(["one"]))

    for result in (model, address):
        assert isinstance(result.error, EmbeddingMisconfigured)
        assert "404" in str(result.error)
        assert "embedding.model and embedding.base_url" in str(result.error)


def test_an_endpoint_that_refuses_every_text_is_a_misconfiguration(server: OpenAIServer, served: MakeEmbedder) -> None:
    server.faults.refuse_marker = "text"

    result = Result(served().embed(texts_of(40)))

    assert isinstance(result.error, EmbeddingMisconfigured)
    assert "refuses every text: 400 invalid_input" in str(result.error)
    assert not result.failures


def test_a_batch_of_refused_texts_is_no_misconfiguration_once_others_were_taken(
    server: OpenAIServer, served: MakeEmbedder
) -> None:
    texts = [*texts_of(4), *(f"FORBIDDEN {number}" for number in range(4)), "the last"]
    server.faults.refuse_marker = "FORBIDDEN"

    result = Result(served().embed(texts))

    assert result.error is None
    assert sorted(result.failures) == [4, 5, 6, 7]


def test_an_endpoint_that_knows_no_base64_is_asked_for_numbers(server: OpenAIServer, served: MakeEmbedder) -> None:
    texts = texts_of(12)
    server.faults.refuses_base64 = True

    result = Result(served().embed(texts))

    assert result.error is None
    result.assert_right(texts)
    assert len(result.vectors) == 12
    assert len(server.requests) == 4


def test_a_redirect_is_reported_and_not_followed(server: OpenAIServer, served: MakeEmbedder) -> None:
    with OpenAIServer(dimension=8) as elsewhere:
        server.faults.always(simulated.status(307, location=f"{elsewhere.url}/embeddings"))
        result = Result(served().embed(["one"]))

        assert isinstance(result.error, EmbeddingMisconfigured)
        assert "base_url" in str(result.error)
        assert not elsewhere.requests


# --- what must never be seen


def test_errors_and_logs_never_hold_texts_or_keys(
    server: OpenAIServer, served: MakeEmbedder, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    secret = "sk-secret-key"
    seen = []
    for fault in (
        simulated.status(503),
        simulated.status(401, "invalid_api_key"),
        simulated.status(418, f"code with {secret}"),
        simulated.not_json(),
        simulated.dropped(),
    ):
        server.faults.always(fault)
        result = Result(served(api_key=secret, max_retries=1).embed(["PRIVATE words"]))
        assert result.error is not None
        seen.append(describe(result.error))
    server.faults.always(None)
    server.faults.refuse_marker = "PRIVATE"
    seen.append(str(Result(served(api_key=secret).embed(["fine", "PRIVATE words"])).failures))

    for shown in [*seen, caplog.text]:
        assert "PRIVATE" not in shown
        assert secret not in shown


def test_leaving_early_stops_asking(server: OpenAIServer, served: MakeEmbedder) -> None:
    server.faults.once(simulated.Fault(), times=2)
    server.faults.always(simulated.rate_limited(seconds=60))
    before = set(threading.enumerate())
    batches = served(batch_size=1, max_wait=300).embed(texts_of(50))
    next(batches)
    next(batches)
    batches.close()  # type: ignore[attr-defined]

    deadline = time.monotonic() + 30
    for thread in set(threading.enumerate()) - before:
        if thread.name.startswith("embedding"):
            thread.join(deadline - time.monotonic())
            assert not thread.is_alive()
    assert len(server.requests) <= 2 + 4


def test_leaving_early_does_not_wait_for_the_answers_under_way(server: OpenAIServer, served: MakeEmbedder) -> None:
    embedder = served(batch_size=1)
    embedder.embed_query("the endpoint is known to answer")
    server.faults.once(simulated.Fault())
    server.faults.always(simulated.slow(60))
    batches = embedder.embed(texts_of(50))
    next(batches)
    started = time.monotonic()
    batches.close()  # type: ignore[attr-defined]

    assert time.monotonic() - started < 30


def describe(error: BaseException) -> str:
    """The error as a traceback would show it, causes included."""
    shown = [f"{error!r} {error}"]
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return shown[0] + (describe(cause) if cause else "")
