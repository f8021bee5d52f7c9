"""What makes two pages say the same although not a byte is equal: their words without what varies by request.

Pure. Numbers, identifiers and the words of the page's own address are left out, so that an error page which repeats
the address, the time and a request id still looks like itself.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterable, Set
from hashlib import blake2b
from urllib.parse import unquote

SKETCH = 64
"""Hashes in a sketch; the likeness told from it is right within about 0.1."""

_WORD = re.compile(r"\w+")
_HEX = re.compile(r"[a-f]+")


def words_of(text: str, url: str = "") -> frozenset[str]:
    """The distinct words of a text that do not vary from request to request, in lower case."""
    own = frozenset(_WORD.findall(unquote(url, errors="replace").lower()))
    found = frozenset(_WORD.findall(text.lower()))
    return frozenset(word for word in found - own if word.isalpha() and not (len(word) > 2 and _HEX.fullmatch(word)))


def likeness(one: Set[str], other: Set[str]) -> float:
    """The share of words two texts have in common, 0 to 1 (Jaccard)."""
    return len(one & other) / len(one | other) if one or other else 1.0


def shape_of(words: Iterable[str]) -> bytes:
    """Names a set of words."""
    return blake2b("\0".join(sorted(words)).encode("utf-8", "surrogatepass"), digest_size=12).digest()


def sketch_of(words: Iterable[str]) -> bytes:
    """The SKETCH smallest hashes of the words: a sample that is the same for the same words."""
    hashes = sorted(
        int.from_bytes(blake2b(word.encode("utf-8", "surrogatepass"), digest_size=4).digest(), "big") for word in words
    )
    return array("I", hashes[:SKETCH]).tobytes()


def sketched_likeness(one: bytes, other: bytes) -> float:
    """About what `likeness` gives for the words behind two sketches."""
    first, second = set(array("I", one)), set(array("I", other))
    sample = sorted(first | second)[:SKETCH]
    return sum(1 for value in sample if value in first and value in second) / len(sample) if sample else 1.0
