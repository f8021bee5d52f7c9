"""One document at a time: what a person names is read, or taken out, at once and by the same stages as a sync.

The source is not listed. What was recorded of its last scan stays, and the partition is noted as changed in part, so
that the next sync compares everything: whatever the source says by then holds.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import polars as pl

from vector_pipeline.documents import Item, document_id, listing_frame
from vector_pipeline.logs.about import about
from vector_pipeline.settings_sources import SourceSettings
from vector_pipeline.sources.base import Finds, Hangs, Known, Source
from vector_pipeline.state.contents import HashedDocument
from vector_pipeline.state.history_table import ONE_DOCUMENT
from vector_pipeline.sync.errors import SyncError, UnknownSource
from vector_pipeline.sync.fetching import Fetching
from vector_pipeline.sync.footing import Footing, find_footing, record_part, record_start
from vector_pipeline.sync.history import History
from vector_pipeline.sync.kept_out import hanging_on, read_barred
from vector_pipeline.sync.listing import failed_documents, known_to
from vector_pipeline.sync.pipeline import Pipeline
from vector_pipeline.sync.rereading import rereading
from vector_pipeline.sync.runner import run_stage
from vector_pipeline.sync.stages import DOCUMENTS, STAGES, Options, StageResult

REMOVED, KEPT_OUT = "taken out by a person", "kept out by a person"
"""Why a document went, in its history."""

READ_AGAIN = "what hangs on it was taken out or let in again; to be read again"
"""Why a document is due at its source though nothing is wrong with it."""


@dataclass(frozen=True, slots=True)
class OneRun:
    """What such a run did. `counts` by stage; `failure` is why a document could not be read, "" where all could."""

    partition: str
    run_id: str
    documents: tuple[bytes, ...]
    counts: Mapping[str, Mapping[str, int | float]]
    failure: str
    seconds: float


def bring_in(pipeline: Pipeline, name: str, source: Source, native_id: bytes) -> OneRun:
    """Brings in the document that the source knows by this id, held or not; it is not kept out any more.

    Raises SyncError where the source has no such document or its settings leave it out, SourceError where it does not
    answer, StateLocked while a sync of it is under way.
    """

    def read(run: _Run) -> None:
        item = source.look_up(native_id, run.known()) if isinstance(source, Finds) else None
        if item is None:
            raise SyncError(
                f"{name}: the source has no document {shown(native_id)}, or its settings leave it out",
                hint="compare its place with what the source takes in pipeline.yaml",
            )
        run.allow([native_id])
        run.fetch(listing_frame([item]), source)

    return _Run(pipeline, name).do([native_id], read)


def read_again(pipeline: Pipeline, name: str, source: Source, document: HashedDocument) -> OneRun:
    """Reads a held document again, whatever its version. Raises as `bring_in` does."""

    def read(run: _Run) -> None:
        held = Item(document.native_id, document.version, document.uri)
        if not isinstance(source, Finds):
            wanted = listing_frame([held]).with_columns(known=pl.lit(True), forced=pl.lit(True))
            run.fetch(wanted, rereading(pipeline, source, wanted))
            return
        item = source.look_up(document.native_id, run.known())
        if item is None:
            raise SyncError(
                f"{name}: {document.uri or shown(document.native_id)} is no longer there, or left out by the settings",
                hint=f"run `vector-pipeline sync --source {name}`, which takes out what is gone",
            )
        run.fetch(listing_frame([item]), source)

    return _Run(pipeline, name).do([document.native_id], read)


def take_out(pipeline: Pipeline, name: str, source: Source, document: HashedDocument, *, keep_out: bool) -> OneRun:
    """Removes a held document with what hangs on it; with `keep_out` no sync brings it back until it is allowed.

    Raises StateLocked while a sync of the source is under way.
    """
    ids: list[bytes] = [document.native_id]

    def remove(run: _Run) -> None:
        held = pipeline.store.known_documents(run.pid)
        versions = dict(zip(held["native_id"].to_list(), held["version"].to_list(), strict=True))
        ids.extend(sorted(hanging_on(source, {document.native_id}, versions)))
        going = held.filter(pl.col("native_id").is_in(pl.Series(ids, dtype=pl.Binary).implode()))
        taken = {one: versions[one] for one in ids if one in versions}
        run.delete(going["document_id"].to_list(), taken, keep_out)
        if not keep_out:
            _ask_owners(pipeline, run.pid, source, taken)

    return _Run(pipeline, name).do(ids, remove)


def let_in(pipeline: Pipeline, name: str, source: Source, native_ids: Collection[bytes]) -> int:
    """Has the next sync bring in what was kept out, with what hangs on it; how many documents were kept out."""
    store = pipeline.store
    with store.lock(name):
        pid = store.partition(name).partition_id
        versions = {one: version for one, (_, version) in read_barred(store, pid).documents.items()}
        wanted = {*native_ids, *hanging_on(source, set(native_ids), versions)}
        config, footing = _ground(pipeline, name, pid)
        # Noted first: who dies in between leaves a sync that finds nothing to do.
        record_part(store, pid, config, footing, wrote=True)
        number = store.allow(pid, wanted)
        _ask_owners(pipeline, pid, source, {one: versions.get(one, "") for one in wanted})
        return number


def shown(native_id: bytes) -> str:
    """A native id for people."""
    return native_id.decode("utf-8", "backslashreplace")


class _Run:
    """One such run of a partition."""

    def __init__(self, pipeline: Pipeline, name: str) -> None:
        self.pipeline, self.store, self.name = pipeline, pipeline.store, name
        self.run_id = f"documents-{uuid.uuid4()}"
        self.counts: dict[str, int | float] = {}
        self._stays_whole = False

    def do(self, native_ids: Sequence[bytes], work: Callable[[_Run], None]) -> OneRun:
        """Does the work as the documents stage of a run of its own, then the later stages."""
        began = time.monotonic()
        with about(run=self.run_id, source=self.name, stage=DOCUMENTS), self.store.lock(self.name):
            self.pid = self.store.partition(self.name).partition_id
            self.config, self.footing = _ground(self.pipeline, self.name, self.pid)
            history = History(self.pipeline, self.name, self.run_id, Options(), ONE_DOCUMENT)
            try:
                work(self)
                self._end()
                result = self._result(time.monotonic() - began)
            except BaseException as error:
                history.record_failure(DOCUMENTS, error)
                raise
            history.record(result)
        counts: dict[str, Mapping[str, int | float]] = {DOCUMENTS: result.counts}
        for stage in STAGES[1:]:
            counts[stage] = run_stage(self.pipeline, stage, self.name, self.run_id).counts
        failure = self._failure(native_ids)
        return OneRun(self.name, self.run_id, tuple(native_ids), counts, failure, time.monotonic() - began)

    def known(self) -> Known:
        """What a scan of the source would be told now."""
        now, options = datetime.now(UTC), Options()
        held = self.store.known_documents(self.pid)
        failed = failed_documents(self.store, self.pid, now)
        settings = _settings(self.pipeline, self.name)
        barred = read_barred(self.store, self.pid)
        return known_to(self.store, self.pid, settings, held, failed, barred, self.footing, options, now)

    def allow(self, native_ids: Collection[bytes]) -> None:
        """These are not kept out any more: what hangs on them comes with the next sync."""
        if self.store.allow(self.pid, native_ids):
            record_part(self.store, self.pid, self.config, self.footing, wrote=True)
            self.footing = Footing(self.footing.is_mixed, is_firm=False)

    def fetch(self, wanted: pl.DataFrame, source: Source) -> None:
        """Reads documents into the store."""
        self._begin()
        fetching = Fetching(self.pipeline, self.store.partition(self.name), source, self.run_id)
        fetching.fetch(wanted)
        self.counts |= fetching.counts

    def delete(self, document_ids: Sequence[bytes], versions: Mapping[bytes, str], keep_out: bool) -> None:
        """Takes documents out of the store; `versions` are those of all that may not come back."""
        reason = KEPT_OUT if keep_out else REMOVED
        self._begin()
        if keep_out:
            uris = {row.native_id: row.uri for row in self.store.hashed_documents(self.pid, document_ids)}
            self.store.keep_out(self.pid, {one: (uris.get(one, ""), version) for one, version in versions.items()})
            self._stays_whole = True  # what a scan finds of them is left out: nothing is to be compared
        reasons = dict.fromkeys(document_ids, reason)
        self.counts["deleted"] = self.store.delete_documents(self.pid, document_ids, self.run_id, reasons)

    def _begin(self) -> None:
        self._cursor, self._held = self.store.cursor(self.pid, DOCUMENTS), self._state()
        record_start(self.store, self.pid, self.config, self.footing)

    def _end(self) -> None:
        """Notes that the next sync is to compare everything, unless what is held agrees with the last one as before."""
        before = self._cursor
        if before is not None and (self._stays_whole or self._state().equals(self._held)):
            self.store.set_cursor(self.pid, DOCUMENTS, before.config_hash, before.revision)
        else:
            record_part(self.store, self.pid, self.config, self.footing, wrote=True)

    def _state(self) -> pl.DataFrame:
        """What is held of the partition."""
        return self.store.known_documents(self.pid).sort("document_id")

    def _result(self, seconds: float) -> StageResult:
        revision, rows = self.store.partition(self.name).revision, self.store.count_documents(self.pid)
        failed = self.store.quarantined(self.pid).height
        return StageResult(self.name, DOCUMENTS, f"r{revision}", rows, dict(self.counts), failed, seconds=seconds)

    def _failure(self, native_ids: Sequence[bytes]) -> str:
        rows = self.store.quarantined(self.pid)
        mine = rows.filter(pl.col("native_id").is_in(pl.Series(native_ids, dtype=pl.Binary).implode()))
        return "; ".join(f"{row['stage']}: {row['reason']}" for row in mine.iter_rows(named=True))


def _ask_owners(pipeline: Pipeline, partition_id: int, source: Source, versions: Mapping[bytes, str]) -> None:
    """Has the next sync read what these hang on: of some sources only that tells of what hangs on it."""
    if not isinstance(source, Hangs):
        return
    owners = {source.owner(native_id, version) for native_id, version in versions.items()} - {None, *versions}
    ids = [document_id(source.type, source.name, one) for one in owners if one is not None]
    pipeline.store.read_again(partition_id, ids, reason=READ_AGAIN)


def _settings(pipeline: Pipeline, name: str) -> SourceSettings:
    settings = pipeline.source_settings(name)
    if settings is None:
        raise UnknownSource(f"{name} is not in the settings any more", hint="add it to pipeline.yaml again")
    return settings


def _ground(pipeline: Pipeline, name: str, partition_id: int) -> tuple[bytes, Footing]:
    """What documents of a partition depend on besides the source, and what the next scan can build on."""
    settings = pipeline.source_settings(name)
    config = pipeline.documents_config(settings) if settings is not None else bytes(16)
    held = pipeline.store.count_documents(partition_id) > 0
    return config, find_footing(pipeline.store, partition_id, config, holds_documents=held)
