"""docs/reference/json.md: what each command prints with `--json`, from the typed dictionaries that name its shape."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Iterator
from datetime import datetime
from functools import cache
from pathlib import Path
from types import NoneType, UnionType
from typing import (
    Annotated,
    Any,
    Literal,
    NotRequired,
    Required,
    Union,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

from vector_pipeline.cli.shapes import SHAPES
from vector_pipeline_tests.docs.tables import code, prose, table

_HEAD = """\
# JSON

What commands print with `--json`: one document on standard output, nothing else. Made from the code, which tests hold
every answer against. Shapes are stable: fields may be added, none changes its name or meaning without a word in the
notes of the version.

Times are ISO 8601 in UTC, durations are seconds, sizes are bytes, ids are text. Messages go to standard error.
"""


def json_page() -> str:
    """The text of the page."""
    lines = [_HEAD]
    for command in sorted(SHAPES):
        lines += [f"## `{command} --json`", "", *_document(SHAPES[command])]
    return "\n".join(lines).rstrip() + "\n"


def _document(shape: Any) -> Iterator[str]:
    """The top of a document, then every type it is made of, once."""
    if not is_typeddict(shape):
        yield f"{_words(shape)}."
        yield ""
    for found in _types(shape, {}):
        yield f"**{found.__name__}**{_about(found)}"
        yield ""
        comments, hints = field_comments(found), get_type_hints(found, include_extras=True)
        yield from table(
            ["field", "type", "what it is"],
            ([code(name) + _maybe(found, name), _words(hints[name]), prose(comments.get(name, ""))] for name in hints),
        )


def _types(shape: Any, seen: dict[Any, None]) -> list[Any]:
    """The typed dictionaries of a shape, outermost first."""
    if is_typeddict(shape):
        if shape not in seen:
            seen[shape] = None
            for hint in get_type_hints(shape, include_extras=True).values():
                _types(hint, seen)
    else:
        for part in get_args(_unwrapped(shape)):
            _types(part, seen)
    return list(seen)


def _words(hint: Any) -> str:
    """A type in words."""
    hint = _unwrapped(hint)
    origin, parts = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return " or ".join(_words(part) for part in parts)
    if origin is Literal:
        return " or ".join(code(str(part)) for part in parts)
    if origin in (list, tuple):
        return f"list of {_words(parts[0])}" if parts else "list"
    if origin is dict:
        return f"object: {_words(parts[0])} to {_words(parts[1])}"
    if is_typeddict(hint):
        return f"**{hint.__name__}**"
    return _NAMES.get(hint, "anything" if hint in (Any, object) else getattr(hint, "__name__", str(hint)))


_NAMES = {
    str: "text",
    Path: "text",
    datetime: "time",
    int: "whole number",
    float: "number",
    bool: "`true` or `false`",
    NoneType: "`null`",
}


def _unwrapped(hint: Any) -> Any:
    while get_origin(hint) in (Annotated, Required, NotRequired):
        hint = get_args(hint)[0]
    return hint


def _maybe(shape: Any, name: str) -> str:
    return "" if name in shape.__required_keys__ else " (may be missing)"


def _about(shape: Any) -> str:
    first = (inspect.getdoc(shape) or "").partition("\n\n")[0].replace("\n", " ")
    return f": {prose(first)}" if first and not first.startswith("dict(") else ""


@cache
def field_comments(shape: Any) -> dict[str, str]:
    """Field to the comment above it (or its docstring), also of the dictionaries that it extends."""
    found: dict[str, str] = {}
    for base in getattr(shape, "__orig_bases__", ()):
        if is_typeddict(base):
            found |= field_comments(base)
    source = textwrap.dedent(inspect.getsource(shape))
    lines = source.splitlines()
    (definition,) = (node for node in ast.parse(source).body if isinstance(node, ast.ClassDef))
    for node in definition.body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            above: list[str] = []
            for line in reversed(lines[: node.lineno - 1]):
                if not line.strip().startswith("#"):
                    break
                above.insert(0, line.strip().removeprefix("#").strip())
            behind = lines[node.end_lineno - 1 if node.end_lineno else 0].partition("  # ")[2]
            found[node.target.id] = " ".join([*above, behind]).strip()
    return found
