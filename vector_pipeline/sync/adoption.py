"""Which vectors of a collection that others made are right for our chunks.

Pure. The one idea: a vector belongs to a text. Where the text there is exactly what we embed, its vector can be taken
over; where it only reads alike, that is measured on a sample first, for each way of being alike by itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any
from urllib.parse import unquote

import numpy as np

from vector_pipeline.conversion.decoding import normalize
from vector_pipeline.documents import hash16, text_hash
from vector_pipeline.embedding.base import Vectors

SAME = 0.99
"""Least cosine between two vectors of one text by one model: servers round, and lower the precision of numbers."""

AGREEING_SHARE = 0.95
"""Share of a sample that has to be the same: some texts are cut off by one tool and not by the other."""

TWINS = 0.999
"""Least cosine between the vectors of two points with one text that are taken for the same."""


class Likeness(IntEnum):
    """How a text there is like a text of ours, best first."""

    EXACT = 0
    """It is the embedded text, character by character."""
    SPACING = 1
    """It is the embedded text but for spaces and line ends."""
    HEADLESS = 2
    """It is the chunk's own text, without the heading path that we embed in front."""


LIKENESS_WORDS: Mapping[Likeness, str] = {
    Likeness.EXACT: "the same text",
    Likeness.SPACING: "other spaces or line ends",
    Likeness.HEADLESS: "without its headings",
}


class OwnTexts:
    """The texts we embed, to be found by what others kept of them. Holds hashes, no text.

    With `headless`, a chunk is also found by its own text alone, without the heading path in front.
    """

    def __init__(self, *, headless: bool) -> None:
        self._headless = headless
        self._found: dict[bytes, list[tuple[int, bytes]]] = {}

    def add(self, text_no: int, body: str, prefix: int) -> None:
        """Adds a text once; its first `prefix` characters are the heading path."""
        self._enter(words_key(body), text_no, text_hash(body))
        if self._headless and prefix:
            self._enter(words_key(body[prefix:]), text_no, b"")

    def find(self, text: str) -> list[tuple[int, Likeness]]:
        """The texts that this one is like, with how."""
        key = words_key(text)
        digest = text_hash(text)
        return [
            (text_no, Likeness.HEADLESS if not own else Likeness.EXACT if own == digest else Likeness.SPACING)
            for text_no, own in (self._found.get(key, ()) if key else ())
        ]

    def _enter(self, key: bytes, text_no: int, digest: bytes) -> None:
        if key:
            self._found.setdefault(key, []).append((text_no, digest))


def words_key(text: str) -> bytes:
    """Names a text by its words: equal whatever stands between them. Empty for a text without any."""
    words = " ".join(normalize(text).split())
    return hash16(words.encode("utf-8", "surrogatepass")) if words else b""


def value_at(payload: Mapping[str, Any], path: str) -> Any:
    """The value of a field, or of a field in a field ("metadata.source"), None where there is none.

    A field whose own name holds the dot comes first.
    """
    if path in payload:
        return payload[path]
    head, dot, rest = path.partition(".")
    inside = payload.get(head) if dot else None
    return value_at(inside, rest) if isinstance(inside, Mapping) else None


def vector_fault(vector: Vectors | None, dimension: int) -> str:
    """Why a vector can't be taken over, "" where it can."""
    if vector is None:
        return "missing"
    if len(vector) != dimension:
        return f"{len(vector)} dimensions"
    if not np.isfinite(vector).all():
        return "not finite"
    return "" if np.any(vector) else "all zero"


def unit(vector: Vectors) -> Vectors:
    """The vector at length 1, as embedders give it. It must be finite and not zero."""
    scaled = vector.astype(np.float64) / np.abs(vector).max()
    return np.asarray(scaled / np.linalg.norm(scaled), dtype=np.float32)


@dataclass(slots=True)
class Claim:
    """What speaks for a text's vector so far: how good it is, the vector, and whether points contradict each other."""

    likeness: Likeness
    vector: Vectors
    contradicted: bool = False


class Claims:
    """The best vector found for each text.

    Points with the same text should have the same vector. Where they do not, none of them can be told to be right:
    the text is contradicted, and is embedded anew.
    """

    def __init__(self) -> None:
        self._claims: dict[int, Claim] = {}

    def add(self, text_no: int, likeness: Likeness, vector: Vectors) -> None:
        """Adds a vector of length 1 that a point has for a text."""
        held = self._claims.get(text_no)
        if held is None or likeness < held.likeness:
            self._claims[text_no] = Claim(likeness, vector)
        elif likeness == held.likeness and float(held.vector @ vector) < TWINS:
            held.contradicted = True

    def settled(self) -> Iterator[tuple[int, Claim]]:
        """The texts whose points agree, in order."""
        return ((number, claim) for number, claim in sorted(self._claims.items()) if not claim.contradicted)

    @property
    def contradicted(self) -> int:
        """Number of texts whose points contradict each other."""
        return sum(claim.contradicted for claim in self._claims.values())

    def __len__(self) -> int:
        return len(self._claims)

    def drop(self, text_no: int) -> None:
        """Forgets a text."""
        del self._claims[text_no]


class Sample:
    """A few texts with their vectors, chosen by a hash of their number: whatever the order, the same ones.

    Twice as many as are wanted are kept, as some may turn out to be contradicted.
    """

    def __init__(self, wanted: int) -> None:
        self._wanted = wanted
        self._claims = Claims()
        self._ranks: dict[int, bytes] = {}

    def add(self, text_no: int, vector: Vectors) -> None:
        """Considers a text; one that is not among the chosen never will be again."""
        rank = hash16(b"sample", text_no.to_bytes(8, "big"))
        if text_no not in self._ranks:
            if len(self._ranks) >= 2 * self._wanted:
                last = max(self._ranks, key=self._ranks.__getitem__)
                if rank > self._ranks[last]:
                    return
                del self._ranks[last]
                self._claims.drop(last)
            self._ranks[text_no] = rank
        self._claims.add(text_no, Likeness.EXACT, vector)

    def chosen(self) -> dict[int, Vectors]:
        """At most as many texts as are wanted, with their vectors."""
        settled = {number: claim.vector for number, claim in self._claims.settled()}
        best = sorted(settled, key=self._ranks.__getitem__)[: self._wanted]
        return {number: settled[number] for number in best}


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a sample of their vectors compares with what our model gives for our texts.

    `compared` texts, of which `same` have nearly the same vector; `lowest` is the lowest cosine seen.
    """

    compared: int
    same: int
    lowest: float

    @property
    def is_same_model(self) -> bool:
        """Whether the vectors are what our model gives."""
        return self.compared > 0 and self.same >= AGREEING_SHARE * self.compared


def judge(theirs: Mapping[int, Vectors], ours: Mapping[int, Vectors]) -> Verdict:
    """Compares vectors of length 1 by text; texts that only one side has are left out."""
    cosines = [float(theirs[number] @ ours[number]) for number in theirs if number in ours]
    return Verdict(len(cosines), sum(cosine >= SAME for cosine in cosines), min(cosines, default=0.0))


@dataclass(frozen=True, slots=True)
class AddressMap:
    """Which addresses there and here are the same: (start there, start here) pairs, the first that fits counts."""

    pairs: Sequence[tuple[str, str]] = ()

    def key(self, address: str) -> bytes:
        """Names an address of theirs as ours are named."""
        for there, here in self.pairs:
            if address.startswith(there):
                return address_key(here + address[len(there) :])
        return address_key(address)


def address_key(address: str) -> bytes:
    """Names an address; how it is quoted and a slash at its end make no difference."""
    return hash16(unquote(address).rstrip("/").encode("utf-8", "surrogatepass"))
