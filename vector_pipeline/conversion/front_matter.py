"""The YAML block at the head of a markdown file: split off, read safely, and turned into bounded JSON values.

Values are read as YAML 1.2 reads them (a time stays "12:30", a country code "NO" stays a word) and dates stay as
they are written. What doesn't parse, is built to blow up, or says more than its values can hold stays in the text:
no word is lost.
"""

from __future__ import annotations

import math
import re
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import yaml

MAX_FRONT_MATTER = 64 * 1024
"""Code points; what is longer is not taken for front matter."""
MAX_VALUES = 64
MAX_LENGTH = 1_000
_MAX_DEPTH = 20
_OPEN = re.compile(r"---[ \t]*\n")
_CLOSE = re.compile(r"^(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.MULTILINE)
_KEY_LINE = re.compile(r"[\w.-]+[ \t]*:(?:\s|$)")
_BACKTICKS = re.compile(r"`{3,}")
_TAG_SEPARATORS = re.compile(r"[,\s]+")
_OWN_KEYS = frozenset({"title", "tags", "tag", "aliases", "alias", "author", "authors"})
_CREATED_KEYS = ("created_at", "created", "date")


class _RefusedYaml(yaml.YAMLError):
    """Aliases or deep nesting: legal YAML that small files use to become huge. Or keys that hide one another."""


class _Loader(yaml.CSafeLoader):
    """Plain scalars by the rules of YAML 1.2; dates are left as text, and a key given twice is refused."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """The base class would keep the last of two values."""
        mapping = super().construct_mapping(node, deep)
        if len(mapping) < len(node.value):
            raise _RefusedYaml("a key twice")
        return mapping


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:bool", re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF")
)
_Loader.add_implicit_resolver("tag:yaml.org,2002:null", re.compile(r"^(?:~|null|Null|NULL|)$"), ["~", "n", "N", ""])
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:int", re.compile(r"^[-+]?(?:0|[1-9][0-9]{0,30})$"), list("-+0123456789")
)
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(
        r"^(?:[-+]?(?:0|[1-9][0-9]{0,30})\.[0-9]{1,30}(?:[eE][-+]?[0-9]{1,3})?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$"
    ),
    list("-+.0123456789"),
)


@dataclass(frozen=True, slots=True)
class FrontMatter:
    """What a file's front matter says: `title` and `metadata` (JSON values), and where the text `body` starts.

    `kept` goes in front of the body where the values above don't hold every word: the block, fenced as code, since
    what is a YAML line to people is a heading to readers of markdown.
    """

    body: int = 0
    title: str = ""
    tags: tuple[str, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)
    kept: str = ""


def read_front_matter(text: str) -> FrontMatter:
    """The front matter of a text. Where there is none, or it doesn't parse, `body` is 0: all of it stays in the text.

    A front matter that doesn't parse is marked by metadata {"front_matter_error": true}.
    """
    opening = _OPEN.match(text)
    if opening is None:
        return FrontMatter()
    start = opening.end()
    closing = _CLOSE.search(text, start, start + MAX_FRONT_MATTER)
    if closing is None:
        # A rule at the top of a text looks the same; a key below it tells them apart.
        broken = _KEY_LINE.match(text, start) is not None
        return FrontMatter(metadata={"front_matter_error": True} if broken else {})
    block = text[start : closing.start()]
    try:
        values = _load(block)
        if values is None:
            return FrontMatter(body=closing.end())
        if not isinstance(values, dict):
            return FrontMatter()  # prose between two rules
        named = {str(key): value for key, value in values.items()}
        front = _front_matter(closing.end(), named)
    except (yaml.YAMLError, ValueError, TypeError, LookupError, AttributeError, ArithmeticError):
        # All but the first come from explicit tags (!!int x, !!bool maybe) whose value is something else.
        return FrontMatter(metadata={"front_matter_error": True})
    if len(named) == len(values) and _holds_all(front, named):
        return front
    return replace(front, kept=_fenced(block))


def iso_time(value: object) -> str | None:
    """A date or time as people write it, as ISO 8601 in UTC; None if it is none. Without a zone it is taken as UTC."""
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value.strip())
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return moment.isoformat()


def tags_of(value: object) -> tuple[str, ...]:
    """Tags from a list, or from a text with commas or spaces between them; "#" in front is dropped."""
    if isinstance(value, str):
        found: list[object] = list(_TAG_SEPARATORS.split(value))
    elif isinstance(value, list):
        found = value
    else:
        found = [value]
    names = (_short(name).strip().lstrip("#").strip("/ ") for name in found if isinstance(name, str | int | float))
    return tuple(dict.fromkeys(name for name in names if name))[:MAX_VALUES]


def _load(source: str) -> Any:
    if len(source) > 8_000 or sum(map(source.count, ("- ", "? ", "[", "{"))) > 100 or "*" in source:
        _refuse_bombs(source)
    # The loader is a safe one: it makes only plain values, never objects.
    return yaml.load(source, Loader=_Loader)


def _refuse_bombs(source: str) -> None:
    """Reads the events only, which needs no stack: building deep nesting would overflow the one of the process."""
    depth = 0
    for event in yaml.parse(source, Loader=_Loader):
        if isinstance(event, yaml.AliasEvent):
            raise _RefusedYaml("aliases")
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > _MAX_DEPTH:
            raise _RefusedYaml("nesting")


def _front_matter(body: int, values: Mapping[str, Any]) -> FrontMatter:
    metadata: dict[str, Any] = {}
    aliases = _texts(values.get("aliases")) + _texts(values.get("alias"))
    if aliases:
        metadata["aliases"] = list(dict.fromkeys(aliases))[:MAX_VALUES]
    author = ", ".join(_texts(values.get("author")) + _texts(values.get("authors")))
    if author:
        metadata["author"] = author[:MAX_LENGTH]
    created = next((moment for key in _CREATED_KEYS if (moment := iso_time(values.get(key)))), None)
    if created:
        metadata["created_at"] = created
    properties = {
        key[:MAX_LENGTH]: bounded
        for key, value in list(values.items())[:MAX_VALUES]
        if key not in _OWN_KEYS and (bounded := _bounded(value)) is not None
    }
    if properties:
        metadata["properties"] = properties
    tags = tags_of(values["tags"]) if values.get("tags") is not None else ()
    if values.get("tag") is not None:
        tags += tags_of(values["tag"])
    title = values.get("title")
    return FrontMatter(body, _short(title).strip() if isinstance(title, str | int | float) else "", tags, metadata)


def _holds_all(front: FrontMatter, values: Mapping[str, Any]) -> bool:
    """Whether no word of the values was dropped or cut when `front` was made of them."""
    if len(values) > MAX_VALUES or not all(len(key) <= MAX_LENGTH and _is_bounded(values[key]) for key in values):
        return False
    names = [name for key in ("tags", "tag", "aliases", "alias") for name in _names(values.get(key))]
    author = front.metadata.get("author", "")
    # One less than the limit, as what just fits looks like what was cut.
    return len(names) <= MAX_VALUES and len(author) < MAX_LENGTH and not isinstance(values.get("title"), list)


def _names(value: object) -> list[str]:
    return _TAG_SEPARATORS.split(value) if isinstance(value, str) else _texts(value)


def _is_bounded(value: object, in_list: bool = False) -> bool:
    """Whether the value is a scalar, or a list of them, within the limits."""
    if isinstance(value, list):
        return not in_list and len(value) <= MAX_VALUES and all(_is_bounded(part, in_list=True) for part in value)
    return (
        value is None or isinstance(value, bool | int | float) or (isinstance(value, str) and len(value) <= MAX_LENGTH)
    )


def _fenced(block: str) -> str:
    marks = max((len(run) for run in _BACKTICKS.findall(block)), default=2) + 1
    return f"{'`' * marks}yaml\n{block}{'`' * marks}\n\n"


def _texts(value: object) -> list[str]:
    """The words of a value that may be one or a list of them."""
    parts = value if isinstance(value, list) else [value]
    return [text for part in parts if isinstance(part, str | int | float) and (text := _short(part).strip())]


def _bounded(value: object) -> Any:
    """A scalar, or a list of scalars, as a JSON value of bounded size; None for what has another shape."""
    if isinstance(value, list):
        return [scalar for part in value[:MAX_VALUES] if (scalar := _scalar(part)) is not None]
    return _scalar(value)


def _scalar(value: object) -> Any:
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if -(2**63) <= value < 2**63 else str(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    return value[:MAX_LENGTH] if isinstance(value, str) else None


def _short(value: object) -> str:
    return str(value)[:MAX_LENGTH]
