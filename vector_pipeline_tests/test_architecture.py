"""The shape of the package: imports point one way, without cycles, and modules are small, named and explained.

Imports are read from the syntax tree, so that one inside a function counts like one at the top.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping, Set
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = "vector_pipeline"
ROOT = Path(__file__).parents[1]

LAYERS: Mapping[str, int] = {
    "errors": 0,
    "documents": 1,
    "settings": 1,
    "settings_values": 1,
    "settings_sources": 1,
    "settings_atlassian": 1,
    "settings_public_docs": 1,
    "settings_alerts": 1,
    "settings_backup": 1,
    "settings_checks": 1,
    "settings_retention": 1,
    "settings_queue": 1,
    "settings_logs": 1,
    "logs": 1,
    "settings_monitoring": 1,
    "settings_limits": 1,
    "settings_yaml": 1,
    "settings_file": 1,
    "settings_template": 1,
    "settings_import": 1,
    "sources": 2,
    "conversion": 2,
    "capacity": 2,
    "chunking": 2,
    "embedding": 2,
    "index": 2,
    "state": 2,
    "sync": 3,
    "consistency": 3,
    "alerts": 3,
    "reporting": 3,
    "monitoring": 3,
    "orchestration": 4,
    "cli": 5,
}
"""A part may import parts of its own layer, as long as no cycle arises, and of those below."""

FACES = {"definitions": "orchestration", "__main__": "cli"}
"""Modules at the top that are the face of a part: what Dagster loads, and what `python -m` runs."""

WITH_DAGSTER = {"orchestration", "cli"}
MOST_LINES = 500


@cache
def modules() -> Mapping[str, Path]:
    """Every module of the package by its dotted name."""
    found = {}
    for path in sorted((ROOT / PACKAGE).rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


@cache
def tree(module: str) -> ast.Module:
    """The syntax tree of a module."""
    return ast.parse(modules()[module].read_bytes())


@cache
def imports(module: str) -> Set[str]:
    """Dotted names a module imports anywhere in its text; names of our modules where they are modules."""
    path = modules()[module]
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    found = set()
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*above, *([base] if base else [])])
            for alias in node.names:
                name = f"{base}.{alias.name}"
                found.add(name if name in modules() else base)
    return found


def part(module: str) -> str:
    """The part of the package a module belongs to; empty for the package itself."""
    first = module.partition(".")[2].partition(".")[0]
    return FACES.get(first, first)


def own_imports(module: str) -> set[str]:
    return {name for name in imports(module) if name.split(".")[0] == PACKAGE and name != module}


def test_every_part_has_a_place_in_the_layers() -> None:
    assert {part(module) for module in modules()} - {""} <= set(LAYERS)


def test_imports_point_down() -> None:
    upwards = [
        f"{module} imports {name}"
        for module in modules()
        for name in own_imports(module)
        if part(name) and LAYERS.get(part(name), 99) > LAYERS.get(part(module), -1)
    ]
    assert upwards == []


def test_no_modules_import_each_other_in_a_circle() -> None:
    graph = {module: own_imports(module) for module in modules()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail("import cycle: " + " → ".join(reversed(error.args[1])))


def test_no_parts_import_each_other_in_a_circle() -> None:
    graph: dict[str, set[str]] = {}
    for module in modules():
        graph.setdefault(part(module), set()).update(part(name) for name in own_imports(module))
    try:
        TopologicalSorter({name: uses - {name, ""} for name, uses in graph.items()}).prepare()
    except CycleError as error:
        pytest.fail("import cycle: " + " → ".join(reversed(error.args[1])))


def test_the_core_does_not_know_dagster() -> None:
    knowing = [
        f"{module} imports {name}"
        for module in modules()
        for name in imports(module)
        if part(module) not in WITH_DAGSTER and re.match(r"dagster\b|dagster_", name)
    ]
    assert knowing == []


def test_private_dagster_names_are_used_in_one_module_at_most() -> None:
    users = [module for module in modules() if any(re.match(r"dagster\w*(\.\w+)*\._", n) for n in imports(module))]
    assert len(users) <= 1, users


def test_no_module_is_a_drawer_for_anything() -> None:
    drawer = r"(^|[._])(utils?|helpers?|common|managers?|misc|stuff)([._]|$)"
    assert [module for module in modules() if re.search(drawer, module)] == []


def test_every_module_says_what_it_is_for() -> None:
    silent = [module for module in modules() if tree(module).body and not ast.get_docstring(tree(module))]
    assert silent == [], "only an empty __init__.py needs no docstring"


def test_no_module_is_long() -> None:
    lengths = {module: path.read_bytes().count(b"\n") for module, path in modules().items()}
    assert {module: lines for module, lines in lengths.items() if lines > MOST_LINES} == {}


def test_no_module_is_unfinished() -> None:
    mark = re.compile(r"\b(TODO|FIXME|XXX|NotImplementedError)\b|pragma: no cover")
    assert [module for module, path in modules().items() if mark.search(path.read_text(encoding="utf-8"))] == []


def test_every_package_that_ships_files_is_declared() -> None:
    suffixes = {p.suffix for p in (ROOT / PACKAGE).rglob("*") if p.is_file() and "__pycache__" not in p.parts}
    assert suffixes - {".py", ".typed"} <= {".sql", ".yaml", ".mako"}, (
        "add the suffix to package-data in pyproject.toml"
    )
