"""How many runs go at once, and how many steps share a pool. Models only."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from vector_pipeline.settings_values import Section

Pool = Literal["git", "local_files", "confluence", "jira", "public_docs", "embedding", "index"]
"""The pools by name: one for reading from sources of each type, one for embedding, one for writing to the index."""


class QueueSettings(Section):
    """How many runs go at once while Dagster runs. A change holds from the next run on; nothing needs a restart."""

    runs: int = Field(4, ge=1, le=64, description="Runs under way at once; one more waits in the queue.")
    bulk: int = Field(
        2,
        ge=1,
        le=64,
        description="Of these, runs at most that may take long: backfills, first syncs, full listings. What is left is "
        "for changes. Below every limit in `pools`, too, or bulk work may hold a whole pool for a while.",
    )
    pools: dict[Pool, Annotated[int, Field(ge=1, le=1000)]] = Field(
        default_factory=dict,
        description="Steps at once in a pool: git, local_files, confluence, jira, public_docs (reading from sources of "
        "the type), embedding, index. One that is not named keeps what Dagster says, 3 by default.",
    )

    @model_validator(mode="after")
    def _leaves_room(self) -> QueueSettings:
        if self.bulk >= self.runs > 1:
            raise ValueError(f"bulk must be below runs ({self.runs}), or changes wait for all bulk work")
        return self
