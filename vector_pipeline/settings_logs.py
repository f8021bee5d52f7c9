"""What `pipeline.yaml` may say of the log: its form, how much is in it, and the file it is kept in. Models only."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from vector_pipeline.settings_values import OptionalPath, Section, Size


class LogSettings(Section):
    """What is logged, and where. Logs hold ids, counts and times, never text of documents or secrets."""

    format: Literal["text", "json"] = Field(
        "text", description='"text" is a line for people; "json" is an object per line, for programs.'
    )
    level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least weight of what is logged.")
    file: OptionalPath = Field(
        None, description="File that every process adds to; empty writes to standard error only."
    )
    max_size: Size = Field(10_000_000, ge=10_000, description="Size at which the file is put aside and begun anew.")
    keep: int = Field(5, ge=1, le=1000, description="Files put aside that are kept.")
