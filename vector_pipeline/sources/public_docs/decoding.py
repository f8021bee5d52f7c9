"""Bodies as they are inside: gzip and deflate are undone piece by piece, never further than the limit.

The one idea: each layer gives its output in small pieces and is counted, so that a bomb costs no more than a page.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator

MOST_CODINGS = 2
_PIECE = 1 << 16
_WITHOUT_HEADER = -zlib.MAX_WBITS
_GZIP = 16 + zlib.MAX_WBITS
_GZIP_START = b"\x1f\x8b"


class TooLarge(Exception):
    """The body is longer than the limit, inside or as it is sent."""


class BrokenCoding(Exception):
    """The body is not in the coding that it is said to be in, or in one that nobody asked for."""


class CutOff(Exception):
    """The body ends before its end."""


def codings_of(header: str) -> tuple[str, ...]:
    """The codings that a Content-Encoding header names, in the order they were applied. Raises BrokenCoding."""
    named = [name.strip().lower().removeprefix("x-") for name in header.split(",")]
    codings = tuple(name for name in named if name not in ("", "identity"))
    if any(name not in ("gzip", "deflate") for name in codings):
        raise BrokenCoding("it is compressed in a way that was not asked for")
    if len(codings) > MOST_CODINGS:
        raise BrokenCoding(f"it is compressed more than {MOST_CODINGS} times")
    return codings


def read_body(pieces: Iterable[bytes], codings: tuple[str, ...], limit: int) -> bytes:
    """The whole body with its codings undone. Raises TooLarge beyond `limit` bytes, BrokenCoding, CutOff."""
    layers = _counted(pieces, limit)
    for coding in reversed(codings):
        layers = _counted(_inflated(layers, coding), limit)
    return b"".join(layers)


def _counted(pieces: Iterable[bytes], limit: int) -> Iterator[bytes]:
    size = 0
    for piece in pieces:
        size += len(piece)
        if size > limit:
            raise TooLarge
        yield piece


def _inflated(pieces: Iterable[bytes], coding: str) -> Iterator[bytes]:
    """The pieces decompressed. A body without any byte is empty, whatever its coding; servers send such."""
    start = b""
    unpacker: zlib._Decompress | None = None
    for piece in pieces:
        data = start + piece
        if unpacker is None:
            if len(data) < 2:
                start = data
                continue
            start, unpacker = b"", zlib.decompressobj(_window(data, coding))
        while data:
            if unpacker.eof:
                if coding != "gzip" or not data.startswith(_GZIP_START[: len(data)]):
                    return  # padding behind the end, which all readers skip
                unpacker = zlib.decompressobj(_GZIP)  # a further member
            try:
                found = unpacker.decompress(data, _PIECE)
            except zlib.error as error:
                raise BrokenCoding("it is not compressed as it says") from error
            data = unpacker.unused_data if unpacker.eof else unpacker.unconsumed_tail
            if found:
                yield found
    if start or (unpacker is not None and not unpacker.eof):
        raise CutOff


def _window(start: bytes, coding: str) -> int:
    """What zlib must expect: servers send deflate with zlib's header, as they should, or without."""
    if coding == "gzip":
        return _GZIP
    with_header = start[0] & 0x0F == zlib.DEFLATED and int.from_bytes(start[:2], "big") % 31 == 0
    return zlib.MAX_WBITS if with_header else _WITHOUT_HEADER
