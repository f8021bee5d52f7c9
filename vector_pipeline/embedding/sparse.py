"""Keyword vectors: Qdrant's own BM25 encoder, run in this process for both kinds of index.

The document side weighs terms by frequency and length, the query side names them; the inverse document frequency
is added by the collection. Term ids are hashes of the stemmed word, the same in every process.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence

from qdrant_edge import Bm25, Bm25Config, Language
from qdrant_edge import SparseVector as EngineVector

from vector_pipeline.embedding.base import EmbeddingMisconfigured, SparseVector
from vector_pipeline.embedding.tokens import encodable

_SATURATION = 1.2
_LENGTH_WEIGHT = 0.75
_ALGORITHM = "qdrant-bm25/1"
"""Raised by hand when a release of the engine changes tokens, stems or weights; a test holds known vectors."""


class Bm25Encoder:
    """BM25 with the stop words and stems of one language; `average_length` is the usual chunk's number of words.

    Raises EmbeddingMisconfigured for a language the engine does not know.
    """

    def __init__(self, language: str = "english", average_length: float = 150.0) -> None:
        self._language = language.strip().lower()
        self._average_length = float(average_length)
        if self._language not in languages():
            raise EmbeddingMisconfigured(
                f"there are no stop words and stems for the language {language!r}",
                hint=f"set embedding.bm25_language to one of {', '.join(languages())}",
            )
        try:
            self._model = Bm25(
                Bm25Config(k=_SATURATION, b=_LENGTH_WEIGHT, avg_len=self._average_length, language=self._language)
            )
        except ValueError as error:
            raise EmbeddingMisconfigured(
                f"BM25 refuses its parameters: {error}", hint="see embedding.bm25_language and bm25_average_length"
            ) from error

    @property
    def identity(self) -> str:
        """Algorithm and parameters."""
        parameters = f"k={_SATURATION},b={_LENGTH_WEIGHT},length={self._average_length:g}"
        return f"{_ALGORITHM}/{self._language}/{parameters}"

    def encode(self, texts: Sequence[str]) -> list[SparseVector]:
        """Term weights of each text, sorted by term id; empty where a text has only stop words."""
        return [_sorted(self._model.embed_document(encodable(text))) for text in texts]

    def encode_query(self, text: str) -> SparseVector:
        """The terms of a query, each with weight 1, sorted by term id."""
        return _sorted(self._model.embed_query(encodable(text)))


@functools.cache
def languages() -> tuple[str, ...]:
    """Languages the engine has stop words for, in lower case."""
    return tuple(sorted(name.lower() for name in vars(Language) if not name.startswith("_")))


def _sorted(vector: EngineVector) -> SparseVector:
    terms = sorted(zip(vector.indices, vector.values, strict=True))
    return SparseVector([index for index, _weight in terms], [weight for _index, weight in terms])
