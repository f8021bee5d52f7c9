"""What a follower did, added to what the stage itself does afterwards: a run's numbers are the same either way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from vector_pipeline.sync.stages import EMBEDDINGS, POINTS, StageResult

_ADDED_UP = frozenset(
    ("chunked", "chunks", "removed", "failed", "embedded", "tokens", "cost", "upserted", "deleted", "kept_back")
)
_LIVE = "live "


def own_part(result: StageResult, earlier: Mapping[str, float]) -> StageResult:
    """The result of a later stage without what the run has recorded of the stage before (`earlier`).

    Texts that the run embedded ahead have their vector by then, and are not reused for that.
    """
    if result.stage != EMBEDDINGS:
        return result
    reused = max(0, result.counts["reused"] - earlier.get("embedded", 0) - earlier.get("failed", 0))
    return replace(result, counts={**result.counts, "reused": reused})


def whole(own: StageResult, earlier: Mapping[str, float]) -> StageResult:
    """The result of a later stage with what the run has recorded of it before."""
    before = {name: number for name, number in earlier.items() if name.removeprefix(_LIVE) in _ADDED_UP}
    counts = {name: own.counts.get(name, 0) + before.get(name, 0) for name in {**own.counts, **before}}
    failed = before.get("kept_back" if own.stage == POINTS else "failed", 0)
    return replace(own, counts=counts, failed=own.failed + int(failed))
