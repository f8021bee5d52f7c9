"""YAML text as plain values that remember their lines, with `${VARIABLE}` filled in from the environment.

The one idea: every scalar is text (or null), and the settings' models give it its type, so that `branch: 1.10`
stays 1.10 and `hidden: ${HIDDEN}` works. Problems are collected, not raised one by one. Imports only `errors`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from vector_pipeline.errors import PipelineError

Location = tuple[str | int, ...]
"""Keys and list positions from the top of the file to a setting."""

MAX_BYTES = 5_000_000
MAX_EXPANDED = 20_000_000
"""Characters a file may have once its aliases are written out; a few aliases of aliases can make billions."""

_NODE_COST = 64
"""What a key, item or value counts besides its characters: about the memory it takes."""

_VARIABLE = re.compile(
    r"\$(?:(?P<dollar>\$)|\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^}]*))?\}|(?P<bad>\{))"
)
_PLAIN = re.compile(r"tag:yaml\.org,2002:(str|int|float|bool|null|timestamp|value|merge|map|seq)")
_MERGE = "tag:yaml.org,2002:merge"
_NULL = "tag:yaml.org,2002:null"


class SettingsError(PipelineError):
    """The settings can't be used. `problems` holds one line for each thing to mend, all of them at once."""

    def __init__(self, message: str, *, hint: str = "", problems: tuple[str, ...] = ()) -> None:
        super().__init__(message, hint=hint)
        self.problems = problems or (message,)


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to mend: the line (0 where there is none), where in the settings, and what is wrong."""

    line: int
    where: Location
    text: str


@dataclass(slots=True)
class YamlFile:
    """What a file says.

    `value` has mappings with text keys, lists, text and None. `lines` has the line of every key and list item.
    `from_environment` holds the places whose text came from a variable: their values are never shown.
    `variables` has the name of the variable where a text is one and nothing else.
    `problems` are those found so far; the settings at these places are left out of `value`.
    """

    value: dict[str, Any] = field(default_factory=dict)
    lines: dict[Location, int] = field(default_factory=dict)
    from_environment: set[Location] = field(default_factory=set)
    variables: dict[Location, str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def line(self, where: Location) -> int:
        """The line of a place, or of the closest part of the file around it."""
        for length in range(len(where), 0, -1):
            if where[:length] in self.lines:
                return self.lines[where[:length]]
        return 1


def parse(data: bytes, environment: Mapping[str, str], shown: str) -> YamlFile:
    """Reads UTF-8 YAML. Raises SettingsError where the text can't be read as YAML at all; `shown` names the file."""
    if len(data) > MAX_BYTES:
        raise SettingsError(f"{shown}: larger than {MAX_BYTES:,} bytes", hint="this is not a settings file")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise SettingsError(f"{shown}:{line}: not UTF-8 text", hint="save the file as UTF-8") from None
    try:
        root = _compose(text, shown)
        if root is not None and root.tag != _NULL and not isinstance(root, yaml.MappingNode):
            hint = "`vector-pipeline init` writes an example"
            raise SettingsError(f"{shown}:1: must be settings written as `key: value`", hint=hint)
        return _Reader(environment).read_file(root)
    except RecursionError:
        raise SettingsError(f"{shown}: nested too deeply", hint="this is not a settings file") from None


def _compose(text: str, shown: str) -> yaml.Node | None:
    """The node tree. Not PyYAML's C loader: deep nesting ends its process with a segmentation fault."""
    try:
        return yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        # str(error) quotes the line, which may hold a secret.
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        what = error.problem or error.context or "can't be read as YAML"
        hint = "indent with spaces, not tabs" if "'\\t'" in what else "quote texts that hold : # { [ * & ! or %"
        raise SettingsError(f"{shown}:{line}: {what}", hint=hint) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise SettingsError(f"{shown}:{line}: a character that YAML does not allow", hint="remove it") from None


class _Reader:
    """Turns nodes into values: refuses repeated keys, bounds aliases, fills in variables."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.file = YamlFile()
        self._environment = environment
        self._left = MAX_EXPANDED
        self._open: set[int] = set()

    def read_file(self, root: yaml.Node | None) -> YamlFile:
        """What the whole file says; an empty one says nothing."""
        if isinstance(root, yaml.MappingNode):
            value = self.read(root, ())
            self.file.value = {} if value is _LEFT_OUT else value
        return self.file

    def read(self, node: yaml.Node, where: Location) -> Any:
        """The value of a node, or `_LEFT_OUT` where a problem was recorded."""
        line = node.start_mark.line + 1
        self._left -= _NODE_COST + (len(node.value) if isinstance(node, yaml.ScalarNode) else 0)
        if self._left < 0:
            if self._left > -MAX_EXPANDED:
                self._left = -2 * MAX_EXPANDED
                self._problem(line, where, "aliases make the file too large; write the settings out")
            return _LEFT_OUT
        if not _PLAIN.fullmatch(node.tag):
            return self._problem(line, where, f"the YAML tag {_short(node.tag)} is not allowed here")
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, where)
        if id(node) in self._open:
            return self._problem(line, where, "an alias that holds itself")
        self._open.add(id(node))
        try:
            if isinstance(node, yaml.MappingNode):
                return self._mapping(node, where)
            return self._sequence(node, where)
        finally:
            self._open.discard(id(node))

    def _mapping(self, node: yaml.MappingNode, where: Location) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for key, line, child in self._entries(node, where):
            here = (*where, key)
            self.file.lines[here] = line
            value = self.read(child, here)
            if value is not _LEFT_OUT:
                values[key] = value
        return values

    def _entries(self, node: yaml.MappingNode, where: Location) -> Iterator[tuple[str, int, yaml.Node]]:
        """Keys with lines and nodes, `<<` merged in: a mapping's own keys win, then those merged first."""
        own: dict[str, tuple[int, yaml.Node]] = {}
        merged: list[yaml.Node] = []
        for key, child in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                self._problem(line, where, "a key must be text")
            elif key.tag == _MERGE:
                merged.extend(child.value if isinstance(child, yaml.SequenceNode) else [child])
            elif key.value in own:
                text = f"is set twice, first on line {own[key.value][0]}; remove one"
                self._problem(line, (*where, key.value), text)
            else:
                own[key.value] = (line, child)
        for source in merged:
            line = source.start_mark.line + 1
            self._left -= _NODE_COST
            if not isinstance(source, yaml.MappingNode):
                self._problem(line, where, "`<<` takes an alias of a mapping")
            elif id(source) in self._open:
                self._problem(line, where, "an alias that holds itself")
            elif self._left > 0:
                self._open.add(id(source))
                for name, at, child in self._entries(source, where):
                    self._left -= _NODE_COST
                    own.setdefault(name, (at, child))
                self._open.discard(id(source))
        for name, (at, child) in own.items():
            yield name, at, child

    def _sequence(self, node: yaml.Node, where: Location) -> list[Any]:
        values = []
        for position, child in enumerate(node.value):
            self.file.lines[(*where, position)] = child.start_mark.line + 1
            value = self.read(child, (*where, position))
            values.append("" if value is _LEFT_OUT else value)
        return values

    def _scalar(self, node: yaml.ScalarNode, where: Location) -> Any:
        if node.tag == _NULL and node.style is None:
            return None
        if "$" not in node.value:
            return node.value
        line = node.start_mark.line + 1
        failed = False

        def fill(match: re.Match[str]) -> str:
            nonlocal failed
            if match["dollar"]:
                return "$"
            if match["bad"]:
                failed = True
                self._problem(line, where, "has a ${ that is not ${NAME} or ${NAME:-default}; write $$ for a plain $")
                return ""
            self.file.from_environment.add(where)
            value = self._environment.get(match["name"])
            if match["default"] is not None:
                return value or match["default"]
            if value is None:
                failed = True
                text = f"the environment variable {match['name']} is not set; set it, or write ${{{match['name']}:-}}"
                self._problem(line, where, text + " to allow that")
                return ""
            return value

        text = _VARIABLE.sub(fill, node.value)
        if (alone := _VARIABLE.fullmatch(node.value)) and alone["name"]:
            self.file.variables[where] = alone["name"]
        self._left -= len(text)
        return _LEFT_OUT if failed else text

    def _problem(self, line: int, where: Location, text: str) -> Any:
        self.file.problems.append(Problem(line, where, text))
        return _LEFT_OUT


_LEFT_OUT: Any = object()


def _short(text: str) -> str:
    return text if len(text) <= 40 and text.isprintable() else ascii(text[:40])
