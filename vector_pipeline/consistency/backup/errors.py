"""What can go wrong with a backup: it can't be made, it is damaged, it does not fit, or it would overwrite data."""

from __future__ import annotations

from vector_pipeline.errors import PipelineError


class BackupError(PipelineError):
    """A backup could not be made, found or restored."""


class BackupDamaged(BackupError):
    """A backup is not what was written: a file is missing, changed or can't be opened."""


class RestoreRefused(BackupError):
    """A restore would overwrite data, or does not fit the settings in force; nothing was changed."""
