"""The collections' part of a backup: which are copied, what a copy holds, and how they get back.

An embedded collection is a folder of files; a copy of it is opened like a collection to see that it can be. Of a
server's snapshot only a server can tell more than that the archive is whole.
"""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vector_pipeline.consistency.backup.archive import unpack_folder
from vector_pipeline.consistency.backup.errors import BackupDamaged, RestoreRefused
from vector_pipeline.consistency.backup.manifest import IndexFacts
from vector_pipeline.index.base import EMBEDDED, SNAPSHOT_FILE, VectorIndex
from vector_pipeline.index.edge import EdgeIndex
from vector_pipeline.sync.pipeline import Pipeline

_LOCK_SECONDS = 10.0


def collections_to_copy(pipeline: Pipeline, *, everything: bool) -> list[str]:
    """The collections that exist and are this project's: written to by it, or searched under its alias."""
    existing = pipeline.index.collections()
    if everything:
        return existing
    ours = {*pipeline.store.targets(), pipeline.index.alias(pipeline.settings.index.alias)}
    return [name for name in existing if name in ours]


def packed_name(collection: str) -> str:
    """The file of a collection in a backup."""
    return f"collections/{collection}.tar.zst"


def copy_place(root: Path, collection: str) -> Path:
    """Where the copy of a collection lies in a scratch folder, so that the folder is an embedded index itself."""
    return root / "collections" / collection


def count_copied(root: Path, engine: str, collection: str) -> int | None:
    """Points in a copy below `root`, which is changed by opening it; None where only a server could open it.

    Raises VectorIndexError, or BackupDamaged for a snapshot that is no archive.
    """
    if engine == EMBEDDED:
        with _opened(root) as index:
            return index.count(collection)
    try:
        with tarfile.open(copy_place(root, collection) / SNAPSHOT_FILE) as archive:
            if not sum(member.isreg() for member in archive):
                raise BackupDamaged(f"the snapshot of {collection} is empty", hint="use another backup")
    except (tarfile.TarError, OSError, EOFError) as error:
        raise BackupDamaged(
            f"the snapshot of {collection} is not a whole archive", hint="use another backup"
        ) from error
    return None


def unpack_copies(backup: Path, facts: IndexFacts, root: Path) -> Iterator[str]:
    """Unpacks the collections of a backup below `root`, one at a time; their names. Raises BackupDamaged."""
    for name, collection in facts.collections.items():
        unpack_folder(backup / collection.file, copy_place(root, name))
        yield name


def check_engine(index: VectorIndex, facts: IndexFacts) -> None:
    """Raises RestoreRefused where copies of another engine can't become collections of this index."""
    if not facts.collections:
        return
    own = index.engine_version().name
    if own != facts.engine:
        raise RestoreRefused(
            f"the backup's collections are of {facts.engine}, the settings name {own}: one can't take the other's",
            hint="restore with --state-only; the next sync fills the index from the stored texts and vectors",
        )


@contextmanager
def _opened(root: Path) -> Iterator[EdgeIndex]:
    (root / "locks").mkdir(exist_ok=True)
    index = EdgeIndex(root, _LOCK_SECONDS)
    try:
        yield index
    finally:
        index.close()
