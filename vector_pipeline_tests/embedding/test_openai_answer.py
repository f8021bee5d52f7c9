"""Reading answers that nobody vouches for."""

from __future__ import annotations

import base64
import json
import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vector_pipeline.embedding.base import EmbeddingMisconfigured
from vector_pipeline.embedding.openai_answer import UnreadableAnswer, read_answer

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


def body(*embeddings: Any, **more: Any) -> bytes:
    data = [{"index": index, "embedding": embedding} for index, embedding in enumerate(embeddings)]
    return json.dumps({"data": data, **more}).encode()


def test_numbers_and_base64_give_the_same_unit_vectors() -> None:
    packed = base64.b64encode(struct.pack("<2f", 3.0, -4.0)).decode()

    answer = read_answer(body([3.0, -4.0], packed, usage={"prompt_tokens": 7}), 2, 2)

    assert np.allclose(answer.vectors, [[0.6, -0.8], [0.6, -0.8]])
    assert answer.vectors.dtype == np.float32
    assert answer.tokens == 7


def test_numbers_beyond_32_bits_keep_their_direction() -> None:
    answer = read_answer(body([3e200, -4e200], [3e-200, -4e-200]), 2, 2)

    assert np.allclose(answer.vectors, [[0.6, -0.8], [0.6, -0.8]])


@pytest.mark.parametrize("nothing", [[], None, "", [None, 1.0], [0.0, 0], [float("inf"), 1.0], [float("nan"), 1.0]])
def test_a_text_without_a_usable_vector_leaves_the_others_theirs(nothing: Any) -> None:
    answer = read_answer(body(nothing, [1.0, 0.0]), 2, 2)

    assert np.isnan(answer.vectors[0]).all()
    assert answer.vectors[1].tolist() == [1.0, 0.0]


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"[]",
        b"null",
        b"{",
        b"[" * 100_000,
        b"\xff\xfe",
        b'{"data": {}}',
        b'{"data": ["a", "b"]}',
        body([1.0, 0.0]),
        body([1.0, 0.0], [1.0, 0.0], [1.0, 0.0]),
        body("not base64!", [1.0, 0.0]),
        body("AAA=", [1.0, 0.0]),
        body(["1", "x"], [1.0, 0.0]),
        body([10**400, 1], [1.0, 0.0]),
        body([[1.0], 0.0], [1.0, 0.0]),
        body({"values": [1.0]}, [1.0, 0.0]),
        b'{"data": [{"embedding": [1, 0], "index": 0}, {"embedding": [1, 0], "index": 0}]}',
        b'{"data": [{"embedding": [1, 0], "index": 0}, {"embedding": [1, 0]}]}',
        b'{"data": [{"embedding": [1, 0], "index": "0"}, {"embedding": [1, 0], "index": "1"}]}',
    ],
)
def test_an_answer_that_breaks_the_promise_is_unreadable(sent: bytes) -> None:
    with pytest.raises(UnreadableAnswer):
        read_answer(sent, 2, 2)


def test_any_vector_of_another_length_is_a_misconfiguration() -> None:
    with pytest.raises(EmbeddingMisconfigured, match="3 dimensions, the settings say 2"):
        read_answer(body([1.0, 0.0], [1.0, 0.0, 0.0]), 2, 2)


@given(data=JSON, usage=JSON, texts=st.integers(1, 3))
def test_no_answer_raises_anything_else(data: Any, usage: Any, texts: int) -> None:
    for answer in (data, {"data": data, "usage": usage}, {"data": [{"embedding": data}] * texts, "usage": usage}):
        try:
            read = read_answer(json.dumps(answer).encode(), texts, 2)
        except (UnreadableAnswer, EmbeddingMisconfigured):
            continue
        assert read.vectors.shape == (texts, 2)
        assert read.tokens >= 0
