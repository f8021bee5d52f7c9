"""The folder that backups lie in: their names, which there are, and the one that somebody means.

A name is the moment (UTC) and six digits that stand for the project's data folder, so that names sort by age and
projects may share a folder: only a project's own backups count for its retention.
"""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from vector_pipeline.consistency.backup.errors import BackupError
from vector_pipeline.consistency.backup.manifest import MANIFEST, Manifest, read_manifest
from vector_pipeline.documents import hash16
from vector_pipeline.errors import PipelineError
from vector_pipeline.sync.pipeline import Pipeline

PARTIAL = ".partial"
_STAMP = "%Y%m%dT%H%M%S.%fZ"
_NAME = re.compile(r"\d{8}T\d{6}\.\d{6}Z-(?P<project>[0-9a-f]{6})")


@dataclass(frozen=True, slots=True)
class Backup:
    """A backup in its folder; `manifest` is None where it can't be read, and `trouble` says why."""

    path: Path
    manifest: Manifest | None
    trouble: str = ""

    @property
    def name(self) -> str:
        """The name of its folder."""
        return self.path.name

    @property
    def made_at(self) -> datetime:
        """When it was begun, as its name says."""
        return datetime.strptime(self.name.partition("-")[0], _STAMP).replace(tzinfo=UTC)

    @property
    def is_good(self) -> bool:
        """Whether it was verified when it was made."""
        return self.manifest is not None and self.manifest.verified


def default_folder(pipeline: Pipeline) -> Path:
    """Where the settings put backups."""
    return pipeline.settings.backup.folder or pipeline.data_dir / "backups"


def project_mark(data_dir: Path) -> str:
    """The digits that stand for a data folder."""
    return hash16(os.fsencode(data_dir.absolute()))[:3].hex()


def new_name(data_dir: Path) -> str:
    """A name for a backup begun now."""
    return f"{datetime.now(UTC).strftime(_STAMP)}-{project_mark(data_dir)}"


def list_backups(folder: Path) -> list[Backup]:
    """The backups in a folder, newest first; none where there is no such folder. Raises BackupError."""
    try:
        names = sorted((name for name in os.listdir(folder) if _NAME.fullmatch(name)), reverse=True)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise BackupError(f"{folder} can't be read: {error.strerror}", hint="name the folder of the backups") from error
    return [_look_at(folder / name) for name in names]


def own_backups(folder: Path, data_dir: Path) -> list[Backup]:
    """The backups in a folder that the project with this data folder made, newest first."""
    mark = project_mark(data_dir)
    return [backup for backup in list_backups(folder) if backup.name.endswith(f"-{mark}")]


def find_backups(wanted: str, folder: Path) -> list[Backup]:
    """What somebody means: the folder of one backup, the name of one in `folder`, or a folder of several, newest first.

    Raises BackupError where there is none.
    """
    for place in (folder / wanted, Path(wanted)):
        if (place / MANIFEST).exists() or (_NAME.fullmatch(place.name) and place.is_dir()):
            return [_look_at(place)]
        if found := list_backups(place):
            return found
    raise BackupError(
        f"there is no backup {wanted} in {folder}, and {wanted} is no folder of backups",
        hint="see `vector-pipeline backups list`",
    )


def newest_good(backups: list[Backup]) -> Backup:
    """The newest one that was verified, or the newest that can be read; one that a restore made only where there is no
    other, so that restoring twice does not go back and forth. Raises BackupError where there is none.
    """
    readable = [(one, one.manifest) for one in backups if one.manifest]
    if not readable:
        trouble = backups[0].trouble if backups else "there is no backup"
        raise BackupError(trouble, hint="see `vector-pipeline backups list`")
    best, _ = max(readable, key=lambda pair: (not pair[1].reason, pair[0].is_good, pair[0].name))
    return best


def remove_left_overs(folder: Path, data_dir: Path) -> None:
    """Removes what backups of this project that were killed have left. The caller is the only one making one."""
    mark = project_mark(data_dir)
    for path in folder.glob(f"*-{mark}{PARTIAL}"):
        shutil.rmtree(path, ignore_errors=True)


def _look_at(path: Path) -> Backup:
    try:
        return Backup(path, read_manifest(path))
    except PipelineError as error:
        return Backup(path, None, str(error))
