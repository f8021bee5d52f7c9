"""What the pipeline and a worker process say to each other: frames of bytes, and answers as JSON.

A worker reads files from strangers. So what comes from it is measured before it is read, believed only where its form
is right, and never unpickled. The same bytes are what the cache keeps.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from vector_pipeline.conversion.content import FEW_ATTEMPTS, ConversionError, Converted

READY, ANSWER, LAST_ANSWER, REQUEST = b"R", b"A", b"L", b"Q"
"""What a frame is. After its last answer a worker ends of its own will."""

_KINDS = ("markdown", "text", "code")
_HEAD = struct.Struct(">cQ")
HEAD_BYTES = _HEAD.size
_MOST_METADATA = 16_000_000
_BYTES_PER_CHARACTER = 6  # as JSON spells a control character


@dataclass(frozen=True, slots=True)
class Request:
    """A file to convert. `name` is made up: it holds the suffix of the file's own and nothing else of it.

    With `office` it is read by the office extra, without by what the core brings. At most `max_text` characters of
    text may come of it.
    """

    kind: str
    name: str
    data: bytes
    office: bool = False
    passwords: Sequence[str] = ()
    max_text: int = 20_000_000


def frame(tag: bytes, body: bytes) -> bytes:
    """A tag of one byte, the length of the body, and the body."""
    return _HEAD.pack(tag, len(body)) + body


def read_head(head: bytes) -> tuple[bytes, int]:
    """The tag of a frame and the length of its body, from its first HEAD_BYTES."""
    tag, length = _HEAD.unpack(head)
    return tag, length


def request_body(request: Request) -> bytes:
    """A request as the body of a frame."""
    told = {field.name: getattr(request, field.name) for field in fields(request) if field.name != "data"}
    head = json.dumps(told | {"passwords": list(request.passwords)}).encode()
    return len(head).to_bytes(4, "big") + head + request.data


def request_from(body: bytes) -> Request:
    """The request in the body of a frame."""
    end = 4 + int.from_bytes(body[:4], "big")
    return Request(data=body[end:], **json.loads(body[4:end]))


def most_bytes(max_text: int) -> int:
    """The length of the longest answer there may be."""
    return _BYTES_PER_CHARACTER * max_text + _MOST_METADATA


def answer_of(converted: Converted, max_text: int) -> bytes:
    """A result as an answer. Raises ConversionError for one with too much text."""
    if len(converted.text) > max_text:
        raise too_much_text(max_text)
    answer = _json(asdict(converted))
    if len(answer) > most_bytes(max_text):
        raise ConversionError("the file says too much about itself", hint="exclude it in the source's settings")
    return answer


def answer_of_error(error: ConversionError) -> bytes:
    """A failure as an answer."""
    return _json({"error": error.message, "hint": error.hint, "permanent": error.permanent, "attempts": error.attempts})


def converted_from(answer: bytes) -> Converted:
    """The result in an answer. Raises the ConversionError that it holds, or one that says that it can't be read."""
    try:
        told = json.loads(answer.decode("utf-8", "surrogatepass"))
        if "error" not in told:
            return _converted(told)
        attempts = told.get("attempts", 0)
        if not isinstance(attempts, int):
            raise TypeError("attempts")
        failure = ConversionError(
            _words(told, "error"),
            hint=_words(told, "hint"),
            permanent=told["permanent"] is True,
            attempts=min(max(attempts, 0), FEW_ATTEMPTS),
        )
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise ConversionError("the converter's answer can't be read", permanent=False) from error
    raise failure


def too_much_text(max_text: int) -> ConversionError:
    """The failure of a file that gives more text than it may."""
    return ConversionError(
        f"holds too much text (more than {max_text:,} characters)",
        hint="split it, exclude it, or raise `max_text` of `conversion`",
    )


def too_much_memory(max_memory: int) -> ConversionError:
    """The failure of a file that needs more memory than it may."""
    return ConversionError(
        f"needed more than {max_memory / 1e9:.3g} GB of memory",
        hint="split it, exclude it, or raise `max_memory` of `conversion`",
        permanent=False,
        attempts=FEW_ATTEMPTS,
    )


def _converted(told: Mapping[str, Any]) -> Converted:
    metadata = told["metadata"]
    if not isinstance(metadata, dict):
        raise TypeError("metadata")
    if told["kind"] not in _KINDS:
        raise ValueError("kind")
    words = {name: _words(told, name) for name in ("text", "kind", "language", "title", "context")}
    return Converted(**words, metadata=metadata)


def _words(told: Mapping[str, Any], name: str) -> str:
    value = told[name]
    if not isinstance(value, str):
        raise TypeError(name)
    return value


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")
