"""The frame of quarantine: what waits there, for how long, and how much of its source that is."""

from __future__ import annotations

import polars as pl

from vector_pipeline.consistency.look import Look

WAITING = pl.Schema(
    {
        "partition": pl.String,
        "document_id": pl.Binary,
        "stage": pl.String,
        "permanent": pl.Boolean,
        "attempts": pl.Int64,
        "is_over": pl.Boolean,
        "age": pl.Float64,
        "held": pl.Int64,
        "most_documents": pl.Int64,
        "most_share": pl.Float64,
        "most_age": pl.Float64,
    }
)
"""One row per document and stage. `age`: seconds since it first failed; `is_over`: no attempt will be made by itself;
`held`: the live documents of the partition. The last three are the limits of the settings.
"""


def waiting(look: Look) -> pl.DataFrame:
    """What is in quarantine, as WAITING."""
    store, limits = look.pipeline.store, look.pipeline.settings.checks
    rows = store.quarantined(look.partition_number())
    held = {
        one.name: store.count_documents(one.partition_id)
        for one in store.partitions()
        if look.partition in (None, one.name)
    }
    return rows.with_columns(
        stage=pl.col("stage").map_elements(look.pipeline.shown_stage, pl.String),
        is_over=pl.col("retry_at").is_null(),
        age=(pl.lit(look.now) - pl.col("first_at")).dt.total_seconds(fractional=True),
        held=pl.col("partition").replace_strict(held, default=0, return_dtype=pl.Int64),
        most_documents=pl.lit(limits.quarantine_documents, pl.Int64),
        most_share=pl.lit(limits.quarantine_share, pl.Float64),
        most_age=pl.lit(limits.quarantine_age.total_seconds(), pl.Float64),
    ).select(list(WAITING))
