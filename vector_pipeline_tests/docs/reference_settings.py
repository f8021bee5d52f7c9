"""docs/reference/settings.md: every setting of `pipeline.yaml` with its default, from the models."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import annotated_types
from pydantic import SecretStr
from pydantic.fields import FieldInfo

from vector_pipeline.settings import Settings
from vector_pipeline.settings_template import default_text, is_size, named_section
from vector_pipeline.settings_values import Section, parse_size
from vector_pipeline_tests.docs.tables import anchor, code, prose, table

_HEAD = """\
# Settings

Everything that `pipeline.yaml` may say, made from the code. `vector-pipeline init` writes a file with the same texts,
`vector-pipeline config` prints what is in force. An unknown name or a value that can't be is an error that says where.

`${NAME}` in a value is filled in from the environment, `${NAME:-default}` where it may be missing; `$$` is a plain `$`.
Durations are written as `30s`, `15m`, `6h`, `1d` or `2w`, sizes as `10MB` or `512KiB`. Relative paths start at the
folder of the settings file. Sources and channels have a name of your choice: `<name>`.
"""


def settings_page() -> str:
    """The text of the page."""
    return "\n".join([_HEAD, *_section("", Settings, "")]).rstrip() + "\n"


def setting_names() -> Iterator[str]:
    """Every setting by its full name, such as "sources.git.<name>.url"."""
    yield from (f"{path}.{name}" if path else name for path, model in sections() for name in model.model_fields)


def sections(path: str = "", model: type[Section] = Settings) -> Iterator[tuple[str, type[Section]]]:
    """Every section with its full name, the file itself first."""
    yield path, model
    for name, field in model.model_fields.items():
        if (inside := _inside(field)) is not None:
            below = f"{path}.{name}" if path else name
            yield from sections(f"{below}.<name>" if named_section(field) else below, inside)


def _section(path: str, model: type[Section], description: str) -> Iterator[str]:
    for found, section in sections(path, model):
        yield f"## {code(found) if found else 'The file'}"
        yield ""
        yield prose((section.__doc__ or "").strip().partition("\n\n")[0].replace("\n", " "))
        yield ""
        yield from table(
            ["setting", "values", "default", "what it does"],
            ([code(name), *_cells(found, name, field)] for name, field in section.model_fields.items()),
        )


def _cells(path: str, name: str, field: FieldInfo) -> list[str]:
    full = f"{path}.{name}" if path else name
    if _inside(field) is not None:
        named = ".<name>" if named_section(field) else ""
        return [f"[section](#{anchor(full + named)})", "", prose(field.description or "")]
    default = "**needed**" if field.is_required() else code(default_text(field))
    return [_values(field), default, prose(field.description or "")]


def _values(field: FieldInfo) -> str:
    """What a setting may be, in words."""
    kind = _kind(field.annotation, field)
    bounds = [
        f"{words} {value:,}" if isinstance(value, int | float) else ""
        for part in field.metadata
        for words, value in _bounds(part)
    ]
    return ", ".join(filter(None, [kind, *bounds]))


def _bounds(part: Any) -> Iterator[tuple[str, Any]]:
    for kind, name, words in (
        (annotated_types.Ge, "ge", "from"),
        (annotated_types.Gt, "gt", "above"),
        (annotated_types.Le, "le", "to"),
        (annotated_types.Lt, "lt", "below"),
    ):
        if isinstance(part, kind):
            yield words, getattr(part, name)


def _kind(annotation: Any, field: FieldInfo) -> str:
    origin = get_origin(annotation)
    if origin is Annotated:
        base, *rules = get_args(annotation)
        return "size" if any(getattr(rule, "func", None) is parse_size for rule in rules) else _kind(base, field)
    if origin is Literal:
        return ", ".join(code(str(value)) for value in get_args(annotation))
    if origin in (Union, UnionType):
        return _kind(next(one for one in get_args(annotation) if one is not type(None)), field)
    if origin is tuple:
        return f"list of {_kind(get_args(annotation)[0], field)}"
    if origin is dict:
        key, value = (_kind(one, field) for one in get_args(annotation))
        return f"{key} to {value}"
    if annotation is int and is_size(field):
        return "size"
    names = {bool: "`true`, `false`", int: "whole number", float: "number", timedelta: "duration", Path: "path"}
    names |= {SecretStr: "secret text", str: "text"}
    return names.get(annotation, "text")


def _inside(field: FieldInfo) -> type[Section] | None:
    """The model of a field that is a section, or a mapping of names to sections."""
    annotation: Any = named_section(field) or field.annotation
    return annotation if isinstance(annotation, type) and issubclass(annotation, Section) else None
