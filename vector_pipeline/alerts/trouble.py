"""What can be wrong, as a plain value: names, counts and times, and where the Dagster UI shows it.

A trouble never holds text of documents, and nothing in it can break a line or turn the direction of writing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args
from urllib.parse import quote

from vector_pipeline.settings_alerts import Severity

Kind = Literal["run", "brake", "check", "behind", "sensor", "schedule", "unseen", "channel", "more", "test"]
"""A failed run, the brake on deletions, a failed check, a source behind its limit, a sensor or schedule whose ticks
fail, troubles that could not be looked for, a channel that takes nothing, troubles beyond the limit, a test."""

KINDS: tuple[Kind, ...] = get_args(Kind)
MOST_CHARACTERS = 500


@dataclass(frozen=True, slots=True)
class Trouble:
    """One thing that is wrong now.

    `key` names it as long as it lasts; `title` says it in one line; `facts` are further names, counts and times;
    `path` is its page below the address of the Dagster UI. `source` is a partition ("git/handbook") or "".
    """

    key: str
    kind: Kind
    severity: Severity
    title: str
    source: str = ""
    facts: tuple[tuple[str, str | int], ...] = ()
    path: str = ""


def one_line(text: str, most: int = MOST_CHARACTERS) -> str:
    """The text on one line, cut to `most` characters, without characters that can't be seen."""
    shown = "".join(mark if mark.isprintable() else " " for mark in text[: most + 1])
    return shown if len(shown) <= most else shown[: most - 1] + "…"


def ui_path(*parts: str, **query: str) -> str:
    """A path of the Dagster UI, every part percent-encoded, with its query."""
    path = "".join(f"/{quote(part, safe='')}" for part in parts)
    asked = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in query.items())
    return f"{path}?{asked}" if asked else path


def to_json(trouble: Trouble) -> dict[str, object]:
    """The trouble as plain values; `from_json` reads them back."""
    return {
        "key": trouble.key,
        "kind": trouble.kind,
        "severity": trouble.severity,
        "title": trouble.title,
        "source": trouble.source,
        "facts": dict(trouble.facts),
        "path": trouble.path,
    }


def from_json(found: Mapping[str, object]) -> Trouble:
    """The trouble that `to_json` wrote. Raises ValueError, KeyError or TypeError on anything else."""
    facts, severity = found["facts"], found["severity"]
    kind = next(one for one in (*KINDS, None) if one == found["kind"] or one is None)
    if kind is None or (severity != "error" and severity != "warning") or not isinstance(facts, dict):
        raise ValueError("not a trouble")
    return Trouble(
        str(found["key"]),
        kind,
        severity,
        str(found["title"]),
        str(found["source"]),
        tuple((str(name), value if isinstance(value, int) else str(value)) for name, value in facts.items()),
        str(found["path"]),
    )


def duration_words(seconds: float) -> str:
    """A time span in its largest unit: "2 h"."""
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= size:
            return f"{int(seconds // size)} {unit}"
    return f"{max(0, int(seconds))} s"


def time_words(moment: datetime) -> str:
    """A moment to the second."""
    return moment.strftime("%Y-%m-%d %H:%M:%S %Z").strip()
