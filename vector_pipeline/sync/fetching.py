"""Bringing documents from a source into the store: batch by batch, failures into quarantine."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import polars as pl

from vector_pipeline.capacity.governor import PER_CHARACTER
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
from vector_pipeline.state.records import Applied, DocumentRow, Partition
from vector_pipeline.sync.ahead import Follower
from vector_pipeline.sync.errors import SyncError
from vector_pipeline.sync.kept_out import read_barred
from vector_pipeline.sync.pipeline import Pipeline
from vector_pipeline.sync.progress import report
from vector_pipeline.sync.slowest import note_duration
from vector_pipeline.sync.stages import DOCUMENTS

_BYTES_PER_DOCUMENT = 20_000
"""About what a document takes besides its text, which is counted for itself."""


class Fetching:
    """Fetches documents of one source for one run and records them.

    `counts` holds added, changed, metadata, reread and failed; `recorded` the native ids of what was read and recorded,
    `read_content` its content hashes.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        partition: Partition,
        source: Source,
        run_id: str,
        follower: Follower | None = None,
        takes: Callable[[Document], bool] | None = None,
    ) -> None:
        self._pipeline, self._store = pipeline, pipeline.store
        self._follower, self._takes = follower, takes
        self._partition, self._pid = partition, partition.partition_id
        self._source, self._run_id = source, run_id
        self._capacity, self._limits = pipeline.capacity, pipeline.settings.limits
        self.counts: Counter[str] = Counter()
        self.recorded: set[bytes] = set()
        self.read_content: set[bytes] = set()
        self._barred = read_barred(self._store, self._pid).documents.keys()

    def fetch(self, wanted: pl.DataFrame) -> None:
        """Fetches and records what a plan wants (LISTED). Raises SourceError; what had come by then is recorded."""
        total, start = wanted.height, 0
        report(self._partition.name, DOCUMENTS, "documents", 0, total)
        if self._follower:
            self._follower.expect(total)
        while start < total:
            size = self._capacity.allowed(self._limits.fetch_batch, _BYTES_PER_DOCUMENT)
            self._fetch_some(list(frame_items(wanted.slice(start, size))))
            start = min(total, start + size)
            if self._follower:
                self._follower.note(start)
            report(self._partition.name, DOCUMENTS, "documents", start, total)

    def _fetch_some(self, items: Sequence[Item]) -> None:
        """Fetches and records some documents, more often where they are large."""
        batch: list[Document | Failure] = []
        characters, most = 0, self._most_characters()
        try:
            for answer in self._timed(self._answers(items)):
                batch.append(answer)
                characters += len(answer.text) if isinstance(answer, Document) else 0
                if characters > most:
                    self._apply(batch)
                    batch, characters, most = [], 0, self._most_characters()
        except SourceError:
            # What has come is kept: the run that continues does not ask for it again.
            self._apply(batch)
            raise
        self._apply(batch)

    def _most_characters(self) -> int:
        return self._capacity.allowed(self._limits.fetch_text, PER_CHARACTER)

    def _timed(self, answers: Iterator[Document | Failure]) -> Iterator[Document | Failure]:
        """The answers, with the time that each was waited for told to whoever keeps the slowest."""
        asked = time.monotonic()
        for answer in answers:
            if isinstance(answer, Document):
                document = self.id_of(answer.native_id)
                note_duration(DOCUMENTS, document, time.monotonic() - asked, len(answer.text))
            yield answer
            asked = time.monotonic()

    def quarantine(self, failures: Sequence[Failure]) -> None:
        """Records what could not be read, with the reason."""
        if not failures:
            return
        self.counts["failed"] += len(failures)
        self._store.quarantine(
            self._pid,
            [(self.id_of(failure.native_id), replace(failure, stage=DOCUMENTS)) for failure in failures],
            first_delay=self._limits.quarantine_retry,
        )

    def id_of(self, native_id: bytes) -> bytes:
        """The document id of what the source calls `native_id`."""
        return document_id(self._source.type, self._source.name, native_id)

    def _answers(self, items: Sequence[Item]) -> Iterator[Document | Failure]:
        """What the source says of the items. Raises SyncError if it left one out: silence is not an answer."""
        waiting = {item.native_id for item in items}
        for answer in self._source.fetch(items):
            waiting.discard(answer.native_id)
            if answer.native_id in self._barred:
                continue  # came along with what it hangs on
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
        rows = [self._row(answer) for answer in answers if isinstance(answer, Document) and self._wants(answer)]
        if rows:
            applied = self._record(rows)
            self.counts.update(
                added=applied.added, changed=applied.changed, metadata=applied.metadata_only, reread=applied.unchanged
            )
            self.recorded.update(row.document.native_id for row in rows)
            self.read_content.update(row.content_hash for row in rows)
        self.quarantine(failures)

    def _wants(self, document: Document) -> bool:
        """Whether a document that was read is to be recorded: some can be judged only then."""
        return self._takes is None or self._takes(document)

    def _record(self, rows: Sequence[DocumentRow]) -> Applied:
        """Stores documents that were read; says how many were what."""
        applied = self._store.apply_documents(self._pid, rows, self._run_id)
        self._store.release(self._pid, [row.document_id for row in rows], DOCUMENTS)
        return applied

    def _row(self, document: Document) -> DocumentRow:
        document = storable(document)
        return DocumentRow(self.id_of(document.native_id), document, content_hash(document), metadata_hash(document))
