"""The state store: everything the pipeline remembers, behind one class.

It only puts the parts together; each part is a module about one kind of row. Every method is a transaction of
its own (or several bounded ones where it says so) and raises StateError.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from types import TracebackType

from vector_pipeline.state import migrate
from vector_pipeline.state.amounts import AmountsPart
from vector_pipeline.state.chunk_texts import ChunkTextsPart
from vector_pipeline.state.contents import ContentsPart
from vector_pipeline.state.counts import CountsPart
from vector_pipeline.state.discoveries_table import DiscoveriesPart
from vector_pipeline.state.document_search import DocumentSearchPart
from vector_pipeline.state.documents_table import DocumentsPart
from vector_pipeline.state.durations_table import DurationsPart
from vector_pipeline.state.earlier_runs import EarlierRunsPart
from vector_pipeline.state.embeddings_table import EmbeddingsPart
from vector_pipeline.state.engine import Database, missing
from vector_pipeline.state.errors import MigrationError
from vector_pipeline.state.evidence import EvidencePart
from vector_pipeline.state.garbage import GarbagePart
from vector_pipeline.state.history_table import HistoryPart
from vector_pipeline.state.kept_out_table import KeptOutPart
from vector_pipeline.state.location import Location
from vector_pipeline.state.locks import exclusive, exclusive_together
from vector_pipeline.state.mending import MendingPart
from vector_pipeline.state.outlook import OutlookPart
from vector_pipeline.state.partitions_table import PartitionsPart
from vector_pipeline.state.points_table import PointsPart
from vector_pipeline.state.progress_table import ProgressPart
from vector_pipeline.state.quarantine_table import QuarantinePart
from vector_pipeline.state.schema import HEAD
from vector_pipeline.state.shared_texts import SharedTextsPart
from vector_pipeline.state.standings import StandingsPart
from vector_pipeline.state.targets_table import TargetsPart


class StateStore(
    PartitionsPart,
    DocumentsPart,
    EmbeddingsPart,
    PointsPart,
    TargetsPart,
    QuarantinePart,
    HistoryPart,
    KeptOutPart,
    ProgressPart,
    DurationsPart,
    OutlookPart,
    DocumentSearchPart,
    CountsPart,
    AmountsPart,
    EarlierRunsPart,
    DiscoveriesPart,
    ChunkTextsPart,
    ContentsPart,
    StandingsPart,
    MendingPart,
    EvidencePart,
    SharedTextsPart,
    GarbagePart,
):
    """One open state store. Safe to share between threads; several processes may have it open at once."""

    @classmethod
    def open(cls, location: Location, *, upgrade: bool = True) -> StateStore:
        """Opens a store, made or migrated first where needed (with `upgrade`).

        Raises StateCorrupt for a damaged file, MigrationError when the schema is newer than the code or,
        without `upgrade`, older or not there.
        """
        current = None
        if not missing(location):
            database = Database(location)
            try:
                current = migrate.current_revision(database)
            except BaseException:
                database.close()
                raise
            if current == HEAD:
                return cls(database)
            database.close()
        if not upgrade:
            found = f"revision {current}" if current else "no tables"
            raise MigrationError(
                f"state store {location.safe} has {found}, revision {HEAD} is needed", hint="run the migrations first"
            )
        migrate.upgrade(location)
        return cls(Database(location))

    @property
    def location(self) -> Location:
        """Where this store is."""
        return self._db.location

    def lock(self, name: str, timeout_s: float | None = None) -> AbstractContextManager[None]:
        """Excludes every other process (and thread) that locks the same partition name, for a block.

        Waits at most `timeout_s` seconds (the store's timeout if None), then raises StateLocked. Not reentrant.
        """
        return exclusive(self._db, f"partition {name}", timeout_s)

    def lock_together(self, names: Iterable[str], timeout_s: float) -> AbstractContextManager[set[str]]:
        """Locks as many of these partitions as can be had within `timeout_s` seconds in all; gives their names."""
        return _partitions_held(self._db, list(names), timeout_s)

    def close(self) -> None:
        """Closes all connections; may be called twice."""
        self._db.close()

    def __enter__(self) -> StateStore:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


@contextmanager
def _partitions_held(database: Database, names: list[str], timeout_s: float) -> Iterator[set[str]]:
    with exclusive_together(database, (f"partition {name}" for name in names), timeout_s) as held:
        yield {name for name in names if f"partition {name}" in held}
