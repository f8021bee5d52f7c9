"""A log record as one line, for people or as JSON, and a line read back.

Whatever comes from a source may be in a message (names, paths): control characters are escaped, so that no line can
forge another. Of an exception only its type and place are written: its message may quote a document.
"""

from __future__ import annotations

import json
import logging
import re
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from vector_pipeline.errors import PipelineError

FACTS = ("stage", "document", "status", "seconds", "counts", "hint")
"""What a record may bear besides run and source."""

LEVELS = ("debug", "info", "warning", "error", "critical")

Mask = Callable[[str], str]

_SHORT = 8
_KIND = re.compile(r"[a-z]+-(?=[0-9a-f]{8}-)")
"""What ids of runs for one document begin with; their number follows."""

_PATH_PARTS = 2
_TEXT = re.compile(r"(?P<time>\S+Z) (?P<level>[A-Z]+) +(?P<source>\S+) (?P<run>\S+) (?P<message>.*)")


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the log. `source` and `run` are "" where it is about none; a line for people has only the beginning of
    its run's id, and its facts in its message.
    """

    time: datetime
    level: str
    message: str
    source: str = ""
    run: str = ""
    logger: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)


def hide(secrets: frozenset[str]) -> Mask:
    """A function that takes these values out of a text."""
    if not secrets:
        return str
    pattern = re.compile("|".join(re.escape(one) for one in sorted(secrets, key=len, reverse=True)))
    return lambda text: pattern.sub("***", text)


def json_line(record: logging.LogRecord, mask: Mask) -> str:
    """The record as a JSON object on one line, in ASCII."""
    told: dict[str, Any] = {
        "time": _time(record),
        "level": record.levelname.lower(),
        "logger": record.name,
        "message": record.getMessage(),
        **_named(record, ("run", "source", *FACTS)),
    }
    if error := _error(record):
        told["error"] = error
    return json.dumps({name: _masked(value, mask) for name, value in told.items()}, default=str)


def text_line(record: logging.LogRecord, mask: Mask) -> str:
    """The record as `time level source run message, facts`."""
    facts = _named(record, FACTS)
    if "status" in facts:
        facts.pop("counts", None)  # the end of a run: its message says them in words
    told = [record.getMessage()]
    told += [f"{name}={_short(value)}" for name, value in facts.items()]
    if error := _error(record):
        told.append(f"error={error}")
    head = _named(record, ("source", "run"))
    where, run = str(head.get("source", "-")), short_run(str(head.get("run", "-")))
    return one_line(mask(f"{_time(record)} {record.levelname:<7} {where} {run} {' '.join(told)}"))


def bare_run(run: str) -> str:
    """A run's id without the kind that some begin with, which tells none from the others."""
    return run[kind.end() :] if (kind := _KIND.match(run)) else run


def short_run(run: str) -> str:
    """The beginning of a run's id, for people."""
    return bare_run(run)[:_SHORT]


def one_line(text: str) -> str:
    """The text with everything escaped that ends a line, moves a cursor or hides what follows."""
    if text.isprintable():
        return text
    return "".join(mark if mark.isprintable() else mark.encode("unicode_escape").decode("ascii") for mark in text)


def read_line(line: str) -> Entry | None:
    """What a line of either form says; None for anything else."""
    line = line.rstrip("\n")
    return _read_json(line) if line.startswith("{") else _read_text(line)


def _read_json(line: str) -> Entry | None:
    try:
        told = json.loads(line)
        moment, level, message = datetime.fromisoformat(told.pop("time")), told.pop("level"), told.pop("message")
        source, run, logger = (str(told.pop(name, "")) for name in ("source", "run", "logger"))
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    return Entry(moment, str(level), str(message), source, run, logger, told)


def _read_text(line: str) -> Entry | None:
    found = _TEXT.fullmatch(line)
    if found is None:
        return None
    try:
        moment = datetime.fromisoformat(found["time"])
    except ValueError:
        return None
    source, run = ("" if found[name] == "-" else found[name] for name in ("source", "run"))
    return Entry(moment, found["level"].lower(), found["message"], source, run)


def _time(record: logging.LogRecord) -> str:
    moment = datetime.fromtimestamp(record.created, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _named(record: logging.LogRecord, names: tuple[str, ...]) -> dict[str, Any]:
    found = {name: getattr(record, name, None) for name in names}
    return {name: value for name, value in found.items() if value not in (None, "")}


def _error(record: logging.LogRecord) -> str:
    """The type of the record's exception, what ours say, and where it arose."""
    error = record.exc_info[1] if record.exc_info else None
    if error is None:
        return ""
    said = f": {error}" if isinstance(error, PipelineError) else ""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" at {'/'.join(frames[-1].filename.split('/')[-_PATH_PARTS:])}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{said}{place}"


def _short(value: Any) -> str:
    if isinstance(value, Mapping):
        return ",".join(f"{name}:{number}" for name, number in value.items())
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def _masked(value: Any, mask: Mask) -> Any:
    if isinstance(value, Mapping):
        return {mask(str(name)): _masked(one, mask) for name, one in value.items()}
    return value if isinstance(value, int | float) else mask(str(value))
