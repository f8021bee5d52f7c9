"""The tokenizer bundled with wordllama: how long a text is for an embedding model.

Its files are read where the wordllama package keeps them; the package itself is not imported, because that takes
half a second and configures the root logger. The one idea: this tokenizer is never padded or truncated, so its
counts are exact.
"""

from __future__ import annotations

import functools
import importlib.util
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from tokenizers import Tokenizer

from vector_pipeline.embedding.base import EmbeddingMisconfigured

BUNDLED_MODEL = "l2_supercat"
"""The model whose weights and tokenizer come with the wordllama package."""

_TEXTS_AT_ONCE = 128
_LONE_SURROGATES = re.compile("[\ud800-\udfff]")


def encodable(text: str) -> str:
    """The text with lone surrogates, which have no UTF-8 form, replaced by U+FFFD."""
    return text if text.isascii() else _LONE_SURROGATES.sub("\ufffd", text)


def bundled_file(folder: str, name: str) -> Path:
    """A file of the installed wordllama package. Raises EmbeddingMisconfigured where it is missing."""
    spec = importlib.util.find_spec("wordllama")
    for location in (spec.submodule_search_locations or ()) if spec else ():
        path = Path(location) / folder / name
        if path.is_file():
            return path
    raise EmbeddingMisconfigured(
        f"the file {folder}/{name} of the wordllama package is missing", hint="install the package wordllama again"
    )


def tokenizer_file() -> Path:
    """Where the tokenizer's definition is. Raises EmbeddingMisconfigured."""
    return bundled_file("tokenizers", f"{BUNDLED_MODEL}_tokenizer_config.json")


def token_ids(texts: Sequence[str]) -> Iterator[list[int]]:
    """The token ids of each text in order, without special tokens. Memory is bounded by a part of the texts."""
    tokenizer = _tokenizer()
    for start in range(0, len(texts), _TEXTS_AT_ONCE):
        part = [encodable(text) for text in texts[start : start + _TEXTS_AT_ONCE]]
        for encoding in tokenizer.encode_batch_fast(part, add_special_tokens=False):
            yield encoding.ids


def count_tokens(texts: Sequence[str]) -> list[int]:
    """Number of tokens of each text, without special tokens."""
    tokenizer = _tokenizer()
    counts: list[int] = []
    for start in range(0, len(texts), _TEXTS_AT_ONCE):
        part = [encodable(text) for text in texts[start : start + _TEXTS_AT_ONCE]]
        counts.extend(len(encoding) for encoding in tokenizer.encode_batch_fast(part, add_special_tokens=False))
    return counts


@functools.cache
def _tokenizer() -> Tokenizer:
    path = tokenizer_file()
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # the tokenizers library raises plain Exception
        raise EmbeddingMisconfigured(
            f"the tokenizer {path} can't be read", hint="install the package wordllama again"
        ) from error
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer
