"""Verifying a backup: every byte by its checksum, then by opening what is in it and counting.

Checksums find what changed since; opening finds what was wrong from the start. What only a server can open (a
snapshot, a dump) is read as an archive.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

from vector_pipeline.consistency.backup.archive import file_facts
from vector_pipeline.consistency.backup.errors import BackupDamaged
from vector_pipeline.consistency.backup.index_copy import count_copied, unpack_copies
from vector_pipeline.consistency.backup.manifest import MANIFEST, SUMS, FileFacts, Manifest, read_manifest
from vector_pipeline.consistency.backup.state_copy import check_state
from vector_pipeline.consistency.backup.workplace import workplace
from vector_pipeline.errors import PipelineError


def verify(folder: Path, data_dir: Path) -> list[str]:
    """What is wrong with the backup in a folder; nothing where it can be restored. Needs the project's workplace.

    Raises BackupError where that is taken.
    """
    with workplace(data_dir) as scratch:
        return verify_backup(folder, scratch)


def verify_backup(folder: Path, scratch: Path) -> list[str]:
    """`verify` for a caller who has the project's workplace."""
    try:
        manifest = read_manifest(folder)
        troubles = list(check_files(folder, manifest))
        # What is not what was written is not opened either.
        return troubles or list(_check_contents(folder, manifest, scratch))
    except PipelineError as error:
        return [str(error)]
    except OSError as error:
        return [f"{error.filename or folder} can't be read or unpacked: {error.strerror or error}"]


def sums_text(manifest: FileFacts, files: dict[str, FileFacts]) -> str:
    """The file of checksums that `sha256sum -c` reads."""
    every = {MANIFEST: manifest, **files}
    return "".join(f"{every[name].sha256}  {name}\n" for name in sorted(every))


def check_files(folder: Path, manifest: Manifest) -> Iterator[str]:
    """Which files are not what was written. Raises BackupDamaged where one can't be read."""
    try:
        found = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()}
        expected = {MANIFEST, SUMS, *manifest.files}
        yield from (f"{name} is missing" for name in sorted(expected - found))
        yield from (f"{name} is not part of the backup" for name in sorted(found - expected))
        for name in sorted(found & set(manifest.files)):
            if file_facts(folder / name) != manifest.files[name]:
                yield f"{name} was changed"
        if SUMS in found:
            wanted = sums_text(file_facts(folder / MANIFEST), dict(manifest.files))
            if (folder / SUMS).read_bytes() != wanted.encode():
                yield f"{MANIFEST} or {SUMS} was changed"
    except OSError as error:
        raise BackupDamaged(f"{error.filename} can't be read: {error.strerror}", hint="use another backup") from error


def _check_contents(folder: Path, manifest: Manifest, scratch: Path) -> Iterator[str]:
    """What does not open, or is not what the manifest says of it."""
    place = scratch / "opened"
    place.mkdir()
    try:
        counts = check_state(folder / manifest.state.file, manifest.state, place / "state")
        if counts is not None and counts.partitions != manifest.partitions:
            yield f"{manifest.state.file} holds other numbers of documents, chunks or points than the manifest says"
        for name in unpack_copies(folder, manifest.index, place / "index"):
            facts = manifest.index.collections[name]
            points = count_copied(place / "index", manifest.index.engine, name)
            if points is not None and points != facts.points:
                yield f"{facts.file} holds {points:,} points, the manifest says {facts.points:,}"
            shutil.rmtree(place / "index", ignore_errors=True)
    finally:
        shutil.rmtree(place, ignore_errors=True)
