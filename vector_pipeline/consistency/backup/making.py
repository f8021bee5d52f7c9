"""Making a backup: state store and collections as they are at one moment, compressed, verified, in one new folder.

The order: runs are kept from writing for as long as it takes to pin the state and copy the collections' files; the
slow rest works on copies. A run too long to wait for goes on, and its partitions are named in the manifest. It is
no loss: whatever is restored is doubted, and the next sync compares it with the index itself.
"""

from __future__ import annotations

import os
import time
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from shutil import copyfile, rmtree

from vector_pipeline.consistency.backup.archive import compress_folder, file_facts
from vector_pipeline.consistency.backup.errors import BackupDamaged, BackupError
from vector_pipeline.consistency.backup.index_copy import (
    collections_to_copy,
    copy_place,
    count_copied,
    packed_name,
)
from vector_pipeline.consistency.backup.manifest import (
    FORMAT,
    MANIFEST,
    SETTINGS_COPY,
    SUMS,
    CollectionFacts,
    IndexFacts,
    Manifest,
    StateFacts,
)
from vector_pipeline.consistency.backup.shelf import PARTIAL, Backup, new_name, remove_left_overs
from vector_pipeline.consistency.backup.state_copy import FILES, pinned_state, state_kind
from vector_pipeline.consistency.backup.verifying import sums_text, verify_backup
from vector_pipeline.consistency.backup.workplace import workplace
from vector_pipeline.consistency.pruning import PRUNE_LOCK
from vector_pipeline.index.base import EMBEDDED
from vector_pipeline.index.edge_copy import sync_folder
from vector_pipeline.logs.about import RUNS
from vector_pipeline.sync.pipeline import Pipeline

WAIT_SECONDS = 5.0
"""How long a backup waits for runs that are under way, all together."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """How a backup is made. `settings_file` is copied into it, to be read by people; `reason` stands in the manifest.

    `all_collections`: also those of the same Qdrant that are not this project's. `state_only`: none at all.
    """

    verify: bool = True
    state_only: bool = False
    all_collections: bool = False
    settings_file: Path | None = None
    reason: str = ""


def make_backup(pipeline: Pipeline, folder: Path, wishes: Wishes | None = None) -> Backup:
    """A new backup in a folder, made where missing. Raises PipelineError; nothing that looks like a backup is left."""
    with workplace(pipeline.data_dir) as scratch:
        return write_backup(pipeline, folder, wishes or Wishes(), scratch)


def write_backup(pipeline: Pipeline, folder: Path, wishes: Wishes, scratch: Path, *, locked: bool = False) -> Backup:
    """`make_backup` for a caller who has the project's workplace, and, `locked`, the locks of all partitions."""
    place = folder / new_name(pipeline.data_dir)
    draft = place.with_name(f"{place.name}{PARTIAL}")
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        remove_left_overs(folder, pipeline.data_dir)
        draft.mkdir(mode=0o700)
        try:
            manifest = _Making(pipeline, draft, wishes, scratch, locked).run()
            draft.rename(place)
            sync_folder(folder)
        finally:
            rmtree(draft, ignore_errors=True)
    except OSError as error:
        raise BackupError(
            f"the backup could not be written: {error.filename or folder}: {error.strerror or error}",
            hint="free space there or give this user write rights, or set backup.folder",
        ) from error
    told = {"seconds": manifest.seconds, "counts": {"files": len(manifest.files)}}
    RUNS.info("backup %s made (%s)", place.name, manifest.reason, extra=told)
    return Backup(place, manifest)


class _Making:
    """One backup on its way into the folder `draft`."""

    def __init__(self, pipeline: Pipeline, draft: Path, wishes: Wishes, scratch: Path, locked: bool) -> None:
        self.pipeline, self.draft, self.wishes, self.scratch = pipeline, draft, wishes, scratch
        self.locked = locked
        self.started = time.monotonic()

    def run(self) -> Manifest:
        """Writes all files; what the manifest says."""
        (self.draft / "collections").mkdir(mode=0o700)
        manifest = self._copies()
        if self.wishes.settings_file is not None:
            (self.draft / SETTINGS_COPY).touch(mode=0o600)
            copyfile(self.wishes.settings_file, self.draft / SETTINGS_COPY)
        return self._sealed(manifest)

    def _copies(self) -> Manifest:
        """Copies the state and the collections, as near to one moment as runs under way allow."""
        store = self.pipeline.store
        location, kind = store.location, state_kind(store.location)
        names = [partition.name for partition in store.partitions()]
        with ExitStack() as until_written:
            with ExitStack() as until_copied:
                held = set(names)
                if not self.locked:
                    # Whoever prunes drops what is about to be copied.
                    until_copied.enter_context(store.lock(PRUNE_LOCK))
                    held = until_copied.enter_context(store.lock_together(names, WAIT_SECONDS))
                pinned = until_written.enter_context(pinned_state(location))
                index = IndexFacts(engine="", version="", alias="") if self.wishes.state_only else self._index_copies()
            # From here on runs go on; what follows is about copies.
            counts = pinned.write(self.scratch / "state", self.draft / FILES[kind])
        packed = {
            name: self._packed(name, facts, index.engine, counts.recorded.get(name, 0))
            for name, facts in index.collections.items()
        }
        return Manifest(
            format=FORMAT,
            made_at=datetime.now(UTC),
            project=str(self.pipeline.data_dir),
            program=version("vector-pipeline"),
            reason=self.wishes.reason,
            state=StateFacts(kind=kind, file=FILES[kind], revision=counts.revision, table_prefix=location.prefix),
            index=index.model_copy(update={"collections": packed}),
            partitions=counts.partitions,
            written_meanwhile=tuple(sorted(set(names) - held)),
        )

    def _index_copies(self) -> IndexFacts:
        """Copies the collections; their numbers of points only where a server says them."""
        pipeline, index = self.pipeline, self.pipeline.index
        engine, alias = index.engine_version(), pipeline.settings.index.alias
        copied = {}
        for name in collections_to_copy(pipeline, everything=self.wishes.all_collections):
            index.save_copy(name, copy_place(self.scratch, name))
            points = 0 if engine.name == EMBEDDED else index.count(name)
            copied[name] = CollectionFacts(file=packed_name(name), points=points, recorded=0)
        return IndexFacts(
            engine=engine.name,
            version=engine.version,
            alias=alias,
            aliased=index.alias(alias) or "",
            collections=copied,
        )

    def _packed(self, collection: str, facts: CollectionFacts, engine: str, recorded: int) -> CollectionFacts:
        """Packs the copy of a collection, and counts what nobody has counted yet."""
        compress_folder(copy_place(self.scratch, collection), self.draft / facts.file)
        # Only now: opening a copy changes it.
        points = count_copied(self.scratch, engine, collection)
        rmtree(copy_place(self.scratch, collection))
        return CollectionFacts(
            file=facts.file,
            points=facts.points if points is None else points,
            recorded=recorded,
        )

    def _sealed(self, manifest: Manifest) -> Manifest:
        """Writes checksums and manifest, and verifies what was written."""
        paths = sorted(path for path in self.draft.rglob("*") if path.is_file())
        files = {path.relative_to(self.draft).as_posix(): file_facts(path) for path in paths}
        self._write_manifest(manifest := manifest.model_copy(update={"files": files}))
        if self.wishes.verify:
            if troubles := verify_backup(self.draft, self.scratch):
                raise BackupDamaged(
                    f"the backup is not what was to be backed up: {'; '.join(troubles)}",
                    hint="run `vector-pipeline check`, see to the disk, and make it again",
                )
            manifest = manifest.model_copy(update={"verified": True})
        manifest = manifest.model_copy(update={"seconds": round(time.monotonic() - self.started, 3)})
        self._write_manifest(manifest)
        sync_folder(self.draft / "collections")
        sync_folder(self.draft)
        return manifest

    def _write_manifest(self, manifest: Manifest) -> None:
        path = self.draft / MANIFEST
        _write(path, manifest.model_dump_json(indent=1) + "\n")
        _write(self.draft / SUMS, sums_text(file_facts(path), dict(manifest.files)))


def _write(path: Path, text: str) -> None:
    with open(path, "w", encoding="utf-8", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
