"""The four stages by name, and what a stage returns. The order is the order of the flow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

DOCUMENTS = "documents"
CHUNKS = "chunks"
EMBEDDINGS = "embeddings"
POINTS = "points"

STAGES = (DOCUMENTS, CHUNKS, EMBEDDINGS, POINTS)


@dataclass(frozen=True, slots=True)
class Options:
    """How a run differs from the usual one.

    `full` lists everything and compares everything. `allow_deletions` releases the brake on mass deletion.
    """

    full: bool = False
    allow_deletions: bool = False


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
    counts: Mapping[str, int] = field(default_factory=dict)
    failed: int = 0
    source_version: str = ""
    seconds: float = 0.0
