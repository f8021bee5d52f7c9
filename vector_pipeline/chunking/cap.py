"""The exact cap: no embedded text (heading path and all) has more tokens than allowed.

Pieces are first cut by characters, which is cheap; here the few that are too long in tokens are found and cut
again. Texts short enough in bytes are never counted, and no text is counted twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from vector_pipeline.chunking.base import CountTokens
from vector_pipeline.chunking.pieces import cut
from vector_pipeline.chunking.plain import text_cutter
from vector_pipeline.documents import Span, embedded_prefix

SPECIAL_TOKENS = 8
"""Room for a model's special tokens: a text has at most so many tokens more than UTF-8 bytes.

True of tokenizers that work on bytes or fall back to them.
"""

_BATCH = 2000

_Prefix = tuple[str, tuple[str, ...]]


@dataclass(slots=True)
class Capped:
    """A document on its way through the cap: `text` without lone surrogates, `spans` cut by characters.

    `reason` says why the document can't be cut, and is empty otherwise.
    """

    text: str
    context: str
    spans: list[Span]
    reason: str = ""


@dataclass(slots=True)
class _Part:
    """A span of a document by its place there; `pieces` are what it is cut into, in the end."""

    document: Capped
    span: Span
    pieces: list[_Part]


def apply_cap(documents: Sequence[Capped], count_tokens: CountTokens, max_tokens: int, overhead: int) -> None:
    """Cuts the spans of the documents until each fits, in place.

    `overhead` is what the embedder counts for a text without a character: the prefix it puts in front. Headings are
    dropped, outermost first, where they would take more than half of the cap. Where the context leaves no room for
    a single character the document gets a `reason`.
    """
    shortened = _shortened_headings(documents, count_tokens, max_tokens, overhead)
    roots: list[tuple[Capped, list[_Part]]] = []
    for document in documents:
        parts = [
            _Part(
                document,
                Span(span.start, span.end, shortened.get((document.context, span.headings), span.headings)),
                [],
            )
            for span in document.spans
        ]
        roots.append((document, parts))
    waiting = [part for _, parts in roots for part in parts]
    while waiting:
        waiting = [
            piece
            for part, tokens in _too_long(waiting, count_tokens, max_tokens, overhead)
            if not part.document.reason
            for piece in _cut_again(part, tokens, max_tokens)
        ]
    for document, parts in roots:
        document.spans = [] if document.reason else [part.span for part in _leaves(parts)]


def bounded_context(context: str, count_tokens: CountTokens, max_tokens: int) -> str:
    """The context, cut at a word so that it takes at most half of the cap in front of a chunk."""
    room = max_tokens // 2
    cut_off = " ".join(context.split())[: 16 * room]
    while cut_off:
        prefix = embedded_prefix(cut_off, ())
        tokens = count_tokens([prefix])[0]
        if tokens <= room:
            return cut_off
        shorter = cut_off[: max(min(len(cut_off) * room // tokens, len(cut_off) - 1), 0)]
        cut_off = (shorter.rpartition(" ")[0] or shorter).rstrip()
    return ""


def _shortened_headings(
    documents: Iterable[Capped], count_tokens: CountTokens, max_tokens: int, overhead: int
) -> Mapping[_Prefix, tuple[str, ...]]:
    """(context, headings) to shorter headings, for those that take more than half of the cap."""
    room = max_tokens // 2
    distinct = {(document.context, span.headings) for document in documents for span in document.spans}
    shortened: dict[_Prefix, tuple[str, ...]] = {}
    waiting = [(key, key[1]) for key in sorted(distinct) if key[1]]
    while waiting:
        prefixes = [embedded_prefix(context, headings) for (context, _), headings in waiting]
        long = [place for place, prefix in enumerate(prefixes) if not _surely_fits(prefix, room - overhead)]
        tokens = _counted([prefixes[place] for place in long], count_tokens)
        offenders = [waiting[place] for place, count in zip(long, tokens, strict=True) if count > room]
        shortened.update({key: headings[1:] for key, headings in offenders})
        waiting = [(key, headings[1:]) for key, headings in offenders if len(headings) > 1]
    return shortened


def _too_long(
    parts: Sequence[_Part], count_tokens: CountTokens, max_tokens: int, overhead: int
) -> list[tuple[_Part, int]]:
    """The parts above the cap, with their tokens; counted in batches, so that few texts are held at once."""
    found: list[tuple[_Part, int]] = []
    batch: list[tuple[_Part, str]] = []
    for place, part in enumerate(parts, start=1):
        text = _embedded(part)
        if not _surely_fits(text, max_tokens - overhead):
            batch.append((part, text))
        if len(batch) == _BATCH or (place == len(parts) and batch):
            tokens = count_tokens([text for _, text in batch])
            found += [(part, count) for (part, _), count in zip(batch, tokens, strict=True) if count > max_tokens]
            batch = []
    return found


def _cut_again(part: _Part, tokens: int, max_tokens: int) -> list[_Part]:
    """Cuts a part into about equal pieces, as many as its tokens need; they may still be too long."""
    span, document = part.span, part.document
    length = span.end - span.start
    if length == 1:
        document.reason = f"its title leaves no room for text in chunks of {max_tokens} tokens"
        return []
    whole = len(_embedded(part))
    room = max_tokens * 0.95 - tokens * (whole - length) / whole
    wanted = max(2, -(-int(tokens * length / whole) // int(room)) if room >= 1 else length)
    # A tenth more than an equal share, so that the last piece isn't a scrap.
    capacity = max(1, min(length * 11 // (wanted * 10) + 1, length * 2 // 3))
    part.pieces = [
        _Part(document, Span(*piece, span.headings), [])
        for piece in cut(document.text, span.start, span.end, text_cutter(capacity))
    ]
    return part.pieces


def _leaves(parts: Iterable[_Part]) -> Iterable[_Part]:
    """The parts that were not cut further, in order."""
    for part in parts:
        if part.pieces:
            yield from _leaves(part.pieces)
        else:
            yield part


def _embedded(part: _Part) -> str:
    """Exactly what would be embedded."""
    span = part.span
    return embedded_prefix(part.document.context, span.headings) + part.document.text[span.start : span.end]


def _surely_fits(text: str, max_tokens: int) -> bool:
    """Whether the text fits without counting, as a token has at least one byte."""
    room = max_tokens - SPECIAL_TOKENS
    return len(text) <= room and (text.isascii() or len(text) * 4 <= room or len(text.encode()) <= room)


def _counted(texts: Sequence[str], count_tokens: CountTokens) -> list[int]:
    """Token counts, in batches."""
    return [count for start in range(0, len(texts), _BATCH) for count in count_tokens(texts[start : start + _BATCH])]
