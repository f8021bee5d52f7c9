"""How long what is no longer needed is kept before `prune` removes it. Models only."""

from __future__ import annotations

from datetime import timedelta

from pydantic import Field

from vector_pipeline.settings_values import Duration, Section


class RetentionSettings(Section):
    """How long `prune` keeps what is no longer needed. Nothing here is removed by itself, unless `schedule` is on."""

    embeddings: Duration = Field(
        timedelta(days=30),
        description="How long texts that nothing refers to are kept with their vectors, and vectors of models that no "
        "collection uses. Within it, a change that is reverted embeds nothing.",
    )
    collections: Duration = Field(
        timedelta(days=14), description="How long a former collection, and what a restore put aside, is kept."
    )
    deleted_documents: Duration = Field(
        timedelta(days=90), description="How long the row of a deleted document is kept, with its history."
    )
    history: Duration = Field(
        timedelta(days=180),
        description="How long the history of runs and documents is kept; the latest runs of each source always stay.",
    )
    runs: Duration = Field(
        timedelta(days=60), description="How long finished runs are kept in Dagster; the latest of each kind stay."
    )
    caches: Duration = Field(
        timedelta(days=7), description="How long mirrors of sources that left the settings are kept."
    )
    schedule: bool = Field(False, description="Prune every week, while Dagster runs.")
