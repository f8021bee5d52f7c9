"""Backups as JSON."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TypedDict


class BackupJson(TypedDict):
    """A backup. Of one that can't be read only the first three fields are known."""

    # name of its folder
    name: str
    # its folder
    path: Path
    # why it can't be read, else empty
    trouble: str
    # when it was made
    made_at: datetime | None
    # the data folder it is of
    project: str | None
    # the version of the program that made it
    program: str | None
    # why it was made by itself, else empty
    reason: str | None
    # sqlite, postgresql
    state: str | None
    # revision of the schema
    revision: str | None
    # points by collection
    collections: dict[str, int]
    # number of sources
    sources: int
    # number of documents
    documents: int
    # number of chunks
    chunks: int
    # number of points
    points: int
    # its size
    bytes: int
    # how long it took
    seconds: float
    # whether it was opened and counted after it was made
    verified: bool
    # sources that a run was writing meanwhile; a sync mends that
    written_meanwhile: list[str]


class BackupsJson(TypedDict):
    """The backups there are."""

    # the newest first
    backups: list[BackupJson]


class VerifiedBackup(TypedDict):
    """The verdict on one backup."""

    # its folder
    path: Path
    # whether every byte is right
    ok: bool
    # what is wrong
    troubles: list[str]


class VerifiedJson(TypedDict):
    """The verdicts."""

    # one per backup
    backups: list[VerifiedBackup]


class RestoredJson(TypedDict):
    """What was restored."""

    # the backup's folder
    backup: Path
    # when it was made
    made_at: datetime | None
    # the backup that was made of what was there, null where nothing was
    before: Path | None
    # where the damaged state store was moved to, else null
    put_aside: Path | None
    # the sources in it
    sources: list[str]
    # the collections in it
    collections: list[str]


class PrunedBackupsJson(TypedDict):
    """The backups beyond the limits."""

    # folders that went, or would go
    removed: list[Path]
    # damaged stores that had been put aside and went, or would go
    put_aside: list[Path]
    # how much that frees
    bytes: int
    # folders that can't be read and were left
    unreadable: list[Path]
    # whether nothing was removed
    dry_run: bool
