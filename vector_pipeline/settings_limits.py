"""What a run may do and take at most: batches, delays, how far stages may run ahead, memory and processors.

What concerns one part alone stands with that part: `embedding` and `index` have batch sizes, time-outs and retries
of their own, and so has every source.
"""

from __future__ import annotations

from datetime import timedelta

from pydantic import Field

from vector_pipeline.settings_values import Duration, Section, Size


class LimitSettings(Section):
    """What a run may do at most."""

    brake_documents: int = Field(20, ge=0, description="Deletions up to this number are never stopped.")
    brake_share: float = Field(0.2, ge=0, le=1, description="Deletions up to this share of a source are never stopped.")
    sources_per_run: int = Field(1, ge=1, le=1000, description="Sources that share one Dagster run.")
    probes_at_once: int = Field(8, ge=1, le=64, description="Sources that are asked at once whether they changed.")
    quarantine_retry: Duration = Field(
        timedelta(minutes=10), description="First delay before a failed document is retried."
    )
    step_retries: int = Field(
        2, ge=0, le=20, description="Tries of a step after the first where a service does not answer."
    )
    step_retry_delay: Duration = Field(
        timedelta(seconds=5), description="Delay before a step is tried again, doubled after each try."
    )
    fetch_batch: int = Field(200, ge=1, le=10_000, description="Documents fetched and recorded at once.")
    fetch_text: int = Field(
        8_000_000, ge=10_000, description="Characters of fetched text recorded at once, whatever the documents."
    )
    chunk_text: int = Field(4_000_000, ge=10_000, description="Characters of text that are cut at once.")
    embed_window: int = Field(4096, ge=1, le=100_000, description="Texts in memory while they are embedded.")
    stream_above: int = Field(
        500, ge=0, description="Documents to read above which later stages work while the source is still read."
    )
    stream_lag: int = Field(
        2_000, ge=1, description="Documents that reading may be ahead of the later stages before it waits for them."
    )
    max_memory: Size | None = Field(
        None,
        ge=100_000_000,
        description="Memory a run may take with the processes it starts; empty is half of the machine's.",
    )
    max_cpu: float = Field(1.0, ge=0.05, le=1, description="Share of all processor cores that a run may take.")
