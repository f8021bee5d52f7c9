"""Cuts documents into spans: by syntax first, by exact token count second, many documents at once."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cached_property

from vector_pipeline.chunking.base import CountTokens, Splittable
from vector_pipeline.chunking.cap import Capped, apply_cap
from vector_pipeline.chunking.code import code_spans
from vector_pipeline.chunking.markdown import markdown_spans
from vector_pipeline.chunking.plain import plain_spans, restructured_spans
from vector_pipeline.documents import Span
from vector_pipeline.settings import ChunkingSettings

ALGORITHM_VERSION = 2
"""Raised whenever the same text would be cut differently: every document is then chunked again."""

_SURROGATES = re.compile("[\ud800-\udfff]")


class DocumentSplitter:
    """Cuts markdown by section, code by definition, text by paragraph; see `Splitter`.

    `max_tokens_model` is what the model reads at most, where that is less than the settings' cap. The counts
    must be those of the model that embeds the chunks, so its name belongs beside `identity` in whatever
    decides whether documents are chunked again.
    """

    def __init__(
        self, settings: ChunkingSettings, count_tokens: CountTokens, max_tokens_model: int | None = None
    ) -> None:
        self._target = settings.target_chars
        self._settings = settings.identity
        self._count_tokens = count_tokens
        self.max_tokens = min(settings.max_tokens, max_tokens_model or settings.max_tokens)

    @property
    def identity(self) -> str:
        """The algorithm's version, its settings, and the cap where the model lowers it."""
        return f"split-v{ALGORITHM_VERSION}({self._settings},cap={self.max_tokens})"

    def split(self, documents: Sequence[Splittable]) -> list[list[Span] | str]:
        """Spans per document in order, or the reason why that one can't be cut.

        The spans are in order and do not overlap; what lies between them is white space, and a document of
        white space only has none. Raises what `count_tokens` raises.
        """
        capped = [self._by_syntax(document) for document in documents]
        apply_cap(
            [document for document in capped if not document.reason],
            self._count_tokens,
            self.max_tokens,
            self._overhead,
        )
        return [document.reason or document.spans for document in capped]

    @cached_property
    def _overhead(self) -> int:
        """Tokens of the embedder's prefix, which it counts in every text."""
        return self._count_tokens([""])[0]

    def _by_syntax(self, document: Splittable) -> Capped:
        """The document cut by characters."""
        text, context = _encodable(document.text), _encodable(document.context)
        try:
            return Capped(text, context, _spans(text, document.kind, document.language, self._target))
        except BaseException as error:
            # A panic of the Rust libraries is no Exception. It concerns this document only; all else is raised.
            if type(error).__name__ != "PanicException":
                raise
            return Capped(text, context, [], f"the parser for {document.kind} documents failed on it")


def _spans(text: str, kind: str, language: str, target: int) -> list[Span]:
    """The spans by kind of document; kinds we don't know are plain text."""
    if kind == "markdown":
        return markdown_spans(text, target)
    if kind == "code":
        return code_spans(text, language, target)
    if language in ("rst", "restructuredtext"):
        return restructured_spans(text, target)
    return plain_spans(text, target)


def _encodable(text: str) -> str:
    """The text with lone surrogates replaced one by one, so that offsets stay as they are."""
    return _SURROGATES.sub("\ufffd", text)
