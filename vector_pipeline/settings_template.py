"""The commented `pipeline.yaml` that `vector-pipeline init` writes, made from the models so that it can't go stale.

The one idea: every setting stands in it with its description and default, commented out as `#name: value`;
taking the `#` away changes nothing until the value is changed. Imports only `settings`.
"""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any, get_args, get_origin

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from vector_pipeline.settings import Settings, Sources
from vector_pipeline.settings_alerts import CommandSettings, EmailSettings, SlackSettings, WebhookSettings
from vector_pipeline.settings_atlassian import ConfluenceSettings, JiraSettings
from vector_pipeline.settings_public_docs import PublicDocsSettings
from vector_pipeline.settings_sources import GitSettings, LocalFilesSettings
from vector_pipeline.settings_values import Section, duration_text, parse_size, size_text

_WIDTH = 100

_HEAD = """\
What vector-pipeline keeps in step, and how. Lines that start with "# " explain; lines such as
"#name: value" are settings at their default: take the "#" away and change the value.
${NAME} is filled in from the environment, ${NAME:-default} where it may be missing; write $$ for a plain $.
Relative paths start at the folder of this file. Check the file with: vector-pipeline config
"""

_SAMPLES: Mapping[type[Section], tuple[str, Mapping[str, str]]] = {
    LocalFilesSettings: ("documents", {"path": "."}),
    GitSettings: ("handbook", {"url": "https://git.example.org/team/handbook.git"}),
    ConfluenceSettings: ("wiki", {"url": "https://example.atlassian.net/wiki", "spaces": "[ENG]"}),
    JiraSettings: ("work", {"url": "https://example.atlassian.net", "projects": "[OPS]"}),
    PublicDocsSettings: ("guide", {"url": "https://docs.example.org/guide/"}),
    SlackSettings: ("chat", {"url": "https://hooks.example.org/services/pipeline"}),
    WebhookSettings: ("hook", {"url": "https://hooks.example.org/pipeline"}),
    EmailSettings: ("mail", {"host": "mail.example.org", "sender": "pipeline@example.org", "to": "[ops@example.org]"}),
    CommandSettings: ("pager", {"command": '[/usr/local/bin/page, "{severity}"]'}),
}
"""A name and the settings without a default, for one source and one channel of each type."""

_ACTIVE = LocalFilesSettings
"""The sample that is switched on: it works wherever the file is written."""


def render() -> str:
    """The text of a commented settings file: valid as it is, it keeps the folder it stands in in step."""
    return "\n".join([*_comment(_HEAD, ""), *_section(Settings, "", off=False), ""])


def _section(model: type[Section], indent: str, *, off: bool) -> Iterator[str]:
    """The lines of a model's fields; `off` comments the settings out."""
    for name, field in model.model_fields.items():
        if model is Settings:
            yield ""
        inside = field.annotation
        if named_section(field):
            yield from _named(name, field, indent)
            continue
        yield from _comment(field.description or "", indent)
        if inside is Sources:
            yield f"{indent}{name}:"
            for type_name, sources in Sources.model_fields.items():
                yield from _named(type_name, sources, indent + "  ")
        elif isinstance(inside, type) and issubclass(inside, Section):
            yield f"{indent}{name}:"
            yield from _section(inside, indent + "  ", off=True)
        else:
            yield f"{indent}#{name}: {default_text(field)}".rstrip()


def _named(type_name: str, field: FieldInfo, indent: str) -> Iterator[str]:
    """One type of source or channel with its sample, which has a name."""
    model = named_section(field)
    assert model is not None, "only named sections come here"
    name, given = _SAMPLES[model]
    mark = "" if model is _ACTIVE else "#"
    yield from _comment(f"{field.description} Here: {(model.__doc__ or '').strip()}", indent)
    yield f"{indent}{type_name}:"
    yield f"{indent}  {mark}{name}:"
    inner = indent + "    "
    required = [key for key in model.model_fields if key in given]
    for key in [*required, *(key for key in model.model_fields if key not in given)]:
        setting = model.model_fields[key]
        yield from _comment(setting.description or "", inner)
        if key in given:
            yield f"{inner}{mark}{key}: {given[key]}"
        else:
            yield f"{inner}#{key}: {default_text(setting)}".rstrip()


def named_section(field: FieldInfo) -> type[Section] | None:
    """The model of the sections in a mapping of names to sections, None for any other field."""
    if get_origin(field.annotation) is not dict:
        return None
    model = get_args(field.annotation)[1]
    return model if isinstance(model, type) and issubclass(model, Section) else None


def default_text(field: FieldInfo) -> str:
    """The default of a setting as YAML; "" for None."""
    default: Any = field.get_default(call_default_factory=True)
    if default is None:
        return ""
    if isinstance(default, SecretStr):
        default = default.get_secret_value()
    if isinstance(default, timedelta):
        return duration_text(default)
    if isinstance(default, int) and not isinstance(default, bool) and is_size(field):
        return size_text(default)
    if isinstance(default, str) and re.fullmatch(r"[A-Za-z][A-Za-z0-9_./-]*", default):
        return default
    return json.dumps(list(default) if isinstance(default, tuple) else default, ensure_ascii=False)


def is_size(field: FieldInfo) -> bool:
    """Whether the field is declared as a Size: pydantic has moved the validators of the type to the field."""
    return any(getattr(part, "func", None) is parse_size for part in field.metadata)


def _comment(text: str, indent: str) -> Iterator[str]:
    for paragraph in text.strip().splitlines():
        for line in textwrap.wrap(paragraph, _WIDTH - len(indent) - 2, break_on_hyphens=False):
            yield f"{indent}# {line}"
