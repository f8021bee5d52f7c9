"""Custom fields: which ones the settings mean, and what their values say in a payload.

Names of fields may repeat within a site, so a name stands for all fields of that name, and the first that has a value
gives it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vector_pipeline.conversion.atlassian import adf_to_markdown
from vector_pipeline.sources.base import SourceMisconfigured
from vector_pipeline.sources.jira.values import is_mail_address, line, mapping, text, utc_text

_SPRINT, _EPIC, _TEXT_AREA = ":gh-sprint", ":gh-epic-link", ":textarea"
_SPRINT_NAME = re.compile(r"[\[,]name=(.*?)(?:,(?:startDate|endDate|goal|sequence)=|\]$)", re.DOTALL)
_DEEPEST = 15
_LEFT_OUT = frozenset({"self", "avatarUrls", "iconUrl", "emailAddress"})


@dataclass(frozen=True, slots=True)
class CustomField:
    """A field that the settings take: `name` in the payload, `heading` where it is text, ids in order of trial."""

    name: str
    heading: str
    ids: tuple[str, ...]
    is_text: bool


@dataclass(frozen=True, slots=True)
class FieldTable:
    """The fields of a site that have a meaning here."""

    custom: tuple[CustomField, ...] = ()
    sprints: tuple[str, ...] = ()
    epics: tuple[str, ...] = ()

    @property
    def ids(self) -> list[str]:
        """What has to be asked for besides Jira's own fields."""
        return sorted({*self.sprints, *self.epics, *(each for custom in self.custom for each in custom.ids)})


def field_table(listed: Sequence[Mapping[str, Any]], wanted: Mapping[str, str], label: str) -> FieldTable:
    """The fields that the settings name by id or name.

    Raises SourceMisconfigured for one that the site lacks, and for two that would have the same name in the payload.
    """
    if twice := sorted(name for name, count in Counter(wanted.values()).items() if count > 1):
        raise SourceMisconfigured(
            f'{label}: two of `fields` are to be named "{twice[0]}" in the payload', hint="give each a name of its own"
        )
    plugins = {text(each.get("id")): text(mapping(each.get("schema")).get("custom")) for each in listed}
    custom = []
    for given, name in sorted(wanted.items(), key=lambda pair: pair[1]):
        same = [each for each in plugins if each == given.strip()]
        named = same or [
            text(each.get("id")) for each in listed if line(each.get("name")).lower() == line(given).lower()
        ]
        if not named:
            raise SourceMisconfigured(
                f'{label}: the site has no field "{given}"',
                hint="write its id or its name into `fields`, or leave it out",
            )
        is_text = any(plugins[each].endswith(_TEXT_AREA) for each in named)
        custom.append(CustomField(name, name if same else given.strip(), tuple(sorted(named, key=_order)), is_text))
    return FieldTable(
        tuple(custom),
        tuple(sorted((each for each in plugins if plugins[each].endswith(_SPRINT)), key=_order)),
        tuple(sorted((each for each in plugins if plugins[each].endswith(_EPIC)), key=_order)),
    )


def first_value(fields: Mapping[str, Any], ids: Iterable[str]) -> Any:
    """The value of the first of these fields that has one."""
    return next((fields[each] for each in ids if fields.get(each) not in (None, "", [], {})), None)


def payload_value(value: Any, depth: int = 0) -> Any:
    """A value of whatever kind as plain JSON: options, users and versions as their names, rich text as text.

    A choice within a choice is "outer > inner". What is nested deeper than people nest is left out, and so is what is
    nothing but an e-mail address.
    """
    if depth > _DEEPEST:
        return ""
    if isinstance(value, list):
        found = [payload_value(each, depth + 1) for each in value]
        return [each for each in found if each not in (None, "", [], {})]
    if isinstance(value, str):
        return "" if is_mail_address(value) else sprint_name(value) or utc_text(value) or value.strip()
    if not isinstance(value, Mapping):
        return value
    if value.get("type") == "doc":
        return adf_to_markdown(value).text
    if isinstance(value.get("value"), str | int | float):
        child = payload_value(value.get("child"), depth + 1) if isinstance(value.get("child"), Mapping) else ""
        outer = payload_value(value["value"], depth + 1)
        return f"{outer} > {child}" if child else outer
    for name in ("displayName", "name", "title", "key"):
        if (called := line(value.get(name))) and not is_mail_address(called):
            return called
    return {str(key): payload_value(each, depth + 1) for key, each in value.items() if key not in _LEFT_OUT}


def sprint_name(value: Any) -> str:
    """The name of a sprint: an object on Cloud, a Java object written out on Data Center."""
    if isinstance(value, Mapping):
        return line(value.get("name"))
    if not isinstance(value, str) or "greenhopper" not in value[:60]:
        return ""
    found = _SPRINT_NAME.search(value)
    return line(found[1]) if found else ""


def sprint_names(value: Any) -> list[str]:
    """The names of all sprints that an issue is or was in."""
    return [name for name in map(sprint_name, value if isinstance(value, list) else [value]) if name]


def _order(field: str) -> tuple[int, str]:
    number = field.removeprefix("customfield_")
    return (int(number) if number.isdigit() else 0, field)
