"""What a chunker is: text in, spans out, every word covered and no chunk above the token cap."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from vector_pipeline.documents import Span

CountTokens = Callable[[Sequence[str]], list[int]]
"""Exact token counts of texts in the embedding model's tokenizer."""


@dataclass(frozen=True, slots=True)
class Splittable:
    """What is cut: `context` counts towards the cap of every chunk, as it is embedded in front of it."""

    text: str
    kind: str
    language: str = ""
    context: str = ""


class Splitter(Protocol):
    """Cuts documents, many at once so that tokens are counted in few calls."""

    @property
    def identity(self) -> str:
        """Names the algorithm's version and its settings; another identity means chunk everything again."""
        ...

    def split(self, documents: Sequence[Splittable]) -> list[list[Span] | str]:
        """Spans per document in order, or the reason why that one can't be cut.

        The spans are in order and do not overlap; what lies between them is white space.
        """
        ...
