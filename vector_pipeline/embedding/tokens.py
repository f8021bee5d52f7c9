"""The tokenizer bundled with wordllama: how long a text is for an embedding model.

Its files are read where the wordllama package keeps them; the package itself is not imported, because that takes
half a second and configures the root logger. The one idea: no token of this vocabulary reaches from one word into
the next, so a text's tokens are those of its words, and words are looked up rather than tokenized again and again
(several times as fast as the library on prose; tests hold the two equal on arbitrary text).
"""

from __future__ import annotations

import functools
import importlib.util
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from tokenizers import Tokenizer
from tokenizers.normalizers import Sequence as Normalizers

from vector_pipeline.embedding.base import EmbeddingMisconfigured

BUNDLED_MODEL = "l2_supercat"
"""The model whose weights and tokenizer come with the wordllama package."""

_SPACE = "▁"
"""How the vocabulary writes a space; every text starts with one."""
_WORD = re.compile(f"{_SPACE}*[^{_SPACE}\n]+|{_SPACE}+|\n")
_CONTROL = ("<unk>", "<s>", "</s>")
_LONGEST_CACHED = 40
_MOST_CACHED = 100_000
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
    """The token ids of each text in order, without special tokens."""
    for text in texts:
        words = _words(text)
        if words is None:
            yield _tokenizer().encode(encodable(text), add_special_tokens=False).ids
        else:
            yield [token for word in words for token in _ids_of(word)]


def count_tokens(texts: Sequence[str]) -> list[int]:
    """Number of tokens of each text, without special tokens."""
    counts = []
    for text in texts:
        words = _words(text)
        if words is None:
            counts.append(len(_tokenizer().encode(encodable(text), add_special_tokens=False)))
        else:
            counts.append(sum([len(_ids_of(word)) for word in words]))
    return counts


def _words(text: str) -> list[str] | None:
    """The text cut where no token can reach across: before a space that follows another character, at newlines.

    None where the text spells one of the model's control tokens, which the library takes out before it cuts.
    """
    if "<" in text and any(mark in text for mark in _CONTROL):
        return None
    if not text:
        return []
    return _WORD.findall(_SPACE + encodable(text).replace(" ", _SPACE))


class _WordCache(dict[str, tuple[int, ...]]):
    """Words with their token ids, filled on demand and emptied when it grows too large."""

    def __missing__(self, word: str) -> tuple[int, ...]:
        ids = tuple(_word_tokenizer().encode(word, add_special_tokens=False).ids)
        if len(word) <= _LONGEST_CACHED:
            if len(self) >= _MOST_CACHED:
                self.clear()
            self[word] = ids
        return ids


_ids_of = _WordCache().__getitem__


@functools.cache
def _tokenizer() -> Tokenizer:
    """The whole tokenizer: needed only for the rare text that spells a control token."""
    return _load()


def _load() -> Tokenizer:
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


@functools.cache
def _word_tokenizer() -> Tokenizer:
    """The same model without the normalizer that turns spaces into their mark, which is done already."""
    tokenizer = _load()
    tokenizer.normalizer = Normalizers([])
    return tokenizer
