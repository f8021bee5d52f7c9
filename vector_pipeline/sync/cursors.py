"""How far a stage has come: the revision it has applied, under which configuration."""

from __future__ import annotations

from vector_pipeline.state.records import Partition
from vector_pipeline.state.store import StateStore
from vector_pipeline.sync.stages import Options

EVERYTHING = -1
"""Lower than any revision: the stage compares all rows."""


def stage_key(stage: str, config: bytes) -> str:
    """What a stage's cursor is kept under: each configuration has its own, so that two builds keep theirs apart."""
    return f"{stage}@{config.hex()[:16]}"


def record_revision(store: StateStore, partition: Partition, stage: str, config: bytes, revision: int) -> None:
    """Records how far a stage has come; `revision` must be one read before the stage looked for its work."""
    store.set_cursor(partition.partition_id, stage_key(stage, config), config, revision)


def after_revision(store: StateStore, partition: Partition, stage: str, config: bytes, options: Options) -> int:
    """The revision after which the stage has to look: all of them where the configuration is another."""
    cursor = store.cursor(partition.partition_id, stage_key(stage, config))
    if options.full or cursor is None or cursor.config_hash != config:
        return EVERYTHING
    return cursor.revision


def reached_revision(store: StateStore, partition: Partition, stage_before: str, config_before: bytes) -> int:
    """The revision up to which a stage can be finished: as far as the stage before it has come, no further.

    Runs may overlap, one stage of each in turn, and stages may be run by themselves: what the stage before has
    not seen yet is looked at again once it has.
    """
    cursor = store.cursor(partition.partition_id, stage_key(stage_before, config_before))
    if cursor is None or cursor.config_hash != config_before:
        return EVERYTHING
    return min(cursor.revision, partition.revision)


def is_behind(store: StateStore, partition: Partition, stage: str, config: bytes) -> bool:
    """Whether the stage has rows to look at."""
    cursor = store.cursor(partition.partition_id, stage_key(stage, config))
    return cursor is None or cursor.config_hash != config or cursor.revision < partition.revision
