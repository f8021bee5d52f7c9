"""The errors of synchronisation itself; those of sources, index and embedding pass through unchanged."""

from __future__ import annotations

from vector_pipeline.errors import PipelineError


class SyncError(PipelineError):
    """A stage could not finish. What it had recorded stays, and the next run goes on from there."""


class UnknownSource(SyncError):
    """A source was asked for that neither the settings nor the state store know."""


class OptionError(PipelineError):
    """An option of a run can't be read, or two say different things. Nothing was done."""


class BrakePulled(SyncError):
    """More documents would go than the settings allow at once. Additions and changes were applied, deletions not.

    `vanished` is the number of documents that would go.
    """

    def __init__(self, message: str, *, hint: str = "", vanished: int) -> None:
        super().__init__(message, hint=hint)
        self.vanished = vanished
