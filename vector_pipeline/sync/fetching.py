"""Bringing documents from a source into the store: batch by batch, failures into quarantine."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

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
from vector_pipeline.sources.base import Source, SourceError
from vector_pipeline.state.records import DocumentRow, Partition
from vector_pipeline.sync.errors import SyncError
from vector_pipeline.sync.pipeline import Pipeline
from vector_pipeline.sync.progress import report
from vector_pipeline.sync.stages import DOCUMENTS

BATCH_CHARACTERS = 8_000_000
"""Text held in memory before it is recorded, however many documents a batch has."""


class Fetching:
    """Fetches documents of one source for one run and records them.

    `counts` holds added, changed, metadata, reread and failed; `read_content` the content hashes of what was read.
    """

    def __init__(self, pipeline: Pipeline, partition: Partition, source: Source, run_id: str) -> None:
        self._pipeline, self._store = pipeline, pipeline.store
        self._partition, self._pid = partition, partition.partition_id
        self._source, self._run_id = source, run_id
        self.counts: Counter[str] = Counter()
        self.read_content: set[bytes] = set()

    def fetch(self, wanted: pl.DataFrame) -> None:
        """Fetches and records what a plan wants (LISTED). Raises SourceError; what had come by then is recorded."""
        total, done = wanted.height, 0
        size = self._pipeline.settings.limits.fetch_batch
        report(self._partition.name, DOCUMENTS, "documents", 0, total)
        for start in range(0, total, size):
            batch: list[Document | Failure] = []
            characters = 0
            try:
                for answer in self._answers(list(frame_items(wanted.slice(start, size)))):
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
            report(self._partition.name, DOCUMENTS, "documents", done, total)

    def quarantine(self, failures: Sequence[Failure]) -> None:
        """Records what could not be read, with the reason."""
        if not failures:
            return
        self.counts["failed"] += len(failures)
        self._store.quarantine(
            self._pid,
            [(self.id_of(failure.native_id), replace(failure, stage=DOCUMENTS)) for failure in failures],
            first_delay=self._pipeline.settings.limits.quarantine_retry,
        )

    def id_of(self, native_id: bytes) -> bytes:
        """The document id of what the source calls `native_id`."""
        return document_id(self._source.type, self._source.name, native_id)

    def _answers(self, items: Sequence[Item]) -> Iterator[Document | Failure]:
        """What the source says of the items. Raises SyncError if it left one out: silence is not an answer."""
        waiting = {item.native_id for item in items}
        for answer in self._source.fetch(items):
            waiting.discard(answer.native_id)
            yield self._restated(answer) if isinstance(answer, Restated) else answer
        if waiting:
            raise SyncError(
                f"{self._partition.name}: the source gave no answer for {len(waiting)} of {len(items)} documents",
                hint="run the sync again; if it repeats, report the source type as faulty",
            )

    def _restated(self, told: Restated) -> Document | Failure:
        """The document that is held, with what the source now says of it."""
        held = self._store.document(self.id_of(told.native_id))
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
            applied = self._store.apply_documents(self._pid, rows, self._run_id)
            self.counts.update(
                added=applied.added, changed=applied.changed, metadata=applied.metadata_only, reread=applied.unchanged
            )
            self.read_content.update(row.content_hash for row in rows)
            self._store.release(self._pid, [row.document_id for row in rows], DOCUMENTS)
        self.quarantine(failures)

    def _row(self, document: Document) -> DocumentRow:
        document = storable(document)
        return DocumentRow(self.id_of(document.native_id), document, content_hash(document), metadata_hash(document))
