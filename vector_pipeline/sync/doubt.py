"""Whether the record of what a collection holds can be believed, partition by partition.

The usual run believes the record and asks the index nothing. Doubt is noted before a run begins to write and
taken back when it has finished, so a run that died leaves it behind; a failed check notes it too. The next run of
a doubted partition compares everything with the index itself.
"""

from __future__ import annotations

from vector_pipeline.state.store import StateStore
from vector_pipeline.sync.stages import POINTS

_SETTLED, _DOUBTED = 0, 1


def is_doubted(store: StateStore, partition_id: int, target: int, config: bytes) -> bool:
    """Whether the record may be wrong: noted, or made under another configuration (another place of the index)."""
    cursor = store.cursor(partition_id, _stage(target))
    return cursor is not None and (cursor.revision == _DOUBTED or cursor.config_hash != config)


def is_unwritten(store: StateStore, partition_id: int, target: int) -> bool:
    """Whether no run of the partition has ever written to the target, as far as the record knows."""
    return store.cursor(partition_id, _stage(target)) is None


def record_doubt(store: StateStore, partition_id: int, target: int, config: bytes) -> None:
    """Notes that the record may be wrong from now on."""
    store.set_cursor(partition_id, _stage(target), config, _DOUBTED)


def record_trust(store: StateStore, partition_id: int, target: int, config: bytes) -> None:
    """Notes that record and index are the same."""
    store.set_cursor(partition_id, _stage(target), config, _SETTLED)


def _stage(target: int) -> str:
    return f"{POINTS}-written-to-{target}"
