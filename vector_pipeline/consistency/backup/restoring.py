"""Restoring a backup: unpacked and opened beside the data first, then put in place, then doubted.

Nothing is touched before the backup has proved good and everybody else is kept out. From the first change to the
last a mark in the data folder keeps others from working on half of it; a killed restore is repeated. Whatever was
restored is doubted and its sources are listed anew, so that the next sync ends exact however old the backup is.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from shutil import rmtree

from vector_pipeline.consistency.backup.errors import BackupDamaged, BackupError, RestoreRefused
from vector_pipeline.consistency.backup.index_copy import check_engine, copy_place, count_copied, unpack_copies
from vector_pipeline.consistency.backup.keeping import BEFORE_RESTORE
from vector_pipeline.consistency.backup.making import Wishes, write_backup
from vector_pipeline.consistency.backup.manifest import Manifest
from vector_pipeline.consistency.backup.shelf import Backup, default_folder
from vector_pipeline.consistency.backup.state_copy import check_state, put_state_back, state_kind
from vector_pipeline.consistency.backup.verifying import check_files
from vector_pipeline.consistency.backup.workplace import workplace
from vector_pipeline.consistency.pruning import PRUNE_LOCK
from vector_pipeline.index.base import VectorIndex, VectorIndexError
from vector_pipeline.index.open import open_index
from vector_pipeline.logs.about import RUNS
from vector_pipeline.state.engine import Database, missing
from vector_pipeline.state.errors import MigrationError, StateCorrupt, StateError, StateLocked
from vector_pipeline.state.location import Location
from vector_pipeline.state.migrate import check_known
from vector_pipeline.state.store import StateStore
from vector_pipeline.sync.doubt import record_doubt
from vector_pipeline.sync.partitions import list_partitions
from vector_pipeline.sync.pipeline import Pipeline
from vector_pipeline.sync.restore_mark import RestoreMark, read_mark, remove_mark, write_mark

WAIT_SECONDS = 5.0
"""How long a restore waits for runs that are under way."""

_NO_CONFIGURATION = bytes(16)


@dataclass(frozen=True, slots=True)
class Restored:
    """What was restored, and the backup made of what was there before (None where nothing was, or it was damaged).

    `put_aside` is the damaged state store, moved out of the way.
    """

    backup: Backup
    before: Backup | None
    put_aside: Path | None
    partitions: list[str]
    collections: list[str]


def restore_backup(pipeline: Pipeline, backup: Backup, *, force: bool = False, state_only: bool = False) -> Restored:
    """Makes state store and collections what they were when the backup was made. `pipeline` must be fresh.

    With `force`, what is there is backed up first and replaced. Raises RestoreRefused where data would be lost or the
    backup does not fit, BackupDamaged, StateLocked while runs are under way, or another PipelineError.
    """
    if backup.manifest is None:
        raise BackupDamaged(backup.trouble)
    try:
        with workplace(pipeline.data_dir) as scratch:
            restored = _Restore(pipeline, backup.path.absolute(), backup.manifest, scratch, state_only).run(
                backup, force
            )
            RUNS.info("backup %s restored", backup.path.name)
            return restored
    except OSError as error:
        raise BackupError(
            f"backup {backup.path} can't be restored: {error.filename or ''} {error.strerror or error}",
            hint="free space in the data folder or give this user write rights, and restore again",
        ) from error


class _Restore:
    """One restore. Opens store and index itself: through the pipeline nobody gets past the mark."""

    def __init__(self, pipeline: Pipeline, folder: Path, manifest: Manifest, scratch: Path, state_only: bool) -> None:
        self.pipeline, self.folder, self.manifest, self.scratch = pipeline, folder, manifest, scratch
        self.data_dir = pipeline.data_dir
        self.location = Location.from_settings(pipeline.settings.state, pipeline.data_dir)
        self.mark = RestoreMark(folder, state_only)
        self.collections = [] if state_only else list(manifest.index.collections)

    def run(self, backup: Backup, force: bool) -> Restored:
        began = read_mark(self.data_dir)
        with self._index() as index:
            self._refuse_misfit(index)
            self._unpack()
            with self._alone():
                before, aside = None, None
                if began is None:
                    if self._holds_data(index) and not force:
                        raise RestoreRefused(
                            f"{self.location.safe} or {index.location} holds data, which the backup would replace",
                            hint="restore with --force: a backup of what is there is made first",
                        )
                    before, aside = self._keep_present(index)
                write_mark(self.data_dir, self.mark)
                former = self._former_collections()
                self._put_collections(index)
                put_state_back(self.scratch / "state", self.location)
                with StateStore.open(self.location) as store:
                    self._doubt(store, index)
                    names = [partition.name for partition in store.partitions()]
                self._drop(index, former)
                remove_mark(self.data_dir)
        return Restored(backup, before, aside, names, self.collections)

    @contextmanager
    def _index(self) -> Iterator[VectorIndex]:
        index = open_index(self.pipeline.settings.index, self.data_dir)
        try:
            yield index
        finally:
            index.close()

    def _refuse_misfit(self, index: VectorIndex) -> None:
        facts = self.manifest.state
        check_known(facts.revision)
        if (kind := state_kind(self.location)) != facts.kind:
            raise RestoreRefused(
                f"the backup's state is of {facts.kind}, the settings name {kind}",
                hint="leave state.url as it was when the backup was made",
            )
        if self.location.prefix != facts.table_prefix:
            raise RestoreRefused(
                f"the backup's tables start with {facts.table_prefix!r}, the settings say {self.location.prefix!r}",
                hint=f"set state.table_prefix to {facts.table_prefix!r}",
            )
        # Asked now: once the store is replaced, the index has to answer.
        index.collections()
        if self.collections:
            check_engine(index, self.manifest.index)

    def _unpack(self) -> None:
        """Proves the backup good and lays its content ready."""
        if troubles := list(check_files(self.folder, self.manifest)):
            raise BackupDamaged(f"backup {self.folder}: {'; '.join(troubles)}", hint="use another backup")
        facts = self.manifest.index
        check_state(self.folder / self.manifest.state.file, self.manifest.state, self.scratch / "state")
        if not self.collections:
            return
        for name in unpack_copies(self.folder, facts, self.scratch):
            points = count_copied(self.scratch, facts.engine, name)
            if points is not None and points != facts.collections[name].points:
                raise BackupDamaged(f"backup {self.folder}: {name} holds {points:,} points", hint="use another backup")

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Keeps every run out. Raises StateLocked where one is under way."""
        names = {*self.manifest.partitions, *list_partitions(self.pipeline.settings, self.manifest.partitions)}
        names.add(PRUNE_LOCK)
        store = StateStore(Database(self.location))
        try:
            if not missing(self.location):
                with suppress(StateError):  # a damaged store can't tell, and is about to be replaced
                    names |= {partition.name for partition in store.partitions()}
            with store.lock_together(names, WAIT_SECONDS) as held:
                if busy := sorted(names - held):
                    raise StateLocked(
                        f"a run is under way for {', '.join(busy[:10])}", hint="stop it, or wait until it has ended"
                    )
                yield
        finally:
            store.close()

    def _holds_data(self, index: VectorIndex) -> bool:
        if any(index.exists(name) for name in self.collections):
            return True
        if missing(self.location):
            return False
        try:
            with StateStore.open(self.location) as store:
                return bool(store.partitions())
        except (StateCorrupt, MigrationError):
            return True

    def _keep_present(self, index: VectorIndex) -> tuple[Backup | None, Path | None]:
        """A backup of what will be replaced, or where the damaged state store was moved to."""
        if not self._holds_data(index):
            return None, None
        wishes = Wishes(reason=f"before the restore of {self.folder.name}")
        try:
            try:
                return self._present_backup(wishes), None
            except (BackupDamaged, VectorIndexError):
                # What the index holds can be made again from the state.
                return self._present_backup(replace(wishes, state_only=True)), None
        except (StateCorrupt, MigrationError):
            if self.location.path is None:
                raise
            return None, _put_aside(self.location.path)
        finally:
            self.pipeline.close()

    def _present_backup(self, wishes: Wishes) -> Backup:
        scratch = self.scratch / "before"
        rmtree(scratch, ignore_errors=True)
        scratch.mkdir()
        return write_backup(self.pipeline, default_folder(self.pipeline), wishes, scratch, locked=True)

    def _former_collections(self) -> set[str]:
        """The collections of the store that is about to go."""
        if missing(self.location) or not self.collections:
            return set()
        try:
            with StateStore.open(self.location) as store:
                return set(store.targets())
        except StateError:
            return set()

    def _put_collections(self, index: VectorIndex) -> None:
        facts = self.manifest.index
        for name in self.collections:
            index.load_copy(name, copy_place(self.scratch, name))
        if facts.aliased in self.collections:
            index.set_alias(self.pipeline.settings.index.alias, facts.aliased)

    def _drop(self, index: VectorIndex, former: set[str]) -> None:
        """Removes collections that the restored store does not know of."""
        for name in sorted(former - set(self.collections)):
            index.drop(name)

    def _doubt(self, store: StateStore, index: VectorIndex) -> None:
        """Notes that nothing can be believed: neither that the index holds what is recorded, nor what sources were."""
        targets = store.targets()
        existing = [name for name in index.collections() if name in targets]
        for collection in existing:
            for source in _sources_in(index, collection, [partition.name for partition in store.partitions()]):
                store.partition(source)  # known again, it counts as removed from the settings and is purged
        for partition in store.partitions():
            store.forget_scan(partition.partition_id)
            for target in targets.values():
                record_doubt(store, partition.partition_id, target, _NO_CONFIGURATION)


def _sources_in(index: VectorIndex, collection: str, known: list[str]) -> set[str]:
    """Sources that have points in a collection though the store does not know them."""
    if index.count(collection) == sum(index.count(collection, name) for name in known):
        return set()
    found: set[str] = set()
    for frame in index.scroll(collection):
        found.update(frame["source"].unique().to_list())
    return {name for name in found - set(known) if "/" in name}


def _put_aside(path: Path) -> Path:
    """Moves a SQLite store that can't be opened out of the way, with what belongs to it; its new place."""
    place = path.with_name(f"{path.name}{BEFORE_RESTORE}{datetime.now(UTC).strftime('%Y%m%dT%H%M%SZ')}")
    for suffix in ("-wal", "-shm", ""):
        with suppress(FileNotFoundError):
            path.with_name(path.name + suffix).rename(place.with_name(place.name + suffix))
    return place
