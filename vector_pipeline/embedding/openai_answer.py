"""What an embeddings endpoint answered, as vectors: nothing of the answer is believed before it is checked.

Reads both encodings of the API (lists of numbers, base64 of 32-bit floats). The one idea: every vector is put at the
position the answer names, so an endpoint may answer in any order, but never too few or twice.
"""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from typing import Any

import numpy as np

from vector_pipeline.embedding.base import EmbeddingMisconfigured, Vectors


class UnreadableAnswer(Exception):
    """The answer is not what the API promises; the message says in what, without quoting it."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Unit vectors in the order of the texts; the row of a text whose vector is not finite or zero is NaN.

    `tokens` is what the endpoint says it read, 0 where it does not say.
    """

    vectors: Vectors
    tokens: int


def read_answer(body: bytes, texts: int, dimension: int) -> Answer:
    """The answer for that many texts. Raises UnreadableAnswer, and EmbeddingMisconfigured for another dimension."""
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise UnreadableAnswer("it is not JSON") from error
    items = answer.get("data") if isinstance(answer, dict) else None
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise UnreadableAnswer("it holds no list of embeddings")
    if len(items) != texts:
        raise UnreadableAnswer(f"it holds {len(items)} embeddings for {texts} texts")
    rows = np.full((texts, dimension), np.nan, dtype=np.float64)
    for position, item in zip(_positions(items), items, strict=True):
        if not item.get("embedding"):  # how some servers say that they have none for this text
            continue
        row = _row(item["embedding"])
        if row.shape != (dimension,):
            raise EmbeddingMisconfigured(
                f"the endpoint answers with {row.size} dimensions, the settings say {dimension}",
                hint=f"set embedding.dimensions to {row.size}, or embedding.send_dimensions to have them shortened",
            )
        rows[position] = row
    return Answer(_unit(rows), _tokens(answer.get("usage")))


def _positions(items: list[dict[str, Any]]) -> list[int]:
    """Where each item belongs: its index, or its place where no item has one."""
    indexes = [item.get("index") for item in items]
    if all(index is None for index in indexes):
        return list(range(len(items)))
    positions = [index for index in indexes if isinstance(index, int) and not isinstance(index, bool)]
    if sorted(positions) != list(range(len(items))):
        raise UnreadableAnswer("its indexes are not those of the texts")
    return positions


def _row(embedding: object) -> np.ndarray[Any, np.dtype[np.float64]]:
    try:
        if isinstance(embedding, str):
            return np.frombuffer(base64.b64decode(embedding, validate=True), dtype="<f4").astype(np.float64)
        if isinstance(embedding, list):
            return np.array(embedding, dtype=np.float64)  # null, as some servers write NaN, becomes NaN
    except (binascii.Error, ValueError, TypeError, OverflowError) as error:
        raise UnreadableAnswer("an embedding is neither numbers nor base64") from error
    raise UnreadableAnswer("an embedding is neither numbers nor base64")


def _unit(rows: np.ndarray[Any, np.dtype[np.float64]]) -> Vectors:
    """Rows of length 1; NaN where a row is not finite or all zero. Scaled first, so that no square overflows."""
    largest = np.abs(rows).max(axis=1, keepdims=True)
    usable = np.isfinite(largest) & (largest > 0)
    scaled = rows / np.where(usable, largest, 1.0)
    lengths = np.linalg.norm(scaled, axis=1, keepdims=True)
    return np.where(usable, scaled / np.where(usable, lengths, 1.0), np.nan).astype(np.float32)


def _tokens(usage: object) -> int:
    if isinstance(usage, dict):
        for name in ("prompt_tokens", "total_tokens"):
            tokens = usage.get(name)
            if isinstance(tokens, int) and not isinstance(tokens, bool) and 0 <= tokens < 2**40:
                return tokens
    return 0
