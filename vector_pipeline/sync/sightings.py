"""Since when a source is seen to differ from what was built, or does not answer: noted look by look, in the store.

An observation holds what was seen last and no more. Only a turn for the better or the worse is written.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from vector_pipeline.state.store import StateStore

DIFFERS, UNANSWERED = "seen-to-differ", "unanswered"
"""The notes, kept beside the stages' cursors: since when, as microseconds since 1970; 0 where it is not so."""

_NO_CONFIG = bytes(16)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def record_sighting(store: StateStore, partition_id: int, version: str | None, at: datetime) -> None:
    """Notes what a look at a source says of how far it is: its version, or None where it did not answer."""
    _note(store, partition_id, UNANSWERED, version is None, at)
    if version is not None:
        _note(store, partition_id, DIFFERS, version != store.built_version(partition_id), at)


def record_caught_up(store: StateStore, partition_id: int, began: datetime) -> None:
    """Notes that a run begun at that time has brought in all of the source: what was seen before is done with.

    What was seen to differ meanwhile counts from that look on.
    """
    seen = store.observation(partition_id)
    later = seen is not None and seen[1] > began and seen[0] != store.built_version(partition_id)
    _note(store, partition_id, DIFFERS, False, began)
    if seen is not None and later:
        _note(store, partition_id, DIFFERS, True, seen[1])


def sighted_since(store: StateStore, note: str) -> dict[int, datetime]:
    """Since when it is so (DIFFERS or UNANSWERED), by number of the partition; only where it is."""
    return {number: _EPOCH + _MICROSECOND * since for number, since in store.reached(note).items() if since}


def _note(store: StateStore, partition_id: int, note: str, is_so: bool, at: datetime) -> None:
    held = store.cursor(partition_id, note)
    if is_so != bool(held and held.revision):
        store.set_cursor(partition_id, note, _NO_CONFIG, (at - _EPOCH) // _MICROSECOND if is_so else 0)
