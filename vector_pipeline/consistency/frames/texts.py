"""The frame of texts that stand in several places: whole documents first, then chunks of documents that differ."""

from __future__ import annotations

import polars as pl

from vector_pipeline.consistency.look import Look
from vector_pipeline.state.shared_texts import CHUNK, DOCUMENT, SharedText, SharedTotals

SHARED = pl.Schema(
    {
        "kind": pl.String,
        "partition": pl.String,
        "document_id": pl.Binary,
        "size": pl.Int64,
        "documents": pl.Int64,
        "places": pl.String,
    }
)
"""One row per text: `size` in bytes, how many `documents` hold it, and the first of them."""

SHARED_TOTALS = pl.Schema({"kind": pl.String, "texts": pl.Int64, "documents": pl.Int64, "repeated": pl.Int64})
"""All of them by kind; `repeated`: bytes that are there more than once."""

MOST_TEXTS = 50
"""Texts of a kind that are listed: those that repeat the most bytes."""

MOST_PLACES = 4


def shared(look: Look) -> pl.DataFrame:
    """The texts that repeat the most bytes, as SHARED."""
    store, chunking = look.pipeline.store, look.pipeline.chunking
    rows = []
    for kind in (DOCUMENT, CHUNK):
        found = _shared(look, kind, MOST_TEXTS)[1]
        for one in found:
            places = store.places(kind, one.text_no, chunking, MOST_PLACES)
            if not places:
                continue  # deleted a moment ago
            named = [f"{place.partition} {_readable(place.native_id)}" for place in places]
            named += ["…"] if one.documents > len(places) else []
            rows.append((kind, places[0].partition, places[0].document_id, one.size, one.documents, ", ".join(named)))
    return pl.DataFrame(rows, schema=SHARED, orient="row")


def shared_totals(look: Look) -> pl.DataFrame:
    """How much is there more than once, as SHARED_TOTALS."""
    totals = {kind: _shared(look, kind, 0)[0] for kind in (DOCUMENT, CHUNK)}
    rows = [(kind, one.groups, one.documents, one.repeated) for kind, one in totals.items()]
    return pl.DataFrame(rows, schema=SHARED_TOTALS, orient="row")


def _readable(native_id: bytes) -> str:
    """The id as a person reads it; what can't be printed is replaced."""
    text = native_id.decode("utf-8", "replace")
    return "".join(mark if mark.isprintable() else "\N{REPLACEMENT CHARACTER}" for mark in text)


def _shared(look: Look, kind: str, limit: int) -> tuple[SharedTotals, list[SharedText]]:
    pipeline = look.pipeline
    above = pipeline.settings.checks.shared_text
    return pipeline.store.shared_texts(kind, above, look.partition_number(), pipeline.chunking, limit)
