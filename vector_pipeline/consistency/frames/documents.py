"""Frames about documents: those in quarantine, and those with text that were never cut."""

from __future__ import annotations

import polars as pl

from vector_pipeline.consistency.look import Look

UNCUT = pl.Schema({"partition": pl.String, "document_id": pl.Binary})
QUARANTINED = pl.Schema(
    {"partition": pl.String, "document_id": pl.Binary, "stage": pl.String, "reason": pl.String, "documents": pl.Int64}
)
_MOST = 10_000
"""Documents without chunks that are listed of one partition."""


def quarantined(look: Look) -> pl.DataFrame:
    """What is in quarantine, as QUARANTINED; `documents` is how many live ones the partition holds."""
    store = look.pipeline.store
    rows = store.quarantined(look.partition_number())
    held = {one.name: store.count_documents(one.partition_id) for one in store.partitions()}
    return rows.with_columns(
        stage=pl.col("stage").map_elements(look.pipeline.shown_stage, pl.String),
        documents=pl.col("partition").replace_strict(held, default=0, return_dtype=pl.Int64),
    ).select(list(QUARANTINED))


def uncut(look: Look) -> pl.DataFrame:
    """Live documents with text and without chunks, as UNCUT."""
    store = look.pipeline.store
    rows = [
        (one.name, document_id)
        for one in store.partitions()
        if look.partition in (None, one.name)
        for document_id in store.documents_without_chunks(one.partition_id, look.pipeline.chunking, _MOST)
    ]
    return pl.DataFrame(rows, schema=UNCUT, orient="row")
