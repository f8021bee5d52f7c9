"""A `config.yaml` of qdrant-loader as settings of ours, with what became of each part of it.

Pure: bytes in, settings and outcomes out. The file is untrusted; it is read by the same bounded reader as our own.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from vector_pipeline.settings import Settings, Sources
from vector_pipeline.settings_import.fitting import fitting, identity
from vector_pipeline.settings_import.outcomes import Given, Kind, Outcome, untold
from vector_pipeline.settings_import.references import Variables, kept
from vector_pipeline.settings_import.services import services
from vector_pipeline.settings_import.sources import SOURCES
from vector_pipeline.settings_values import Section
from vector_pipeline.settings_yaml import SettingsError, parse

_HEAD = """\
# Imported from a qdrant-loader configuration. `vector-pipeline config` shows all settings with their defaults,
# `vector-pipeline init` writes a file that explains them.
"""

_UNKNOWN = "not known here; see whether it chose what is indexed"
_ALONE = "default"


@dataclass(frozen=True, slots=True)
class Imported:
    """Our settings as plain values, and what became of every part of their file, in its order."""

    settings: Mapping[str, Any]
    outcomes: Sequence[Outcome]

    @property
    def is_complete(self) -> bool:
        """Whether everything that decides what is indexed was carried over."""
        return all(outcome.kind != "missing" for outcome in self.outcomes)

    def render(self) -> str:
        """The settings as the text of a `pipeline.yaml`."""
        return _HEAD + yaml.safe_dump(dict(self.settings), sort_keys=False, allow_unicode=True, width=120)


def import_config(data: bytes, shown: str) -> Imported:
    """Carries over a file; `shown` names it in errors. Raises SettingsError where it can't be read."""
    # Doubled, a $ comes back as it is: references are carried over, not filled in.
    file = parse(data.replace(b"$", b"$$"), {}, shown)
    if file.problems:
        lines = tuple(f"{shown}:{one.line}: {'.'.join(map(str, one.where))}: {one.text}" for one in file.problems)
        raise SettingsError("\n".join(lines[:50]), problems=lines)
    outcomes: list[Outcome] = []
    top = Given(file.value, (), outcomes)
    variables = Variables()
    ours: dict[str, Any] = {}
    services(top.inside("global"), ours, variables)
    ours = _fitting_services(ours, outcomes)
    sources = _sources(top, variables)
    if sources:
        ours = {"sources": sources, **ours}
    for where, value in untold(file.value, outcomes):
        kind: Kind = "not needed" if value in (None, "", {}, []) else "missing"
        outcomes.append(Outcome(where, kind, "", "empty" if kind == "not needed" else _UNKNOWN))
    order = {key: position for position, key in enumerate(file.value)}
    outcomes.sort(key=lambda outcome: order.get(str(outcome.where[0]), -1) if outcome.where else -1)
    return Imported(ours, outcomes)


def _fitting_services(ours: dict[str, Any], outcomes: list[Outcome]) -> dict[str, Any]:
    """The settings of services that ours accept."""
    left: dict[str, Any] = {}
    for name, values in ours.items():
        model = Settings.model_fields[name].annotation
        assert isinstance(model, type)
        assert issubclass(model, Section)

        def tell(setting: str, why: str, section: str = name) -> None:
            target = f"{section}.{setting}".rstrip(".")
            where = next((one.where for one in outcomes if one.target == target), ("global", *target.split(".")))
            outcomes.append(Outcome(where, "missing", "", f"{target} is not set: {why}"))

        found = fitting(model, values, tell)
        if found:
            left[name] = found
    return left


@dataclass(frozen=True, slots=True)
class _Theirs:
    """A source of theirs: the project it is of ("" none), its type and name, and what it says."""

    project: str
    kind: str
    name: str
    given: Given


def _sources(top: Given, variables: Variables) -> dict[str, dict[str, Any]]:
    """All sources under names of their own, by type."""
    found = list(_found(top))
    often = Counter((one.kind, _name(one.name)) for one in found)
    ours: dict[str, dict[str, Any]] = {}
    seen: dict[str, str] = {}
    for one in found:
        our_type, carry = SOURCES[one.kind]
        own = _name(one.name)
        name = own if often[one.kind, own] == 1 or not one.project else _name(f"{one.project}-{own}")
        name = _free(name, ours.get(our_type, {}))
        place = f"sources.{our_type}.{name}"
        carried = carry(one.given, name, place, variables)
        model = Sources.model_fields[our_type].annotation.__args__[1]  # type: ignore[union-attr]
        if carried is not None and one.project and one.project != _ALONE:
            carried["tags"] = [kept(one.project)]
        fitted = None if carried is None else fitting(model, carried, _teller(one.given, place))
        if fitted is None:
            one.given.note(None, "missing", "", "the source was left out")
            continue
        if other := seen.get(identity(model, fitted)):
            one.given.note(None, "not needed", "", f"the same source as {other}")
            continue
        seen[identity(model, fitted)] = place
        ours.setdefault(our_type, {})[name] = fitted
    return ours


def _teller(given: Given, place: str) -> Any:
    def tell(setting: str, why: str) -> None:
        target = f"{place}.{setting}".rstrip(".")
        own = (*given.where, setting) if setting else given.where
        where = next((one.where for one in given.outcomes if one.target == target), own)
        given.outcomes.append(Outcome(where, "missing", "", f"{setting or 'the source'} can't be used: {why}"))

    return tell


def _found(top: Given) -> Iterator[_Theirs]:
    """The sources of their file; those of a type we have none for are noted."""
    projects = top.inside("projects")
    for project in projects:
        part = projects.inside(project)
        part.take("project_id", "not needed", "", "each source of the project has its key as a tag")
        for key in ("display_name", "description"):
            part.take(key, "not needed", "", "projects have no page of their own")
        part.take("collection_name", "not needed", "index.alias", "all sources are in one collection")
        part.take("overrides", "missing", "", "settings hold for all sources")
        yield from _of(part.inside("sources"), project)
    alone = top.inside("sources")
    if projects and alone:
        alone.note(None, "not needed", "", "left out beside projects, as it was")
    else:
        yield from _of(alone, "")
    yield from _of(top.inside("global").inside("sources"), "")


def _of(types: Given, project: str) -> Iterator[_Theirs]:
    for kind in types:
        named = types.inside(kind)
        if kind not in SOURCES:
            if named or types.peek(kind) is not None:
                types.take(kind, "missing", "", "there is no source of this type")
            continue
        for name in named:
            if isinstance(named.peek(name), dict):
                yield _Theirs(project, kind, name, named.inside(name))


def _name(text: str) -> str:
    """A name our sources may have."""
    plain = re.sub(r"[^A-Za-z0-9_.-]+", "-", text).lstrip("_.-")[:80]
    return plain or "source"


def _free(name: str, taken: Mapping[str, Any]) -> str:
    """The name, with a number where it is taken."""
    number = 1
    free = name
    while free in taken:
        number += 1
        free = f"{name}-{number}"
    return free
