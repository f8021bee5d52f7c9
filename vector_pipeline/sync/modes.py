"""The options of a run in words: read from the command line, a run's tags and its config, and written as tags.

One reader for all doors, so that the same words mean the same everywhere. What it does not understand it refuses,
naming where it stood and what is allowed: an option that is ignored would run something else than was asked for.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from pathspec import GitIgnoreSpec

from vector_pipeline.settings_values import parse_duration
from vector_pipeline.sync.errors import OptionError
from vector_pipeline.sync.stages import Mode, Options

PREFIX = "vector_pipeline/"
"""In front of the name of an option, in tags."""

NAMES = ("mode", "since", "limit", "only", "force", "full", "allow_deletions")
"""The options, as they are named in tags and config."""

MOST_LIMIT = 10**9
MOST_PATTERNS = 1_000

_AGO = re.compile(r"(\d{1,9}(?:\.\d{1,6})?)\s*(s|min|m|h|d|w)")
_AHEAD = timedelta(days=1)
"""So far a moment may lie in the future: clocks and time zones differ."""

_QUOTED = 80
_LIKE = 0.75


def read_options(
    tags: Mapping[str, str], config: Mapping[str, Any] | None = None, *, now: datetime | None = None
) -> Options:
    """The options that a run's tags and its config give; what is neither in one nor in the other is as usual.

    Raises OptionError where one can't be read, where both give the same option differently, and for a tag that looks
    like a misspelt one of these.
    """
    now = now or datetime.now(UTC)
    _refuse_misspelt(tags)
    tagged = {name: tags[PREFIX + name] for name in NAMES if PREFIX + name in tags}
    by_tags = read_given(tagged, lambda name: f"tag {PREFIX}{name}", now=now)
    by_config = read_given(config or {}, lambda name: f"config {name}", now=now)
    usual, values = Options(), {}
    for name in NAMES:
        one, other = getattr(by_tags, name), getattr(by_config, name)
        if getattr(usual, name) not in (one, other) and one != other:
            raise OptionError(
                f"tag {PREFIX}{name} and config {name} say different things",
                hint=f"give {name} in one of the two, and start the run again",
            )
        values[name] = other if one == getattr(usual, name) else one
    return Options(**values)


def read_given(given: Mapping[str, Any], label: Callable[[str], str], *, now: datetime | None = None) -> Options:
    """The options of one door; `label` names an option as it is called there. Raises OptionError."""
    now = now or datetime.now(UTC)
    values: dict[str, Any] = {}
    for name, value in given.items():
        if name not in _READERS:
            raise OptionError(f"{label(name)}: there is no such option; there are: {', '.join(NAMES)}")
        if value is None or value == "":
            continue
        try:
            values[name] = _READERS[name](value, now)
        except ValueError as error:
            shown = repr(value) if len(repr(value)) <= _QUOTED else f"{repr(value)[:_QUOTED]}…"
            raise OptionError(f"{label(name)}: {shown} {error}", hint="correct it, and start the run again") from None
    return Options(**values)


def as_tags(options: Options) -> dict[str, str]:
    """Tags that `read_options` reads the same options from; none for what is as usual."""
    texts = {
        "mode": options.mode.value,
        "since": "" if options.since is None else options.since.astimezone(UTC).isoformat(),
        "limit": "" if options.limit is None else str(options.limit),
        "only": _patterns_text(options.only),
        "force": str(options.force).lower(),
        "full": str(options.full).lower(),
        "allow_deletions": str(options.allow_deletions).lower(),
    }
    usual = Options()
    return {PREFIX + name: text for name, text in texts.items() if getattr(options, name) != getattr(usual, name)}


def part_in_words(options: Options) -> str:
    """What a partial run selects, on one line: "add-only, since 2026-11-01T00:00:00+00:00, only docs/**"."""
    words = [] if options.mode == Mode.AUTO else [options.mode.value]
    if options.since is not None:
        words.append(f"since {options.since.astimezone(UTC).isoformat(timespec='seconds')}")
    if options.limit is not None:
        words.append(f"limit {options.limit}")
    if options.only:
        shown = options.only[0] if len(options.only[0]) <= _QUOTED else f"{options.only[0][:_QUOTED]}…"
        more = f" and {len(options.only) - 1} more" if len(options.only) > 1 else ""
        words.append(f"only {shown}{more}")
    return ", ".join(words)


def read_since(text: str, now: datetime) -> datetime:
    """ "24h", "7d", "90min" before `now`; a date (midnight in UTC); an ISO time (UTC where it has no offset).

    Raises ValueError.
    """
    if match := _AGO.fullmatch(text.strip()):
        ago = parse_duration(match[1] + match[2].replace("min", "m"))
        try:
            assert isinstance(ago, timedelta)
            return now - ago
        except OverflowError:
            raise ValueError("is longer ago than can be counted") from None
    try:
        moment = datetime.fromisoformat(text.strip())
        moment = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError('is no time; write "24h", "7d", "90min", "2026-11-01" or "2026-11-01T08:00:00Z"') from None
    if moment > now + _AHEAD:
        raise ValueError("lies in the future: nothing has changed since")
    return moment


def _mode(value: Any, now: datetime) -> Mode:
    try:
        return Mode(value)
    except ValueError:
        raise ValueError(f"is no mode; there are: {', '.join(Mode)}") from None


def _since(value: Any, now: datetime) -> datetime:
    if isinstance(value, datetime):
        value = value.isoformat()
    if not isinstance(value, str):
        raise ValueError("is no time")
    return read_since(value, now)


def _limit(value: Any, now: datetime) -> int:
    text = str(value).strip()
    if isinstance(value, bool) or not re.fullmatch(r"[0-9]{1,10}", text) or not 1 <= int(text) <= MOST_LIMIT:
        raise ValueError(f"is no number of documents from 1 to {MOST_LIMIT:,}")
    return int(text)


def _flag(value: Any, now: datetime) -> bool:
    text = str(value).strip().lower()
    if text not in ("true", "false"):
        raise ValueError("is neither true nor false")
    return text == "true"


def _only(value: Any, now: datetime) -> tuple[str, ...]:
    patterns = tuple(pattern.strip() for pattern in _pattern_list(value))
    if len(patterns) > MOST_PATTERNS:
        raise ValueError(f"are more than {MOST_PATTERNS:,} patterns")
    for pattern in patterns:
        if not _matches_something(pattern):
            raise ValueError('holds what is no pattern; write "*.md", "docs/**", a URL, an id or a key')
    if patterns and all(pattern.startswith("!") for pattern in patterns):
        raise ValueError('only takes away; write "*" in front of it')
    return patterns


def _pattern_list(value: Any) -> Sequence[str]:
    """The patterns in a list, in a JSON list, or the one pattern that a text is."""
    if isinstance(value, str) and value.startswith("["):
        try:
            value = json.loads(value)
        except ValueError:
            return [value]  # a pattern that begins with a bracket expression
    if isinstance(value, str):
        return [value]
    if isinstance(value, list | tuple) and all(isinstance(one, str) for one in value):
        return value
    raise ValueError("is no list of patterns")


def _patterns_text(patterns: Sequence[str]) -> str:
    """What `_pattern_list` reads these patterns from."""
    if len(patterns) == 1 and not patterns[0].startswith("["):
        return patterns[0]
    return json.dumps(list(patterns), ensure_ascii=False)


def _matches_something(pattern: str) -> bool:
    if not pattern or not pattern.isprintable() or pattern.startswith(("./", "../")):
        return False
    try:
        return any(one.include is not None for one in GitIgnoreSpec.from_lines([pattern]).patterns)
    except ValueError:
        return False


def _refuse_misspelt(tags: Mapping[str, str]) -> None:
    for tag in tags:
        name = tag.removeprefix(PREFIX)
        if name == tag or name in NAMES:
            continue
        if meant := difflib.get_close_matches(name, NAMES, 1, _LIKE):
            raise OptionError(
                f"tag {tag}: there is no such option; there are: {', '.join(PREFIX + one for one in NAMES)}",
                hint=f"did you mean {PREFIX}{meant[0]}?",
            )


_READERS: Mapping[str, Callable[[Any, datetime], Any]] = {
    "mode": _mode,
    "since": _since,
    "limit": _limit,
    "only": _only,
    "force": _flag,
    "full": _flag,
    "allow_deletions": _flag,
}
