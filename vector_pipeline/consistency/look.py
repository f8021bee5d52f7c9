"""One look at the system: the frames that checks compare, each built once, when the first check asks for it.

A look may be of one partition or of all; at the points last written, at a sample, or at everything. Samples rotate:
they follow from the look's `seed`, so that looks at other times see others, and a second look the same.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import Enum

import polars as pl

from vector_pipeline.errors import PipelineError
from vector_pipeline.sync.pipeline import Pipeline

ROTATION_SECONDS = 600
"""A sample is another one after so long."""


class Depth(Enum):
    """How much is read where reading all would cost too much for every time."""

    LATEST = "latest"
    SAMPLE = "sample"
    FULL = "full"


def seed_of(moment: float) -> int:
    """The seed of looks at that time (seconds since the epoch)."""
    return int(moment) // ROTATION_SECONDS


@dataclass(frozen=True, slots=True)
class Look:
    """What is looked at. `builders` make frames by name; `partition` None is all of them.

    `suspects` (OFFENDERS) are what an earlier look found: a sample then consists of them alone.
    """

    pipeline: Pipeline
    builders: Mapping[str, Callable[[Look], pl.DataFrame]]
    partition: str | None = None
    depth: Depth = Depth.SAMPLE
    seed: int = field(default_factory=lambda: seed_of(time.time()))
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    suspects: pl.DataFrame | None = None
    _frames: dict[str, pl.DataFrame | PipelineError] = field(default_factory=dict)

    def frame(self, name: str) -> pl.DataFrame:
        """The frame of that name, built at the first call. Raises PipelineError, the same at every call."""
        if name not in self._frames:
            try:
                self._frames[name] = self.builders[name](self)
            except PipelineError as error:
                # What can't be reached is asked once a look, not by every check that needs it.
                self._frames[name] = error
        found = self._frames[name]
        if isinstance(found, PipelineError):
            raise found
        return found

    def release(self, needed: Iterable[str]) -> None:
        """Gives up the memory of all frames but those still needed."""
        for name in self._frames.keys() - set(needed):
            del self._frames[name]

    def again(self, partition: str, suspects: pl.DataFrame) -> Look:
        """A fresh look at what an earlier one found wrong in a partition."""
        return replace(self, partition=partition, suspects=suspects, _frames={})

    def partition_number(self) -> int | None:
        """The store's number of the partition looked at; None for all, -1 (which no row has) for one unknown."""
        if self.partition is None:
            return None
        known = {one.name: one.partition_id for one in self.pipeline.store.partitions()}
        return known.get(self.partition, -1)
