"""Which backups stay: the newest so many, all that are young, and always the newest that was verified.

A backup goes only when it is beyond both limits, so that a project whose backups stopped keeps what it has.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from vector_pipeline.consistency.backup.errors import BackupError
from vector_pipeline.consistency.backup.shelf import PARTIAL, own_backups
from vector_pipeline.consistency.backup.workplace import workplace
from vector_pipeline.state.location import Location
from vector_pipeline.sync.pipeline import Pipeline

BEFORE_RESTORE = ".before-restore-"
"""In the names of damaged state stores that a restore has put aside."""


@dataclass(frozen=True, slots=True)
class Dated:
    """A backup as retention sees it. `is_good`: it was verified; `is_known`: its manifest can be read."""

    path: Path
    made_at: datetime
    is_good: bool = True
    is_known: bool = True


def plan_retention(backups: Iterable[Dated], keep: int, keep_for: timedelta, now: datetime) -> list[Dated]:
    """Those that go, oldest first. Those that can't be read are left to people, and don't count."""
    newest_first = sorted((one for one in backups if one.is_known), key=lambda one: one.made_at, reverse=True)
    newest_good = next((one for one in newest_first if one.is_good), None)
    old = [one for one in newest_first[keep:] if now - one.made_at > keep_for and one is not newest_good]
    return old[::-1]


@dataclass(frozen=True, slots=True)
class Pruned:
    """What was removed, or would be: backups, and state stores that a restore has put aside; `bytes` of both.

    `unreadable` are backups that nobody can read, which stay.
    """

    backups: Sequence[Path]
    put_aside: Sequence[Path]
    bytes: int
    unreadable: Sequence[Path]


def prune_backups(pipeline: Pipeline, folder: Path, *, dry_run: bool = False) -> Pruned:
    """Removes this project's backups beyond the limits of the settings. Raises BackupError."""
    limits = pipeline.settings.backup
    now = datetime.now(UTC)
    with workplace(pipeline.data_dir):
        found = own_backups(folder, pipeline.data_dir)
        dated = [Dated(one.path, one.made_at, one.is_good, one.manifest is not None) for one in found]
        going = [one.path for one in plan_retention(dated, limits.keep, limits.keep_for, now)]
        aside = [path for path in _put_aside(pipeline) if now - _changed_at(path) > limits.keep_for]
        size = sum(map(_bytes, (*going, *aside)))
        if not dry_run:
            for path in going:
                _remove(path)
            for path in aside:
                path.unlink(missing_ok=True)
    return Pruned(going, aside, size, [one.path for one in found if one.manifest is None])


def _remove(path: Path) -> None:
    """Removes a backup; under another name first, so that half of one never looks like one."""
    try:
        shutil.rmtree(path.rename(path.with_name(f"{path.name}{PARTIAL}")))
    except OSError as error:
        raise BackupError(
            f"backup {path} can't be removed: {error.strerror}", hint="give this user write rights to the folder"
        ) from error


def _put_aside(pipeline: Pipeline) -> list[Path]:
    path = Location.from_settings(pipeline.settings.state, pipeline.data_dir).path
    return [] if path is None else sorted(path.parent.glob(f"{path.name}{BEFORE_RESTORE}*"))


def _changed_at(path: Path) -> datetime:
    return datetime.fromtimestamp(path.stat().st_mtime, UTC)


def _bytes(path: Path) -> int:
    return sum(one.stat().st_size for one in (path, *path.rglob("*")) if one.is_file())
