"""The frames that checks read, by name: what the state store says, what the index holds, what sources say.

A builder takes a look and gives a frame of a named schema. A new frame is a function and a line here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import polars as pl

from vector_pipeline.consistency.frames.documents import quarantined, uncut
from vector_pipeline.consistency.frames.points import counts, derived, indexed, kept_back, known, recorded, settled
from vector_pipeline.consistency.frames.vectors import vectors
from vector_pipeline.consistency.look import Look

FRAMES: Mapping[str, Callable[[Look], pl.DataFrame]] = {
    "counts": counts,
    "derived": derived,
    "indexed": indexed,
    "kept_back": kept_back,
    "known": known,
    "quarantined": quarantined,
    "recorded": recorded,
    "settled": settled,
    "uncut": uncut,
    "vectors": vectors,
}
"""Every frame, with what makes it."""
