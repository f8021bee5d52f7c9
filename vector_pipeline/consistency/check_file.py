"""A check as its SQL file says: the invariant, what it is about, and the query that finds offenders.

The first line of a file is the invariant, one sentence. Lines `-- key: value` follow:
`severity` (error or warning; error by default), `on` (the assets it is registered on: `collection`, and `chunks` or
`points` for checks of one run; `collection` by default), `blocking` (whether a run stops; yes by default),
`when` (for checks of the collection: `after syncs` by default, or `hourly` for those that ask sources or embed
queries: then only on the schedule and by hand), `frames` (the frames the query reads), `compares` (the frames whose
rows count as compared), `confirmed` (yes by default: what offends is looked at again under its partition's lock). A
second statement, after a semicolon, gives one row of numbers to plot; a number named `compared` replaces the count.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import cast

from vector_pipeline.consistency.result import Severity

COLLECTION = "collection"
_PLACES = frozenset({COLLECTION, "chunks", "points"})
_KEYS = frozenset({"severity", "on", "blocking", "when", "frames", "compares", "confirmed"})
AFTER_SYNCS, HOURLY = "after syncs", "hourly"
_HEADER = re.compile(r"--\s*([a-z]+):\s*(.*)")
_PACKAGE = "vector_pipeline.consistency"


@dataclass(frozen=True, slots=True)
class Check:
    """One check. `offenders` and `numbers` ("" where it has none) are its SQL."""

    name: str
    invariant: str
    severity: Severity
    on: tuple[str, ...]
    blocking: bool
    when: str
    frames: tuple[str, ...]
    compares: tuple[str, ...]
    confirmed: bool
    offenders: str
    numbers: str


@cache
def all_checks() -> Mapping[str, Check]:
    """Every check, by name."""
    folder = resources.files(_PACKAGE).joinpath("sql")
    files = sorted((entry.name, entry) for entry in folder.iterdir() if entry.name.endswith(".sql"))
    return {name.removesuffix(".sql"): parse(name.removesuffix(".sql"), f.read_text("utf-8")) for name, f in files}


def checks_on(place: str) -> list[Check]:
    """The checks that are registered on an asset: "collection", "chunks" or "points"."""
    return [check for check in all_checks().values() if place in check.on]


def parse(name: str, text: str) -> Check:
    """The check that a SQL file states. Raises ValueError where its head is not as described above."""
    lines = text.splitlines()
    invariant = lines[0].removeprefix("--").strip() if lines and lines[0].startswith("--") else ""
    head: dict[str, str] = {}
    for line in lines[1:]:
        if not line.startswith("--"):
            break
        if (match := _HEADER.fullmatch(line.rstrip())) and match[1] in _KEYS:
            head[match[1]] = match[2].strip()
    on = _names(head.get("on", COLLECTION))
    frames = _names(head.get("frames", ""))
    severity, when = head.get("severity", "error"), head.get("when", AFTER_SYNCS)
    if when not in (AFTER_SYNCS, HOURLY):
        raise ValueError(f"{name}.sql: it runs {AFTER_SYNCS!r} or {HOURLY!r}, not {when!r}")
    if not invariant.endswith(".") or not frames or not _PLACES.issuperset(on) or severity not in ("error", "warning"):
        raise ValueError(f"{name}.sql: its head must state the invariant, the frames and where it belongs")
    offenders, _, numbers = text.partition(";\n")
    return Check(
        name,
        invariant,
        cast(Severity, severity),
        on,
        head.get("blocking", "yes") == "yes",
        when,
        frames,
        _names(head.get("compares", "")),
        head.get("confirmed", "yes") == "yes",
        offenders,
        numbers.strip().rstrip(";"),
    )


def _names(value: str) -> tuple[str, ...]:
    return tuple(name for part in value.split(",") if (name := part.strip()))
