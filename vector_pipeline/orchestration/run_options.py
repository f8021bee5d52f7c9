"""The options of a run in Dagster: the form in the launchpad, and the tags of runs and backfills.

Both are read by the same reader as the command line's. The form stands on the first asset of a chain; every step of the
run reads it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import dagster as dg
from pydantic import Field

from vector_pipeline.errors import PipelineError
from vector_pipeline.orchestration.names import stage_key
from vector_pipeline.sync.modes import read_options
from vector_pipeline.sync.stages import DOCUMENTS, Mode, Options


class SyncConfig(dg.Config):
    """What a run brings in. As it stands it brings everything in step."""

    mode: str = Field(
        Mode.AUTO.value,
        description="auto: everything. add-only: only new documents. update-only: only changes of held ones. "
        "skip-existing: new ones come, gone ones go, held ones are not read.",
    )
    since: str = Field(
        "", description="Only what changed since: 24h, 7d, 90min, 2026-11-01 (midnight in UTC), or an ISO time."
    )
    limit: int = Field(0, description="Read at most so many documents, the newest first; 0 reads all.")
    only: list[str] = Field(
        [], description="Only these: patterns (gitignore syntax) of paths, or of addresses and titles; ids, keys, URLs."
    )
    force: bool = Field(False, description="Process the documents again though they have not changed.")
    full: bool = Field(False, description="List everything and compare everything.")
    allow_deletions: bool = Field(False, description="Release the brake on mass deletion for this run.")


def options_of(run: dg.DagsterRun, source_type: str) -> Options:
    """What the run's tags and its config ask for. Raises dg.Failure, without retries, for what can't be read."""
    try:
        return read_options(run.tags, _given(run.run_config, source_type))
    except PipelineError as error:
        raise dg.Failure(description=str(error), allow_retries=False) from None


def _given(run_config: Mapping[str, Any], source_type: str) -> dict[str, Any]:
    """What the form holds; nothing where it was left as it is."""
    step = stage_key(source_type, DOCUMENTS).to_python_identifier()
    config = dict(run_config.get("ops", {}).get(step, {}).get("config") or {})
    if config.get("limit") == 0:
        del config["limit"]
    return config
