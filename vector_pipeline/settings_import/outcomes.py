"""What becomes of each part of a foreign settings file: the record, and the view of the file that keeps it.

The one idea: whoever takes a value says what became of it, and what nobody took is told at the end; so nothing of the
file is dropped in silence. No outcome ever holds a value: it may be a secret.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from vector_pipeline.settings_yaml import Location

Kind = Literal["carried", "differs", "secret", "not needed", "missing"]
"""What became of a value:

"carried" over as it is; carried over but "differs" in what it does; a "secret" that was written out and must be set in
the environment; "not needed", as nothing depends on it here; "missing" here, so that what is indexed may differ.
"""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a part of their file: its place there, its place in ours ("" none), and why or how."""

    where: Location
    kind: Kind
    target: str = ""
    note: str = ""

    @property
    def place(self) -> str:
        """The place in their file, as people write it."""
        return ".".join(map(str, self.where)) or "the file"


class Given:
    """A mapping of their file. Values are taken by key; `outcomes` is shared by all parts of the file."""

    def __init__(self, value: Any, where: Location, outcomes: list[Outcome]) -> None:
        self._value: Mapping[str, Any] = value if isinstance(value, dict) else {}
        self.where = where
        self.outcomes = outcomes
        self._open = dict.fromkeys(self._value)

    def peek(self, key: str) -> Any:
        """The value of a key, None where there is none, without taking it."""
        return self._value.get(key)

    def take(self, key: str, kind: Kind = "carried", target: str = "", note: str = "") -> Any:
        """The value of a key, whose outcome is this; None where there is none or where it is empty."""
        self._open.pop(key, None)
        value = self._value.get(key)
        if value is not None:
            self.note(key, kind, target, note)
        return value

    def note(self, key: str | None, kind: Kind, target: str = "", note: str = "") -> None:
        """Adds an outcome of a key, or of the whole part."""
        where = self.where if key is None else (*self.where, key)
        self.outcomes.append(Outcome(where, kind, target, note))

    def inside(self, key: str) -> Given:
        """The mapping below a key; an empty one where there is none."""
        value = self._value.get(key)
        if isinstance(value, dict):
            self._open.pop(key, None)
        return Given(value, (*self.where, key), self.outcomes)

    def __iter__(self) -> Iterator[str]:
        """All keys, in their order."""
        return iter(self._value)

    def untaken(self) -> list[str]:
        """The keys nobody has taken yet."""
        return list(self._open)

    def __bool__(self) -> bool:
        return bool(self._value)


def leaves(value: Any, where: Location = ()) -> Iterator[tuple[Location, Any]]:
    """Every place of a file that holds a value, or an empty mapping or list."""
    if value and isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, (*where, key))
    elif value and isinstance(value, list):
        for position, inner in enumerate(value):
            yield from leaves(inner, (*where, position))
    else:
        yield where, value


def untold(value: Any, outcomes: list[Outcome]) -> Iterator[tuple[Location, Any]]:
    """The places of a file that no outcome tells of.

    A place is told by an outcome of its own, by that of the list it is in, or by one that leaves out a whole part.
    """
    told = {outcome.where for outcome in outcomes}
    left_out = {outcome.where for outcome in outcomes if not outcome.target}
    for where, leaf in leaves(value):
        around = (where[:length] for length in range(len(where)))
        if where not in told and not any(
            part in left_out or (part in told and isinstance(where[len(part)], int)) for part in around
        ):
            yield where, leaf
