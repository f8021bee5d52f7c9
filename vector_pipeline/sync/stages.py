"""The four stages by name, and what a stage returns. The order is the order of the flow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

DOCUMENTS = "documents"
CHUNKS = "chunks"
EMBEDDINGS = "embeddings"
POINTS = "points"

STAGES = (DOCUMENTS, CHUNKS, EMBEDDINGS, POINTS)


class Mode(StrEnum):
    """Which of the changes a run brings in."""

    AUTO = "auto"
    """All of them."""
    ADD_ONLY = "add-only"
    """Only documents that are not held."""
    UPDATE_ONLY = "update-only"
    """Only changes of documents that are held."""
    SKIP_EXISTING = "skip-existing"
    """New documents come, gone ones go; those that are held are not read again."""


@dataclass(frozen=True, slots=True)
class Options:
    """How a run differs from the usual one.

    `full` lists everything and compares everything. `allow_deletions` releases the brake on mass deletion. `force`
    processes the selected documents again though they have not changed. `mode`, `since` (a moment with its offset),
    `limit` (documents read) and `only` (patterns, see `selection`) select a part of the changes.
    """

    full: bool = False
    allow_deletions: bool = False
    force: bool = False
    mode: Mode = Mode.AUTO
    since: datetime | None = None
    limit: int | None = None
    only: tuple[str, ...] = ()

    @property
    def is_partial(self) -> bool:
        """Whether the run may leave out changes that it knows of."""
        return self.mode != Mode.AUTO or self.since is not None or self.limit is not None or bool(self.only)

    @property
    def removes_sources(self) -> bool:
        """Whether the run may delete a whole source that left the settings."""
        return self.deletes and not self.only

    @property
    def deletes(self) -> bool:
        """Whether the run may delete what the source proves gone."""
        return self.mode in (Mode.AUTO, Mode.SKIP_EXISTING) and self.since is None and self.limit is None


@dataclass(frozen=True, slots=True)
class StageResult:
    """What a stage did to a partition.

    `rows` is how many rows (documents, chunks, embeddings, points) the partition holds in this stage afterwards,
    `counts` what changed, `version` names the stage's output, `failed` how many documents are in quarantine.
    """

    partition: str
    stage: str
    version: str
    rows: int
    counts: Mapping[str, int | float] = field(default_factory=dict)
    failed: int = 0
    source_version: str = ""
    seconds: float = 0.0
