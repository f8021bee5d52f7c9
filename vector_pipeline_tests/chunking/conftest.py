"""The tokenizer of the default embedding model, loaded once, and what it counts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import wordllama

from vector_pipeline.chunking.base import CountTokens


class Counter:
    """Counts tokens exactly, and remembers what it was asked."""

    def __init__(self, encode: Callable[[list[str]], list[int]]) -> None:
        self._encode = encode
        self.calls: list[list[str]] = []

    def __call__(self, texts: Sequence[str]) -> list[int]:
        self.calls.append(list(texts))
        return self._encode(list(texts))


@pytest.fixture(scope="session")
def count_tokens() -> CountTokens:
    """Exact token counts of the bundled model."""
    model = wordllama.WordLlama.load(cache_dir=Path(wordllama.__file__).parent, disable_download=True)
    tokenizer = model.tokenizer
    tokenizer.no_padding()
    tokenizer.no_truncation()

    def count(texts: Sequence[str]) -> list[int]:
        return [len(encoding.ids) for encoding in tokenizer.encode_batch_fast(list(texts))]

    return count


@pytest.fixture
def counter(count_tokens: CountTokens) -> Counter:
    """The same counts, with a record of the calls."""
    return Counter(lambda texts: count_tokens(texts))
