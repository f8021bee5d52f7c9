"""What a backup says of itself: versions, counts and checksums, in `manifest.json`.

The manifest is read like anything from outside: validated, names of files from a fixed pattern, numbers bounded.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from vector_pipeline.consistency.backup.errors import BackupDamaged, BackupError

FORMAT = 1
"""The form of backups this version writes, and the newest it reads."""

MANIFEST = "manifest.json"
SUMS = "SHA256SUMS"
SETTINGS_COPY = "pipeline.yaml"

_MOST_BYTES = 50_000_000

FileName = Annotated[str, StringConstraints(pattern=r"^(collections/)?[A-Za-z0-9_-][A-Za-z0-9._-]{0,249}$")]
Count = Annotated[int, Field(ge=0)]
StateKind = Literal["sqlite", "postgresql"]


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class FileFacts(_Part):
    """A file of the backup as it was written."""

    bytes: Count
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class PartitionFacts(_Part):
    """What a partition held: live documents, their chunks, and points recorded in all collections together."""

    documents: Count = 0
    chunks: Count = 0
    points: Count = 0


class StateFacts(_Part):
    """The copy of the state store."""

    kind: StateKind
    file: FileName
    revision: str
    table_prefix: str = ""


class CollectionFacts(_Part):
    """The copy of one collection: its points, and how many of them the state store has recorded."""

    file: FileName
    points: Count
    recorded: Count


class IndexFacts(_Part):
    """The copies of the collections, by name; `aliased` is the one that `alias` pointed at, or empty."""

    engine: str
    version: str
    alias: str
    aliased: str = ""
    collections: Mapping[str, CollectionFacts] = Field(default_factory=dict)


class Manifest(_Part):
    """All of it. `project` is the data folder; `written_meanwhile` names partitions that a run was writing to."""

    format: int
    made_at: datetime
    project: str
    program: str
    reason: str = ""
    seconds: float = 0.0
    state: StateFacts
    index: IndexFacts
    partitions: Mapping[str, PartitionFacts] = Field(default_factory=dict)
    written_meanwhile: tuple[str, ...] = ()
    verified: bool = False
    files: Mapping[FileName, FileFacts] = Field(default_factory=dict)

    @property
    def bytes(self) -> int:
        """Size of all files but the manifest."""
        return sum(facts.bytes for facts in self.files.values())

    def total(self, what: Literal["documents", "chunks", "points"]) -> int:
        """A count over all partitions."""
        return sum(getattr(facts, what) for facts in self.partitions.values())


def read_manifest(folder: Path) -> Manifest:
    """The manifest of the backup in a folder.

    Raises BackupDamaged where it can't be read, BackupError where a newer version of this program wrote it.
    """
    path = folder / MANIFEST
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise BackupDamaged(f"backup {folder}: {MANIFEST} is too large to be one")
        manifest = Manifest.model_validate_json(path.read_bytes())
    except OSError as error:
        raise BackupDamaged(
            f"backup {folder}: {MANIFEST} can't be read: {error.strerror}", hint="use another backup"
        ) from error
    except ValidationError as error:
        raise BackupDamaged(
            f"backup {folder}: {MANIFEST} is not one ({error.error_count()} errors)", hint="use another backup"
        ) from None
    if manifest.format > FORMAT:
        raise BackupError(
            f"backup {folder} has format {manifest.format}, this version reads up to {FORMAT}",
            hint="restore it with the version that made it, or a newer one",
        )
    return manifest
