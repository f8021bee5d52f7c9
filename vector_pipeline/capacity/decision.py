"""What follows from a measurement: smaller batches above a mark, larger ones below another, and how long to wait.

Pure functions. Memory is given in bytes, processor time in seconds over all cores.
"""

from __future__ import annotations

from dataclasses import dataclass

SMALLEST = 1 / 64
"""The smallest share of a configured batch."""

_HIGH, _LOW = 0.9, 0.75
"""Shares of the memory ceiling: above the first batches shrink, below the second they grow."""

_GROWTH = 1.5
_LONGEST_PAUSE = 5.0


@dataclass(frozen=True, slots=True)
class Ceilings:
    """What a run may take: `memory` with the processes it starts, `cores` on average (0: as many as there are).

    `reserve` is the memory that the machine is left for others. `is_strict`: a run that can't keep below `memory`
    fails instead of going on with the smallest batches.
    """

    memory: int
    reserve: int
    cores: float = 0.0
    is_strict: bool = False


@dataclass(frozen=True, slots=True)
class Measure:
    """What was in use at a moment: `memory` of the run's processes, `free` of the machine's."""

    memory: int
    free: int


def room(measure: Measure, ceilings: Ceilings) -> int:
    """How much more memory may be taken; negative where it is too much already."""
    return min(ceilings.memory - measure.memory, measure.free - ceilings.reserve)


def is_full(measure: Measure, ceilings: Ceilings) -> bool:
    """Whether batches have to shrink and workers wait."""
    return measure.memory > _HIGH * ceilings.memory or measure.free < ceilings.reserve


def next_factor(factor: float, measure: Measure, ceilings: Ceilings) -> float:
    """The share of the configured batches to work with, after one of `factor`: between SMALLEST and 1."""
    if is_full(measure, ceilings):
        return max(SMALLEST, factor / 2)
    if measure.memory < _LOW * ceilings.memory:
        return min(1.0, factor * _GROWTH)
    return factor


def allowance(most: int, each: int, factor: float, measure: Measure, ceilings: Ceilings) -> int:
    """How many units to work on at once, of which each takes about `each` bytes: at least one, at most `most`.

    Never more than fit into a quarter of the room, since all four stages may take of it at the same time.
    """
    fitting = max(0, room(measure, ceilings)) // (4 * max(1, each))
    return max(1, min(int(most * factor), fitting))


def pause(used: float, elapsed: float, cores: float) -> float:
    """Seconds to wait so that `used` processor seconds in `elapsed` are no more than `cores` on average; 0 for none."""
    return min(_LONGEST_PAUSE, max(0.0, used / cores - elapsed)) if cores else 0.0
