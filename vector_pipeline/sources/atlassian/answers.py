"""What an answer holds: its JSON, or the few words of an error body that a person may see.

Everything here came from outside: it is bounded, cleaned and never trusted to have a shape.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from typing import Any, NoReturn

from vector_pipeline.sources.atlassian.exchange import Answer

_MOST_MESSAGES = 5
_MESSAGE_LENGTH = 200
_ESCAPED_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_TITLE = re.compile(rb"<title[^>]*>([^<]{0,300})", re.IGNORECASE)
_MAIL = re.compile(r"[^\s@<>\"']+@[^\s@<>\"']+\.[^\s@<>\"']+")


class Undecodable(Exception):
    """The body is no JSON that we take: cut off, not UTF-8, nested without end, numbers beyond measure."""


def read_json(answer: Answer) -> Any:
    """The JSON of an answer; None for 204. Its texts hold no lone surrogates. Raises Undecodable."""
    if answer.status == 204:
        return None
    try:
        found = json.loads(answer.body, parse_constant=_no_number, parse_float=_finite)
        return _mended(found) if _ESCAPED_SURROGATE.search(answer.body) else found
    except (ValueError, RecursionError) as error:
        raise Undecodable from error


def error_messages(body: bytes, hidden: tuple[str, ...]) -> list[str]:
    """The error texts of a JSON body in any of the forms the services use, short and clean; [] for anything else."""
    try:
        found = json.loads(body[:100_000])
    except (ValueError, RecursionError):
        return []
    texts: list[str] = []
    for text in _error_texts(found, 0):
        text = printable(text, hidden)
        if text and text not in texts:
            texts.append(text)
        if len(texts) == _MOST_MESSAGES:
            break
    return texts


def page_title(body: bytes, hidden: tuple[str, ...]) -> str:
    """The title of a web page, "" for none."""
    found = _TITLE.search(body[:100_000])
    return printable(found[1].decode("utf-8", "replace"), hidden) if found else ""


def printable(text: str, hidden: tuple[str, ...], limit: int = _MESSAGE_LENGTH) -> str:
    """A text of the service as one short line without control characters, secrets and e-mail addresses."""
    for secret in hidden:
        text = text.replace(secret, "***")
    clean = "".join(character if character.isprintable() else " " for character in text[: 10 * limit])
    clean = _MAIL.sub("[e-mail]", " ".join(clean.split()))
    return clean if len(clean) <= limit else clean[: limit - 1] + "…"


def _error_texts(value: Any, depth: int) -> Iterator[str]:
    if depth > 4:
        return
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for one in value[:20]:
            yield from _error_texts(one, depth + 1)
    elif isinstance(value, dict):
        known = [key for key in _KEYS if key in value]
        if value.get("detail") and "title" in known:
            known.remove("title")
        for key in known:
            yield from _error_texts(value[key], depth + 1)
        if not known and depth:
            # {"errors": {"jql": "The value …"}}: the names are those of fields
            for one in list(value.values())[:20]:
                if isinstance(one, str):
                    yield one


_KEYS = ("errorMessages", "errors", "message", "detail", "title", "error_description", "error", "reason", "data")


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number of JSON")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("a number beyond measure")
    return number


def _mended(value: Any) -> Any:
    """The value with every lone surrogate of its texts replaced: they can't be stored or sent."""
    if isinstance(value, str):
        return _LONE_SURROGATE.sub("\ufffd", value)
    if isinstance(value, list):
        return [_mended(one) for one in value]
    if isinstance(value, dict):
        return {_mended(key): _mended(one) for key, one in value.items()}
    return value
