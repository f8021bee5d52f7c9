"""The kinds of values settings hold: durations, sizes, paths, patterns, names, each with its validation.

No file or network access. No message of a validator repeats the value it refuses: it may be a secret.
"""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Annotated

from pathspec import GitIgnoreSpec
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_SIZES = {"b": 1, "kb": 1000, "mb": 1000**2, "gb": 1000**3, "kib": 1024, "mib": 1024**2, "gib": 1024**3}


def parse_duration(value: object) -> object:
    """ "30s", "15m", "6h", "1d" or a number of seconds as a timedelta. Raises ValueError on anything else."""
    if isinstance(value, timedelta):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = str(value)
    if isinstance(value, str) and (match := re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([smhdw]?)\s*", value)):
        try:
            return timedelta(seconds=float(match[1]) * _UNITS[match[2] or "s"])
        except OverflowError:
            raise ValueError("is longer than can be counted") from None
    raise ValueError('write a duration as "30s", "15m", "6h" or "1d"')


def parse_size(value: object) -> object:
    """ "10MB", "512KiB" or a number of bytes as an int. Raises ValueError on anything else."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and (match := re.fullmatch(r"\s*(\d{1,18}(?:\.\d{1,9})?)\s*([a-z]*)\s*", value.lower())):
        factor = _SIZES.get(match[2] or "b")
        if factor:
            return int(Decimal(match[1]) * factor)
    raise ValueError('write a size as "10MB", "512KiB" or a number of bytes')


def duration_text(value: timedelta) -> str:
    """The shortest spelling that `parse_duration` reads back: "15m", "1d", "1.5s"."""
    seconds = value.total_seconds()
    for unit in ("d", "h", "m"):
        if seconds and seconds % _UNITS[unit] == 0:
            return f"{seconds / _UNITS[unit]:.0f}{unit}"
    return f"{seconds:.6f}".rstrip("0").rstrip(".") + "s"


def size_text(value: int) -> str:
    """The shortest exact spelling that `parse_size` reads back: "10MB", "512KiB", "1234B"."""
    for unit in ("GB", "GiB", "MB", "MiB", "KB", "KiB"):
        factor = _SIZES[unit.lower()]
        if value and value % factor == 0:
            return f"{value // factor}{unit}"
    return f"{value}B"


def is_local_repository(url: str) -> bool:
    """Whether Git takes this as a path: no scheme, and no colon before the first slash as in host:path."""
    return bool(url) and "://" not in url and ":" not in url.partition("/")[0]


def _positive(value: timedelta) -> timedelta:
    if value <= timedelta(0):
        raise ValueError("must be longer than 0")
    return value


def matching(pattern: str, words: str) -> AfterValidator:
    """A validator for text that must match, saying in words what is allowed."""
    compiled = re.compile(pattern)

    def check(value: str) -> str:
        if not compiled.fullmatch(value):
            raise ValueError(words)
        return value

    return AfterValidator(check)


def _path(value: object) -> object:
    """Refuses the empty path, which would silently mean the current folder."""
    if value == "":
        raise ValueError("must not be empty")
    if isinstance(value, str) and "\0" in value:
        raise ValueError("must not hold a NUL character")
    return value


def _path_or_none(value: object) -> object:
    """An empty text (an empty ${VARIABLE}) is no path."""
    return None if value == "" else _path(value)


def _web_address(value: str) -> str:
    if value and not re.fullmatch(r"https?://[^\s/]+\S*", value):
        raise ValueError("must start with http:// or https:// and name a host")
    return value


def _pattern(value: str) -> str:
    """Refuses what gitignore syntax can't say, and what it would read as a pattern that never matches."""
    try:
        matches_something = all(p.include is not None for p in GitIgnoreSpec.from_lines([value]).patterns)
    except ValueError:
        matches_something = False
    if not value.strip() or not matches_something or value.startswith(("./", "../")) or not value.isprintable():
        raise ValueError('is not a pattern that matches anything; write "*.md", "/docs/" or "**/drafts/*"')
    return value


Duration = Annotated[timedelta, BeforeValidator(parse_duration), AfterValidator(_positive)]
Size = Annotated[int, BeforeValidator(parse_size), Field(gt=0)]
GivenPath = Annotated[Path, BeforeValidator(_path)]
OptionalPath = Annotated[Path | None, BeforeValidator(_path_or_none)]
Pattern = Annotated[str, AfterValidator(_pattern)]
WebAddress = Annotated[str, AfterValidator(_web_address)]
SourceName = Annotated[
    str,
    matching(
        r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}",
        'a name holds letters, digits, "_", "." and "-", starts with a letter or digit and has at most 100 characters',
    ),
]
"""A partition key: letters, digits, "_", "." and "-" only, so that it is safe in Dagster's ranges and in paths."""


class Section(BaseModel):
    """A part of the settings: unknown keys are refused, values are immutable."""

    model_config = ConfigDict(extra="forbid", frozen=True)
