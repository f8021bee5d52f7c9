"""The documents stage: what the source holds, brought into the store.

Adds and changes are applied batch by batch as they arrive, deletions last and under the brake. The scan itself
is recorded only when all of its work has been, so that a run killed anywhere is repeated from its cursor.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import polars as pl

from vector_pipeline.documents import (
    Document,
    Failure,
    Item,
    Restated,
    content_hash,
    document_id,
    frame_items,
    metadata_hash,
    restated,
    storable,
)
from vector_pipeline.sources.base import Known, Listing, Source, SourceError
from vector_pipeline.state.records import DocumentRow, Partition
from vector_pipeline.sync.errors import BrakePulled, SyncError
from vector_pipeline.sync.footing import find_footing, record_end, record_start
from vector_pipeline.sync.pipeline import Pipeline
from vector_pipeline.sync.planning import FAILED, DocumentPlan, brake_holds, count_vanished, plan_documents
from vector_pipeline.sync.progress import report
from vector_pipeline.sync.stages import DOCUMENTS, Options, StageResult

BATCH_CHARACTERS = 8_000_000
"""Text held in memory before it is recorded, however many documents a batch has."""

DELETED_AT_ONCE = 5_000


def run_documents(pipeline: Pipeline, name: str, run_id: str, options: Options) -> StageResult:
    """Brings the documents of a partition in step with its source.

    Raises SourceError when the source could not answer (what had been fetched by then stays), BrakePulled
    when too many documents would go.
    """
    partition = pipeline.store.partition(name)
    if pipeline.source_settings(name) is None:
        return _remove_all(pipeline, partition, run_id)
    with pipeline.source(name) as source:
        return _Sync(pipeline, partition, source, run_id, options).run()


def _remove_all(pipeline: Pipeline, partition: Partition, run_id: str) -> StageResult:
    """Deletes the documents of a source that left the settings: there the user has said so, no brake is needed.

    What is known of the source goes first: should it come back before all is removed, it is read from nothing.
    """
    pipeline.store.forget_scan(partition.partition_id)
    held = pipeline.store.known_documents(partition.partition_id)
    deleted = _delete_documents(pipeline, partition, held["document_id"].to_list(), run_id)
    revision = pipeline.store.partition(partition.name).revision
    return StageResult(partition.name, DOCUMENTS, f"r{revision}", 0, {"deleted": deleted})


def _delete_documents(
    pipeline: Pipeline,
    partition: Partition,
    ids: list[bytes],
    run_id: str,
    reasons: Mapping[bytes, str] | None = None,
) -> int:
    """Marks documents as deleted, with the reason by id where it is known, in transactions short enough for others to
    get in between.
    """
    return sum(
        pipeline.store.delete_documents(partition.partition_id, ids[start : start + DELETED_AT_ONCE], run_id, reasons)
        for start in range(0, len(ids), DELETED_AT_ONCE)
    )


def _versions(frame: pl.DataFrame) -> dict[bytes, str]:
    """Native id to version."""
    return dict(zip(frame["native_id"].to_list(), frame["version"].to_list(), strict=True))


_COUNTED = ("added", "changed", "metadata", "moved", "deleted", "reread", "retried", "failed")
"""What every run counts, zeros too: a series of numbers without gaps can be plotted."""


class _Sync:
    """One run of the stage for one partition."""

    def __init__(self, pipeline: Pipeline, partition: Partition, source: Source, run_id: str, options: Options) -> None:
        self.pipeline, self.store = pipeline, pipeline.store
        self.partition, self.pid = partition, partition.partition_id
        self.source, self.run_id, self.options = source, run_id, options
        self.now = datetime.now(UTC)
        self.counts: Counter[str] = Counter(dict.fromkeys(_COUNTED, 0))
        self.read_content: set[bytes] = set()

    def run(self) -> StageResult:
        settings = self.pipeline.source_settings(self.partition.name)
        assert settings is not None
        config = self.pipeline.documents_config(settings)
        state = self.store.source_state(self.pid)
        held = self.store.known_documents(self.pid)
        failed = self._failed()
        footing = find_footing(self.store, self.pid, config, holds_documents=not held.is_empty())
        census_due = state.census_at is None or self.now - state.census_at >= settings.listing_every
        full = self.options.full or footing.is_mixed
        known = Known(
            cursor={} if footing.is_mixed else state.cursor,
            versions=_versions(held),
            failed=_versions(failed),
            due=frozenset(failed.filter("due")["native_id"].to_list()),
            census=full or not footing.is_firm or census_due,
            full=full,
        )
        listing = self.source.scan(known)
        plan = plan_documents(
            listing.items,
            held,
            failed,
            complete=listing.complete,
            removed=list(listing.removed),
            unlisted_failures=[failure.native_id for failure in listing.failures],
            refetch=footing.is_mixed,
        )
        self._quarantine(listing.failures)
        if not (plan.fetch.is_empty() and plan.delete.is_empty()):
            record_start(self.store, self.pid, config, footing)
            if held.is_empty() and not state.cursor:
                # All that comes now is at least as new as this scan: should the run end early, the next one goes on
                # from here instead of doubting what it finds.
                self.store.record_scan(
                    self.pid, version="", cursor=dict(listing.cursor), settings_hash=b"", census_at=None
                )
        self._fetch(plan)
        self._delete(plan, held, listing)
        self.store.release(self.pid, plan.release, DOCUMENTS)
        self._requeue_later_failures()
        self._record(listing, config)
        record_end(self.store, self.pid, config)
        return self._result(plan, listing, held.height)

    def _failed(self) -> pl.DataFrame:
        """Documents quarantined by this stage, as FAILED."""
        rows = self.store.quarantined(self.pid).filter(pl.col("stage") == DOCUMENTS)
        due = pl.col("retry_at").is_not_null() & (pl.col("retry_at") <= self.now)
        return rows.with_columns(due=due).select(list(FAILED))

    def _fetch(self, plan: DocumentPlan) -> None:
        total, done = plan.fetch.height, 0
        size = self.pipeline.settings.limits.fetch_batch
        report(self.partition.name, DOCUMENTS, "documents", 0, total)
        for start in range(0, total, size):
            batch: list[Document | Failure] = []
            characters = 0
            try:
                for answer in self._answers(list(frame_items(plan.fetch.slice(start, size)))):
                    batch.append(answer)
                    done += 1
                    characters += len(answer.text) if isinstance(answer, Document) else 0
                    if characters > BATCH_CHARACTERS:
                        self._apply(batch)
                        batch, characters = [], 0
            except SourceError:
                # What has come is kept: the run that continues does not ask for it again.
                self._apply(batch)
                raise
            self._apply(batch)
            report(self.partition.name, DOCUMENTS, "documents", done, total)

    def _answers(self, items: Sequence[Item]) -> Iterator[Document | Failure]:
        """What the source says of the items. Raises SyncError if it left one out: silence is not an answer."""
        waiting = {item.native_id for item in items}
        for answer in self.source.fetch(items):
            waiting.discard(answer.native_id)
            yield self._restated(answer) if isinstance(answer, Restated) else answer
        if waiting:
            raise SyncError(
                f"{self.partition.name}: the source gave no answer for {len(waiting)} of {len(items)} documents",
                hint="run the sync again; if it repeats, report the source type as faulty",
            )

    def _restated(self, told: Restated) -> Document | Failure:
        """The document that is held, with what the source now says of it."""
        held = self.store.document(self._id(told.native_id))
        if held is None or held.deleted:
            # A run beside this one took it out; the next listing does not find it held, and has it read.
            return Failure(told.native_id, "", told.uri, DOCUMENTS, "no longer held, to be read again")
        document = Document(
            held.native_id,
            held.version,
            held.uri,
            held.title,
            held.text,
            held.kind,
            held.language,
            held.context,
            held.metadata,
            held.source_updated_at,
        )
        return restated(document, told)

    def _apply(self, answers: Sequence[Document | Failure]) -> None:
        """Records a batch: documents into the store, failures into quarantine."""
        failures = [answer for answer in answers if isinstance(answer, Failure)]
        rows = [self._row(answer) for answer in answers if isinstance(answer, Document)]
        if rows:
            applied = self.store.apply_documents(self.pid, rows, self.run_id)
            self.counts.update(
                added=applied.added, changed=applied.changed, metadata=applied.metadata_only, reread=applied.unchanged
            )
            self.read_content.update(row.content_hash for row in rows)
            self.store.release(self.pid, [row.document_id for row in rows], DOCUMENTS)
        self._quarantine(failures)

    def _row(self, document: Document) -> DocumentRow:
        document = storable(document)
        return DocumentRow(self._id(document.native_id), document, content_hash(document), metadata_hash(document))

    def _id(self, native_id: bytes) -> bytes:
        return document_id(self.source.type, self.source.name, native_id)

    def _quarantine(self, failures: Sequence[Failure]) -> None:
        if not failures:
            return
        self.counts["failed"] += len(failures)
        self.store.quarantine(
            self.pid,
            [(self._id(failure.native_id), replace(failure, stage=DOCUMENTS)) for failure in failures],
            first_delay=self.pipeline.settings.limits.quarantine_retry,
        )

    def _delete(self, plan: DocumentPlan, held: pl.DataFrame, listing: Listing) -> None:
        """Deletes what the listing proves gone, unless the brake holds. Raises BrakePulled."""
        if plan.delete.is_empty():
            return
        untouched = held.join(plan.delete, on="native_id", how="anti").join(plan.fetch, on="native_id", how="anti")
        vanished = count_vanished(plan.delete, self.read_content.union(untouched["content_hash"].to_list()))
        limits = self.pipeline.settings.limits
        too_many = brake_holds(
            vanished,
            held.height,
            documents=limits.brake_documents,
            share=limits.brake_share,
            nothing_listed=listing.complete and listing.items.is_empty(),
        )
        if too_many and not self.options.allow_deletions:
            name = self.partition.name
            raise BrakePulled(
                f"{name}: {vanished} of {held.height} documents are gone at the source; none was deleted",
                hint=f"if that is right, run `vector-pipeline sync --source {name} --allow-deletions`",
                vanished=vanished,
            )
        ids = plan.delete["document_id"].to_list()
        reasons = {self._id(native_id): reason for native_id, reason in listing.reasons.items()}
        self.counts["deleted"] = _delete_documents(self.pipeline, self.partition, ids, self.run_id, reasons)
        self.counts.update(f"gone: {reasons[key]}" for key in ids if key in reasons)
        self.counts["moved"] = plan.delete.height - vanished

    def _requeue_later_failures(self) -> None:
        """Bumps the revision of documents whose later stages failed and are due, so that those look again."""
        due = self.store.due_for_retry(self.pid, self.now).filter(pl.col("stage") != DOCUMENTS)
        if not due.is_empty():
            self.counts["retried"] = self.store.touch_documents(self.pid, due["document_id"].unique().to_list())

    def _record(self, listing: Listing, config: bytes) -> None:
        self.store.record_scan(
            self.pid,
            version=listing.version,
            cursor=dict(listing.cursor),
            settings_hash=config,
            census_at=self.now if listing.complete else None,
        )

    def _result(self, plan: DocumentPlan, listing: Listing, held: int) -> StageResult:
        # In a delta the source names only what may have changed: the rest of what is held is unchanged too.
        refetched = plan.fetch.filter("known").height
        unchanged = plan.unchanged if listing.complete else held - refetched - plan.delete.height
        counts = {"unchanged": unchanged, **self.counts}
        counts |= {f"skipped: {reason}": number for reason, number in listing.skipped.items()}
        rows = held + self.counts["added"] - self.counts["deleted"]
        revision = self.store.partition(self.partition.name).revision
        return StageResult(
            self.partition.name,
            DOCUMENTS,
            f"r{revision}",
            rows,
            counts,
            failed=self.store.quarantined(self.pid).height,
            source_version=listing.version,
        )
