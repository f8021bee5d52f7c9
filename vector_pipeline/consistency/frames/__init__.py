"""The frames that checks read, by name: what the state store says, what the index holds, what sources say.

A builder takes a look and gives a frame of a named schema. A new frame is a function and a line here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import polars as pl

from vector_pipeline.consistency.frames.contents import contents
from vector_pipeline.consistency.frames.coverage import coverage
from vector_pipeline.consistency.frames.documents import quarantined, uncut
from vector_pipeline.consistency.frames.history import (
    built,
    changes,
    changing,
    ingestions,
    last_changes,
    materialized,
    returns,
)
from vector_pipeline.consistency.frames.points import counts, derived, indexed, kept_back, known, recorded, settled
from vector_pipeline.consistency.frames.quarantine import waiting
from vector_pipeline.consistency.frames.retrieval import retrieval
from vector_pipeline.consistency.frames.sources import sites, sources
from vector_pipeline.consistency.frames.spot_check import spot_check
from vector_pipeline.consistency.frames.texts import shared, shared_totals
from vector_pipeline.consistency.look import Look

FRAMES: Mapping[str, Callable[[Look], pl.DataFrame]] = {
    "built": built,
    "changes": changes,
    "changing": changing,
    "contents": contents,
    "counts": counts,
    "coverage": coverage,
    "derived": derived,
    "indexed": indexed,
    "ingestions": ingestions,
    "kept_back": kept_back,
    "known": known,
    "last_changes": last_changes,
    "materialized": materialized,
    "quarantined": quarantined,
    "recorded": recorded,
    "retrieval": retrieval,
    "returns": returns,
    "settled": settled,
    "shared": shared,
    "shared_totals": shared_totals,
    "sites": sites,
    "sources": sources,
    "spot_check": spot_check,
    "uncut": uncut,
    "waiting": waiting,
}
"""Every frame, with what makes it."""

OF_A_COLLECTION = frozenset({"contents", "counts", "coverage", "indexed", "recorded", "retrieval", "uncut"})
"""Those of points and chunks: what they say of one collection says nothing of another."""
