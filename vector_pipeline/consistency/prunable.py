"""What `prune` may remove, kind by kind: each can be looked at, and freed.

The one idea: looking changes nothing, and freeing looks again. A kind that fails keeps the others from nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from vector_pipeline.errors import PipelineError


@dataclass(frozen=True, slots=True)
class Prunable:
    """What of one kind is (or was) past its retention: how many, bytes (None where not known), since when the oldest.

    `waiting` is how many more are no longer needed and wait for their time; `names` names few things one by one;
    `error` says what kept the kind from being looked at or freed.
    """

    kind: str
    number: int = 0
    size: int | None = None
    oldest: datetime | None = None
    waiting: int = 0
    names: tuple[str, ...] = ()
    error: str = ""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind: `find` says what could go, `free` removes it and says what went. Both raise PipelineError."""

    name: str
    find: Callable[[], Prunable]
    free: Callable[[], Prunable]


def find_all(kinds: Iterable[Kind]) -> list[Prunable]:
    """What could go of every kind. Changes nothing."""
    return [_tried(kind, kind.find) for kind in kinds]


def free_all(kinds: Iterable[Kind]) -> list[Prunable]:
    """Frees every kind in order; what went."""
    return [_tried(kind, kind.free) for kind in kinds]


def _tried(kind: Kind, action: Callable[[], Prunable]) -> Prunable:
    try:
        return action()
    except PipelineError as error:
        return Prunable(kind.name, error=str(error))
