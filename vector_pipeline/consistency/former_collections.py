"""Former collections: those that searches have left, dropped when there was time enough to go back.

Never the one that searches use, never the one of the settings, and never one that is not recorded as written by us.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from vector_pipeline.consistency.prunable import Kind, Prunable
from vector_pipeline.state.records import Target
from vector_pipeline.sync.pipeline import Pipeline

KIND = "former collections"


@dataclass(frozen=True, slots=True)
class CollectionPlan:
    """Collections to drop, and those whose time is still to come."""

    drop: tuple[Target, ...]
    waiting: tuple[Target, ...]


def plan_collections(targets: Sequence[Target], alias: str | None, current: str, before: datetime) -> CollectionPlan:
    """Which recorded collections may go: neither searched nor of the settings, and retired by `before`.

    While no collection is searched none goes: it may be the last that is whole. One whose retirement was never
    recorded waits until it has been.
    """
    if alias is None:
        return CollectionPlan((), ())
    former = [target for target in targets if target.collection not in (alias, current)]
    drop = tuple(target for target in former if target.retired_at is not None and target.retired_at <= before)
    return CollectionPlan(drop, tuple(target for target in former if target not in drop))


def former_collections(pipeline: Pipeline, now: datetime, retention: timedelta) -> Kind:
    """The former collections as a kind; their time is `retention`, zero for at once."""
    before = now - retention

    def plan() -> CollectionPlan:
        searched = pipeline.index.alias(pipeline.settings.index.alias)
        return plan_collections(pipeline.store.target_records(), searched, pipeline.collection, before)

    def find() -> Prunable:
        found = plan()
        # Those never recorded as retired would be so first; at once means them, too.
        drop = [*found.drop, *(t for t in found.waiting if t.retired_at is None and retention == timedelta(0))]
        return _described(pipeline, drop, len(found.drop) + len(found.waiting) - len(drop))

    def free() -> Prunable:
        pipeline.store.retire_targets([t.collection for t in plan().waiting if t.retired_at is None], now)
        found = plan()
        described = _described(pipeline, found.drop, len(found.waiting))
        for target in found.drop:
            _drop(pipeline, target.collection)
        return described

    return Kind(KIND, find, free)


def _drop(pipeline: Pipeline, collection: str) -> None:
    """Drops one collection, then what is recorded of it: were the process to end in between, the record remains, and
    with it the knowledge that the collection was ours.

    Searches don't move meanwhile, nor is the collection made.
    """
    alias = pipeline.settings.index.alias
    with pipeline.store.lock(f"alias {alias}"), pipeline.store.lock(f"collection {collection}"):
        if pipeline.index.alias(alias) not in (None, collection):
            pipeline.index.drop(collection)
            pipeline.store.drop_target(collection)


def _described(pipeline: Pipeline, targets: Sequence[Target], waiting: int) -> Prunable:
    existing = set(pipeline.index.collections()) if targets else set()
    names = tuple(target.collection for target in targets)
    size = sum(pipeline.index.info(name).disk_bytes for name in names if name in existing)
    oldest = min((target.retired_at for target in targets if target.retired_at), default=None)
    return Prunable(KIND, len(names), size or None, oldest, waiting, names)
