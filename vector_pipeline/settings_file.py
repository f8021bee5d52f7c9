"""Finds and reads `pipeline.yaml`: every problem of the file in one error, each with its line and its mend.

The one idea: the models in `settings` decide what is right, this module says where in the file it is wrong and
in which words. Paths come out absolute, relative ones counted from the folder of the settings file.
"""

from __future__ import annotations

import difflib
import hashlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, get_args, get_origin

from pathspec import GitIgnoreSpec
from pydantic import BaseModel, SecretStr, ValidationError
from pydantic_core import ErrorDetails

from vector_pipeline.settings import Settings
from vector_pipeline.settings_sources import GitSettings
from vector_pipeline.settings_values import Section, duration_text, is_local_repository
from vector_pipeline.settings_yaml import Location, Problem, SettingsError, YamlFile, parse

__all__ = ["Loaded", "SettingsError", "find_settings_file", "load_settings", "masked_url", "resolved"]

FILE_NAME = "pipeline.yaml"
VARIABLE = "VECTOR_PIPELINE_CONFIG"
MASK = "********"
MOST_PROBLEMS = 50


@dataclass(frozen=True, slots=True)
class Loaded:
    """Settings with where they came from.

    `path` is the settings file, `project_dir` its folder, `data_dir` the folder of all data; all are absolute,
    and so is every path in `settings`. None of them needs to exist but the file.
    """

    settings: Settings
    path: Path
    project_dir: Path
    data_dir: Path


def find_settings_file(explicit: Path | None = None) -> Path:
    """The file given, else the one VECTOR_PIPELINE_CONFIG names, else `pipeline.yaml` here or in a folder above.

    A folder stands for the `pipeline.yaml` in it. Raises SettingsError where there is none.
    """
    variable = os.environ.get(VARIABLE, "")
    given = explicit if explicit is not None else Path(variable) if variable else None
    if given is not None:
        path = _absolute(given, Path.cwd())
        path = path / FILE_NAME if path.is_dir() else path
        if not path.is_file():
            origin = "" if explicit is not None else f", which {VARIABLE} names,"
            raise SettingsError(f"{path}{origin} does not exist", hint="`vector-pipeline init` writes one")
        return path
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / FILE_NAME).is_file():
            return folder / FILE_NAME
    raise SettingsError(
        f"no {FILE_NAME} in {here} or a folder above it",
        hint="`vector-pipeline init` writes one, --config names another",
    )


def load_settings(path: Path, environment: Mapping[str, str] | None = None) -> Loaded:
    """Reads and validates a settings file; `environment` fills in variables (default: this process's).

    Raises SettingsError with all problems at once. No value of a secret or from a variable is in its text.
    """
    path = _absolute(path, Path.cwd())
    shown = _shown(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise SettingsError(f"{shown}: {error.strerror}", hint="check the file and its rights") from None
    file = parse(data, os.environ if environment is None else environment, shown)
    problems = list(file.problems)
    settings = None
    try:
        settings = Settings.model_validate(_without_nulls(file.value, ()))
    except ValidationError as error:
        problems.extend(_validation_problems(error, file))
    if settings is None or problems:
        raise _all_problems(problems, shown)
    try:
        anchored: Settings = _anchored(settings, path.parent)
        data_dir = anchored.data_dir or _user_data_dir(path)
    except RuntimeError as error:  # a ~ or ~name without a home folder
        raise SettingsError(f"{shown}: {error}", hint="write the path without ~") from None
    settings = anchored.model_copy(update={"data_dir": data_dir}).with_variables(
        {".".join(map(str, where)): name for where, name in file.variables.items()}
    )
    _refuse_data_in_sources(settings, file, shown)
    return Loaded(settings, path, path.parent, data_dir)


def resolved(settings: Settings) -> dict[str, Any]:
    """Every setting with its value, as plain JSON values to print: secrets and credentials in URLs are masked."""
    plain = _plain(settings)
    assert isinstance(plain, dict)
    return plain


def masked_url(url: str) -> str:
    """The URL without credentials: passwords, what an https URL has before its host, and secret parameters."""
    match = re.match(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*://)(?P<user>[^:/?#@\s]*)(?P<password>:.*)?@", url, re.DOTALL)
    if match:
        # A token may stand as the user name of https; elsewhere the user name is worth seeing.
        hidden = match["scheme"].lower() in ("http://", "https://")
        user = MASK if hidden else match["user"] + (f":{MASK}" if match["password"] else "")
        url = f"{match['scheme']}{user}@{url[match.end() :]}"
    return re.sub(r"(?i)([?&][^=&#]*(?:pass|token|secret|key|sig|auth)[^=&#]*=)[^&#]+", rf"\g<1>{MASK}", url)


def _plain(value: object) -> object:
    if isinstance(value, SecretStr):
        text = value.get_secret_value()
        return masked_url(text) if "://" in text and masked_url(text) != text else MASK if text else ""
    if isinstance(value, BaseModel):
        return {name: _plain(getattr(value, name)) for name in type(value).model_fields}
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    if isinstance(value, timedelta):
        return duration_text(value)
    if isinstance(value, Path):
        return str(value)
    return masked_url(value) if isinstance(value, str) else value


def _absolute(path: Path, base: Path) -> Path:
    """`~` expanded and `..` taken out, symbolic links kept as the user wrote them."""
    return Path(os.path.normpath(base / path.expanduser()))


def _shown(path: Path) -> str:
    """The path as an error names it: from the current folder where that is shorter."""
    return os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)


def _user_data_dir(path: Path) -> Path:
    """A folder of this settings file's own: what one project takes for removed sources must not be another's."""
    from platformdirs import user_data_path  # only where no data_dir is set

    digest = hashlib.sha256(os.fsencode(path)).hexdigest()[:8]
    return user_data_path("vector-pipeline", appauthor=False) / f"{path.parent.name or 'root'}-{digest}"


def _anchored(value: Any, base: Path) -> Any:
    """The same settings with every path absolute."""
    if isinstance(value, Path):
        return _absolute(value, base)
    if isinstance(value, Section):
        changes = {name: _anchored(getattr(value, name), base) for name in type(value).model_fields}
        if isinstance(value, GitSettings) and is_local_repository(value.url):
            changes["url"] = str(_absolute(Path(value.url), base))
        return value.model_copy(update=changes)
    if isinstance(value, dict):
        return {name: _anchored(item, base) for name, item in value.items()}
    return value


def _refuse_data_in_sources(settings: Settings, file: YamlFile, shown: str) -> None:
    """Raises SettingsError where a folder source would read our own data: each sync would change what it reads."""
    places: dict[Location, Path | None] = {
        ("data_dir",): settings.data_dir,
        ("index", "path"): settings.index.path,
        ("state", "path"): settings.state.path,
        ("backup", "folder"): settings.backup.folder,
        ("logs", "file"): settings.logs.file,
    }
    problems = []
    for where, place in places.items():
        for name, source in settings.sources.local_files.items():
            if place is None or not (inside := _below(place, source.path)):
                continue
            hidden = not source.hidden and any(part.startswith(".") for part in inside.parts)
            if hidden or GitIgnoreSpec.from_lines(source.exclude).match_file(f"{inside}/x"):
                continue
            line = file.line(where if where in file.lines else ("sources", "local_files", name, "path"))
            text = f"lies inside sources.local_files.{name}; put it elsewhere, below a folder whose name starts with "
            problems.append(Problem(line, where, text + "a dot, or exclude it there"))
    if problems:
        raise _all_problems(problems, shown)


def _below(place: Path, folder: Path) -> Path | None:
    """The way from the folder down to the place, or None; symbolic links are followed."""
    place, folder = Path(os.path.realpath(place)), Path(os.path.realpath(folder))
    return place.relative_to(folder) if place.is_relative_to(folder) else None


def _without_nulls(value: Any, where: Location) -> Any:
    """Settings written without a value are left to their defaults; a source without any stays, as it needs some."""
    if isinstance(value, list):
        return [_without_nulls(item, (*where, position)) for position, item in enumerate(value)]
    if not isinstance(value, dict):
        return value
    part = _part_at(where)
    known = part.model_fields if _is_model(part) else {}
    kept = {}
    for name, item in value.items():
        if item is None and get_origin(part) is dict:
            item = {}
        if item is not None or name not in known:
            kept[name] = _without_nulls(item, (*where, name))
    return kept


def _part_at(where: Location) -> Any:
    """The model or type that stands at a place of the settings, None where there is none."""
    part: Any = Settings
    for step in where:
        if _is_model(part) and step in part.model_fields:
            part = part.model_fields[step].annotation
        elif get_origin(part) is dict:
            part = get_args(part)[1]
        else:
            return None
    return part


def _is_model(part: Any) -> bool:
    return isinstance(part, type) and issubclass(part, BaseModel)


def _validation_problems(error: ValidationError, file: YamlFile) -> list[Problem]:
    """What the models refuse, in words, without what follows from problems that are known already."""
    problems = []
    for detail in error.errors(include_url=False):
        where = tuple(step for step in detail["loc"] if step != "[key]")
        follows = any(known.where[: len(where)] == where for known in file.problems)
        if not (follows and detail["type"] in ("missing", "value_error")):
            problems.append(Problem(file.line(where), where, _words(detail, where, file)))
    return problems


def _words(detail: ErrorDetails, where: Location, file: YamlFile) -> str:
    """One validation error in words; values are shown only where they can't be secret."""
    kind, context = detail["type"], detail.get("ctx", {})
    value = detail["input"]
    secret = where in file.from_environment or _part_at(where) is SecretStr
    shown = f", not {value[:60]!r}" if isinstance(value, str) and not secret else ""
    if kind == "extra_forbidden":
        return "unknown setting" + _did_you_mean(str(where[-1]), _part_at(where[:-1]))
    if kind == "missing":
        part = _part_at(where[:-1])
        return "is required: " + str(part.model_fields[where[-1]].description if _is_model(part) else "")
    if kind == "value_error":
        return str(context["error"])
    if kind == "literal_error":
        allowed = re.findall(r"'([^']*)'", str(context["expected"]))
        return f"must be {context['expected']}{shown}{_closest(str(value), allowed)}"
    if kind in ("model_type", "dict_type"):
        inside = _part_at(where)
        named = where[-1] if _is_model(inside) and issubclass(inside, Section) and len(where) == 3 else None
        if named in getattr(inside, "model_fields", {}):
            return f"a source needs a name: write {where[1]}:, below it a name, and below that {named}:"
        return "must hold settings, each written as `key: value`"
    words = {
        "int": f"must be a whole number{shown}",
        "float": f"must be a number{shown}",
        "bool": f"must be true or false{shown}",
        "tuple": "must be a list, written as [a, b] or as lines that start with -",
        "string": "must be text",
        "path": "must be a path",
        "greater_than_equal": f"must be at least {context.get('ge')}{shown}",
        "greater_than": f"must be more than {context.get('gt')}{shown}",
        "less_than_equal": f"must be at most {context.get('le')}{shown}",
        "finite_number": "must be a finite number",
    }
    return words.get(kind) or words.get(kind.partition("_")[0]) or str(detail["msg"])


def _did_you_mean(name: str, part: Any) -> str:
    known = list(part.model_fields) if _is_model(part) else []
    return _closest(name, known) or (f"; known here: {', '.join(known)}" if known else "")


def _closest(name: str, known: list[str]) -> str:
    matches = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    return f"; did you mean {matches[0]}?" if matches else ""


def _all_problems(problems: list[Problem], shown: str) -> SettingsError:
    """One error that lists the problems in the order of the file."""
    lines = [
        f"{shown}:{problem.line}: {_place(problem.where)}{problem.text}"
        for problem in sorted(problems, key=lambda problem: problem.line)
    ]
    more = len(lines) - MOST_PROBLEMS
    message = "\n".join(lines[:MOST_PROBLEMS]) + (f"\n… and {more} more problems" if more > 0 else "")
    return SettingsError(message, problems=tuple(lines))


def _place(where: Location) -> str:
    """`sources.git.docs.include[0]: `, or nothing for the whole file."""
    text = ""
    for step in where:
        text += f"[{step}]" if isinstance(step, int) else f".{step}"
    text = text.lstrip(".")
    return f"{text if text.isprintable() else ascii(text)}: " if text else ""
