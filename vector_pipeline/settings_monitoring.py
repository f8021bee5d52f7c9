"""What `pipeline.yaml` may say about watching: where numbers are served, and when disk space is short. Models only."""

from __future__ import annotations

from pydantic import Field

from vector_pipeline.settings_values import Section, Size


class MonitoringSettings(Section):
    """How the pipeline is watched."""

    host: str = Field(
        "127.0.0.1",
        min_length=1,
        description="Address that `serve` listens on. Any other than loopback shows names of sources to the network.",
    )
    port: int = Field(9464, ge=1, le=65_535, description="Port that `serve` listens on.")
    serve_with_dev: bool = Field(False, description="Whether `dev` starts `serve`, too.")
    min_free_disk: Size = Field(
        1_000_000_000, description="Free disk space below which `health` fails; below twice as much it warns."
    )
