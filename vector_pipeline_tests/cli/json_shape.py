"""Whether a JSON document has the shape that a typed dictionary names: no field missing, none besides."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, NotRequired, Required, Union, get_args, get_origin, get_type_hints, is_typeddict

from vector_pipeline.cli.shapes import OPEN, SHAPES

_PLAIN: dict[Any, tuple[type, ...]] = {
    str: (str,),
    Path: (str,),
    int: (int,),
    float: (int, float),
    NoneType: (NoneType,),
}


def assert_shape(asked: tuple[str, ...], document: Any) -> None:
    """Fails where the answer to `vector-pipeline <asked>` is not as the reference says."""
    named = [words for words in SHAPES if _calls(asked, words.split())]
    assert named, f"cli/shapes.py names no shape for {' '.join(asked)}"
    assert list(mismatches(SHAPES[max(named, key=len)], document)) == []


def mismatches(shape: Any, value: Any, place: str = "") -> Iterator[str]:
    """Each place where the value is not of the shape, with what is wrong there."""
    origin, parts = get_origin(shape), get_args(shape)
    if origin in (Required, NotRequired):
        yield from mismatches(parts[0], value, place)
    elif origin in (Union, UnionType):
        tried = [list(mismatches(part, value, place)) for part in parts]
        if all(tried):
            yield from min(tried, key=len)
    elif is_typeddict(shape):
        yield from _fields(shape, value, place)
    elif origin is list:
        if not isinstance(value, list):
            yield f"{place}: no list"
            return
        for number, one in enumerate(value):
            yield from mismatches(parts[0], one, f"{place}[{number}]")
    elif origin is dict:
        if not isinstance(value, dict):
            yield f"{place}: no object"
            return
        for name, one in value.items():
            yield from mismatches(parts[1], one, f"{place}.{name}")
    elif not _is_plain(shape, origin, parts, value):
        yield f"{place}: {value!r} is not {shape}"


def _fields(shape: Any, value: Any, place: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{place}: no object"
        return
    hints = get_type_hints(shape, include_extras=True)
    yield from (f"{place}.{name} is missing" for name in sorted(shape.__required_keys__ - value.keys()))
    if shape not in OPEN:
        yield from (f"{place}.{name} is not in the reference" for name in sorted(value.keys() - hints.keys()))
    for name in hints.keys() & value.keys():
        yield from mismatches(hints[name], value[name], f"{place}.{name}")


def _is_plain(shape: Any, origin: Any, parts: tuple[Any, ...], value: Any) -> bool:
    if shape in (Any, object):
        return True
    if origin is Literal:
        return value in parts
    if shape is datetime:
        return isinstance(value, str) and datetime.fromisoformat(value).tzinfo is not None
    if shape is bool:
        return isinstance(value, bool)
    return isinstance(value, _PLAIN[shape]) and not isinstance(value, bool)


def _calls(asked: tuple[str, ...], words: list[str]) -> bool:
    """Whether the arguments begin with the words of a command, and hold the options named with it."""
    plain = [word for word in words if not word.startswith("-")]
    return list(asked[: len(plain)]) == plain and set(words) <= set(asked)
