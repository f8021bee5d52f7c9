"""What `pipeline.yaml` may say about checks: how much they look at where looking at all would cost too much.

Models only. Whatever the numbers are, `vector-pipeline check --full` looks at everything.
"""

from __future__ import annotations

from datetime import timedelta

from pydantic import Field

from vector_pipeline.settings_values import Duration, Section, Size


class ChecksSettings(Section):
    """How much the checks look at."""

    sample: int = Field(
        500,
        ge=1,
        le=1_000_000,
        description="Points, and documents, whose contents are read in one look; every ten minutes others.",
    )
    quarantine_documents: int = Field(
        20, ge=0, description="So many documents of a source may be in quarantine, whatever their share."
    )
    quarantine_share: float = Field(
        0.05, ge=0, le=1, description="This share of a source may be in quarantine, whatever their number."
    )
    quarantine_age: Duration = Field(
        timedelta(days=7), description="After so long in quarantine a document is worth a warning."
    )
    retrieval_sample: int = Field(
        50, ge=0, le=10_000, description="Chunks that are searched by their own text in one look; 0 for none."
    )
    spot_check: int = Field(
        10, ge=0, le=1_000, description="Documents that are read again at their sources in one look; 0 for none."
    )
    shared_text: Size = Field(200, description="Texts of fewer bytes may stand in several documents without a warning.")
