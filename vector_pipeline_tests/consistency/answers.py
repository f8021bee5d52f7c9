"""What the checks of sources and histories say of a project, now or as if asked later."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

from vector_pipeline.consistency.check_file import all_checks
from vector_pipeline.consistency.checks import POINTS_MATCH_STATE, look_at, run_check
from vector_pipeline.consistency.result import CheckResult
from vector_pipeline_tests.project import Project

NOW = timedelta(0)

TOLD_APART = (
    "deletions_plausible",
    "history_consistent",
    POINTS_MATCH_STATE,
    "quarantine_bounded",
    "sources_in_sync",
)
"""Checks between which a fault must be told apart."""


def answer(project: Project, check: str, *, later: timedelta = NOW, partition: str | None = None) -> CheckResult:
    """The answer of one check."""
    with project.open() as pipeline:
        look = look_at(pipeline, partition)
        return run_check(all_checks()[check], replace(look, now=look.now + later))


def offences(project: Project, check: str, *, later: timedelta = NOW) -> list[str]:
    """What one check says is wrong."""
    return list(answer(project, check, later=later).offending["why"].to_list())


def failing(project: Project, *, later: timedelta = NOW) -> dict[str, list[str]]:
    """What is wrong, by check."""
    with project.open() as pipeline:
        look = look_at(pipeline)
        look = replace(look, now=look.now + later)
        results = {name: run_check(all_checks()[name], look) for name in TOLD_APART}
        return {name: result.offending["why"].to_list() for name, result in results.items() if not result.passed}


def change_store(project: Project, statement: str, *values: Any) -> None:
    """Changes rows of the state store behind its back."""
    with project.open() as pipeline:
        path = pipeline.store.location.path
    with closing(sqlite3.connect(str(path), timeout=30)) as db, db:
        assert db.execute(statement, values).rowcount > 0


@contextmanager
def undone(project: Project) -> Iterator[None]:
    """Puts the state store back at the end as it was before the block."""
    with project.open() as pipeline:
        store = pipeline.store.location.path
    assert store is not None
    kept = {path: path.read_bytes() for path in store.parent.glob(f"{store.name}*") if path.is_file()}
    yield
    for path in list(store.parent.glob(f"{store.name}*")):
        if path.is_file():
            path.unlink()
    for path, content in kept.items():
        path.write_bytes(content)
