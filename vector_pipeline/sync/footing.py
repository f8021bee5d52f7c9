"""What the documents stage can build on: whether the held documents are all of one known state of the source.

A run that dies half way leaves some documents of one state and some of another, and the source's cursor names
only the former: a delta from there misses what has gone back since. So a run says beforehand that it is about to
write, and under which settings; one that finds such a note lists everything. So does one that comes after a run which
brought in only a part.
"""

from __future__ import annotations

from dataclasses import dataclass

from vector_pipeline.state.store import StateStore
from vector_pipeline.sync.stages import DOCUMENTS

_FINISHED, _UNFINISHED, _IN_PART, _UNTOUCHED = range(4)
"""What stands in the cursor of the stage. The last two: a run left out changes that it knew of; by the last nothing was
written, so that a delta may still be built upon what was held before.
"""
_SEVERAL = bytes(16)
"""In place of a configuration: the held documents were read under more than one."""


@dataclass(frozen=True, slots=True)
class Footing:
    """`is_mixed`: held documents may have been read under other settings. `is_firm`: a delta may be built upon."""

    is_mixed: bool
    is_firm: bool


def find_footing(store: StateStore, partition_id: int, config: bytes, *, holds_documents: bool) -> Footing:
    """How firm the ground is for a run under this configuration."""
    cursor = store.cursor(partition_id, DOCUMENTS)
    mixed = holds_documents and (cursor is None or cursor.config_hash != config)
    finished = cursor is not None and cursor.revision in (_FINISHED, _UNTOUCHED)
    return Footing(mixed, finished and not mixed)


def is_unfinished(store: StateStore, partition_id: int) -> bool:
    """Whether the last run of the documents stage stopped after it had begun to write."""
    cursor = store.cursor(partition_id, DOCUMENTS)
    return cursor is not None and cursor.revision == _UNFINISHED


def is_in_part(store: StateStore, partition_id: int) -> bool:
    """Whether the last run of the documents stage left out changes that it knew of."""
    cursor = store.cursor(partition_id, DOCUMENTS)
    return cursor is not None and cursor.revision in (_IN_PART, _UNTOUCHED)


def partitions_in_part(store: StateStore) -> set[int]:
    """The numbers of the partitions of which that is so."""
    return {number for number, state in store.reached(DOCUMENTS).items() if state in (_IN_PART, _UNTOUCHED)}


def record_start(store: StateStore, partition_id: int, config: bytes, footing: Footing) -> None:
    """Notes that documents are about to be written."""
    store.set_cursor(partition_id, DOCUMENTS, _SEVERAL if footing.is_mixed else config, _UNFINISHED)


def record_end(store: StateStore, partition_id: int, config: bytes) -> None:
    """Notes that all documents are of the state whose scan was recorded."""
    store.set_cursor(partition_id, DOCUMENTS, config, _FINISHED)


def record_part(store: StateStore, partition_id: int, config: bytes, footing: Footing, *, wrote: bool) -> None:
    """Notes that changes were left out, and whether documents were written."""
    state = _UNTOUCHED if footing.is_firm and not wrote else _IN_PART
    store.set_cursor(partition_id, DOCUMENTS, _SEVERAL if footing.is_mixed else config, state)
