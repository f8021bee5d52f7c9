"""The collections of ours as people ask for them: what each holds, what it was made from, who uses it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from vector_pipeline.state.records import Target
from vector_pipeline.state.targets_table import BUILDING, FORMER, LIVE, REJECTED
from vector_pipeline.sync.builds import Progress, build_progress
from vector_pipeline.sync.pipeline import Pipeline

GONE = "gone"


@dataclass(frozen=True, slots=True)
class Listed:
    """One collection. `state`: live (searches use it), building (that of the settings, until they do), rejected (taken
    back by `rollback`), former, or gone (recorded, but deleted behind our back).

    `percent` is how far a building one is. What was never recorded of an old collection is "" or 0.
    """

    collection: str
    state: str
    percent: int
    points: int
    documents: int
    bytes: int
    model: str
    dimensions: int
    target_chars: int
    max_tokens: int
    bm25_language: str
    distance: str
    created_at: datetime | None
    complete_at: datetime | None
    retired_at: datetime | None

    def as_dict(self) -> dict[str, Any]:
        """By name."""
        return asdict(self)


def list_collections(pipeline: Pipeline) -> list[Listed]:
    """The collections that were written to from here: the live one first, then by when searches left them."""
    searched = pipeline.index.alias(pipeline.settings.index.alias)
    existing = set(pipeline.index.collections())
    progress = build_progress(pipeline)
    rows = [
        _listed(pipeline, target, _state(pipeline, target, searched, existing), existing, progress)
        for target in pipeline.store.target_records()
        # One that was only asked about, say by `status` after an edit of the settings, was never made.
        if target.collection in existing or target.created_at
    ]
    order = (LIVE, BUILDING, REJECTED, FORMER, GONE)
    rows.sort(key=lambda row: row.collection)
    rows.sort(key=lambda row: row.retired_at.timestamp() if row.retired_at else 0.0, reverse=True)
    return sorted(rows, key=lambda row: order.index(row.state))


def _state(pipeline: Pipeline, target: Target, searched: str | None, existing: set[str]) -> str:
    if target.collection not in existing:
        return GONE
    if target.collection == searched:
        return LIVE
    if target.state == REJECTED:
        return REJECTED
    return BUILDING if target.collection == pipeline.collection else FORMER


def _listed(pipeline: Pipeline, target: Target, state: str, existing: set[str], progress: Progress | None) -> Listed:
    made = target.settings or {}
    chunking, embedding = made.get("chunking", {}), made.get("embedding", {})
    here = target.collection in existing
    return Listed(
        collection=target.collection,
        state=state,
        percent=progress.percent if progress and target.collection == progress.collection else 100,
        points=pipeline.index.count(target.collection) if here else 0,
        documents=pipeline.store.count_pointed_documents(target.number),
        bytes=pipeline.index.info(target.collection).disk_bytes if here else 0,
        model=str(embedding.get("model") or embedding.get("provider") or ""),
        dimensions=int(embedding.get("dimensions", 0)),
        target_chars=int(chunking.get("target_chars", 0)),
        max_tokens=int(chunking.get("max_tokens", 0)),
        bm25_language=str(embedding.get("bm25_language", "")),
        distance=str(made.get("distance", "")),
        created_at=target.created_at,
        complete_at=target.complete_at,
        retired_at=target.retired_at,
    )
