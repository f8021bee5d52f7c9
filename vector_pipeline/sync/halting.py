"""Where the work of a stage may end early: between two batches, all of which are recorded by then."""

from __future__ import annotations

from collections.abc import Callable

Between = Callable[[], None]
"""Called between two batches; what it raises ends the work."""


class Halted(Exception):
    """The work of a stage was ended between two batches."""


def nothing() -> None:
    """Lets the work go on."""
