"""What the stages after the documents would do to one collection: cut, embed, write, remove. Nothing is stored.

Works like the stages themselves: documents whose revision a sync would raise, and those that are behind already, are
compared with what is stored, by the stages' own cursors, cutter, hashes and fingerprints. What the endpoint would be
asked is only counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from vector_pipeline.state.outlook import HeldDocument
from vector_pipeline.state.records import Chunked, DesiredChunk, DesiredDocument, DocumentRow, Partition, ToChunk
from vector_pipeline.state.rows import batches
from vector_pipeline.sync.as_stored import desired_chunk, desired_document, to_chunk
from vector_pipeline.sync.audit import find_lost_points, find_orphans
from vector_pipeline.sync.chunks import cut_documents
from vector_pipeline.sync.collection import collection_is_lost
from vector_pipeline.sync.cursors import EVERYTHING, after_revision
from vector_pipeline.sync.doubt import is_doubted, is_unwritten
from vector_pipeline.sync.payload import chunk_payload, document_payload, fingerprint
from vector_pipeline.sync.pipeline import Pipeline
from vector_pipeline.sync.stages import CHUNKS, EMBEDDINGS, POINTS, Options

_NONE = -1
"""In place of a number that was not given out yet."""

_COUNTED = (
    "chunks: chunked",
    "chunks: chunks",
    "chunks: failed",
    "chunks: removed",
    "embeddings: embedded",
    "embeddings: tokens",
    "points: upserted",
    "points: deleted",
    "points: kept_back",
)


@dataclass
class Texts:
    """Hashes of texts that one model would embed: `promised` by sources before this one, `fresh` by this one."""

    promised: set[bytes] = field(default_factory=set)
    fresh: set[bytes] = field(default_factory=set)

    def keep(self, *, goes_ahead: bool) -> None:
        """Ends a source: what it would embed is promised to those after it, if it would get so far."""
        if goes_ahead:
            self.promised |= self.fresh
        self.fresh.clear()


class Foresight:
    """The later stages of one source for one collection; documents `forced` (ids) are made again though unchanged.

    `counts` has the names of a run's history.
    """

    def __init__(
        self,
        build: Pipeline,
        partition: Partition,
        options: Options,
        texts: Texts,
        forced: Collection[bytes] = (),
    ) -> None:
        self._build, self._store, self._partition, self._options = build, build.store, partition, options
        self._pid = partition.partition_id
        self._promised, self._fresh = texts.promised, texts.fresh
        self._forced = frozenset(forced)
        self.chunking = _number(self._store.find_chunking(build.chunks_config))
        self._model = _number(self._store.find_model(build.embedder.identity))
        self._chunks_after = after_revision(self._store, partition, CHUNKS, build.chunks_config, options)
        self._texts_after = after_revision(self._store, partition, EMBEDDINGS, build.embeddings_config, options)
        self._find_target()
        self._taken: set[bytes] = set()
        self.counts: Counter[str] = Counter(dict.fromkeys(_COUNTED, 0))

    def take(self, rows: Sequence[DocumentRow]) -> None:
        """Documents that a sync would store with a new revision."""
        self._taken.update(row.document_id for row in rows)
        held = self._store.held_documents(self._pid, [row.document_id for row in rows], self.chunking)
        numbered = {_number_of(held.get(row.document_id), position): row for position, row in enumerate(rows)}
        stale = {number for number, row in numbered.items() if self._is_stale(row, held.get(row.document_id))}
        # The chunks of a tombstone are not given out, even where they are those of the document that comes back.
        unread = {number for number, row in numbered.items() if (h := held.get(row.document_id)) is None or h.deleted}
        cut = self._cut([to_chunk(number, numbered[number]) for number in sorted(stale | unread)], counted=stale)
        former = self._former([number for number in numbered if number not in unread])
        documents = []
        for number, row in numbered.items():
            result = cut.get(number)
            chunks = former[number].chunks if number in former else []
            if result is not None and result.chunks is not None:
                chunks = [desired_chunk(chunk) for chunk in result.chunks]
            documents.append(desired_document(number, row, result.error if result else "", chunks))
        self._settle(documents, {document.document_no for document in documents})

    def finish(self, gone: Sequence[bytes], touched: Collection[bytes], unread: Collection[bytes] = ()) -> None:
        """What goes (document ids), what failed later on and is tried again (`touched`), and what is behind already;
        `unread` are not forced after all.
        """
        self._forced -= frozenset(unread)
        self._taken.update(gone)
        touched = {*touched, *self._forced}
        for some in batches(gone):
            self._remove(self._store.held_documents(self._pid, some, self.chunking).values())
        again = touched - self._taken
        oldest = min(self._chunks_after, self._texts_after, self._points_after)
        for page in self._store.documents_after(self._pid, after=oldest, chunking=self.chunking):
            self._look_again([row for row in page if row.document_id not in self._taken], again)
            again.difference_update(row.document_id for row in page)
        if again:
            found = self._store.held_documents(self._pid, again, self.chunking)
            self._look_again(list(found.values()), again)
        self.counts["points: deleted"] += len(self._unknown)

    def _find_target(self) -> None:
        """Where the points are, how far they have come, and what of their record is wrong."""
        build, store, name = self._build, self._store, self._partition.name
        self._target, self._points_after = _NONE, EVERYTHING
        self._lost: set[bytes] = set()
        self._unknown: set[bytes] = set()
        if collection_is_lost(build):
            return
        target = store.find_target(build.collection)
        if target is None:
            doubtful = build.index.count(build.collection, name) > 0
        else:
            self._target, config = target.number, build.points_config(target.number)
            unwritten = is_unwritten(store, self._pid, target.number)
            doubtful = (
                build.index.count(build.collection, name) > 0
                if unwritten
                else is_doubted(store, self._pid, target.number, config)
            )
            if not (self._options.full or doubtful):
                self._points_after = after_revision(store, self._partition, POINTS, config, self._options)
        if self._options.full or doubtful:
            lost = find_lost_points(build, self._partition, self._target)
            self._lost = set(lost)
            self._unknown = set(find_orphans(build, self._partition, self._target, forgotten=lost))

    def _look_again(self, rows: Sequence[HeldDocument], again: Collection[bytes]) -> None:
        """Stored documents that a stage has not seen in their present state, or that are tried again."""
        self._remove([row for row in rows if row.deleted])
        live = [row for row in rows if not row.deleted]
        stale = [
            row.document_no
            for row in live
            if row.document_id in self._forced
            or (row.is_stale and (row.revision > self._chunks_after or row.document_id in again))
        ]
        cut: dict[int, Chunked] = {}
        for batch in self._store.to_cut(stale):
            cut |= self._cut(batch, counted=set(stale))
        documents = []
        for number, document in self._former([row.document_no for row in live]).items():
            result = cut.get(number)
            if result is None:
                documents.append(document)
            elif result.chunks is None:
                documents.append(replace(document, chunk_error=result.error))
            else:
                chunks = [desired_chunk(chunk) for chunk in result.chunks]
                documents.append(replace(document, chunk_error="", chunks=chunks))
        looked_at = {row.document_no for row in live if row.revision > self._texts_after or row.document_id in again}
        self._settle(documents, looked_at)

    def _is_stale(self, row: DocumentRow, held: HeldDocument | None) -> bool:
        """Whether a document with a new revision has to be cut."""
        if held is None or row.document_id in self._forced:
            return True
        return held.cut_from != row.content_hash or bool(held.chunk_error)

    def _cut(self, documents: Sequence[ToChunk], *, counted: Collection[int]) -> dict[int, Chunked]:
        """The documents cut, by number; those `counted` are cut by a sync, too."""
        rows = {row.document_no: row for row in cut_documents(self._build, documents)} if documents else {}
        for number in rows.keys() & set(counted):
            failed = rows[number].chunks is None
            self.counts["chunks: failed" if failed else "chunks: chunked"] += 1
            self.counts["chunks: chunks"] += len(rows[number].chunks or ())
        return rows

    def _former(self, numbers: Sequence[int]) -> Mapping[int, DesiredDocument]:
        """Stored documents with the chunks they have now, by number."""
        found = self._store.desired_points(numbers, self._model, self.chunking) if numbers else []
        return {document.document_no: document for document in found}

    def _settle(self, documents: Sequence[DesiredDocument], embedded: Collection[int]) -> None:
        """Counts the texts that documents lack (those of the numbers `embedded`), then their points."""
        lacking = self._lacking(chunk for document in documents for chunk in document.chunks if not chunk.embedded)
        texts = {
            chunk.chunk_hash: chunk.text
            for document in documents
            if document.document_no in embedded
            for chunk in document.chunks
            if chunk.chunk_hash in lacking
        }
        self.counts["embeddings: embedded"] += len(texts)
        self.counts["embeddings: tokens"] += sum(self._build.embedder.count_tokens(list(texts.values())))
        self._fresh.update(texts)
        lacking -= self._fresh
        ready = [
            document
            for document in documents
            if not document.chunk_error and not any(chunk.chunk_hash in lacking for chunk in document.chunks)
        ]
        self.counts["points: kept_back"] += len(documents) - len(ready)
        self._write(ready)

    def _lacking(self, chunks: Iterable[DesiredChunk]) -> set[bytes]:
        digests = {chunk.chunk_hash for chunk in chunks} - self._promised - self._fresh
        return self._store.lacking_vectors(self._model, list(digests)) if digests else set()

    def _write(self, documents: Sequence[DesiredDocument]) -> None:
        """Counts the points that documents should have and do not, and those that they no longer should."""
        numbers = [document.document_no for document in documents if document.document_no > 0]
        applied = self._store.applied_points(self._target, numbers)
        vectors = self._build.vectors_identity
        for document in documents:
            shared = document_payload(self._partition.name, document)
            wanted = {
                chunk.chunk_id: fingerprint(chunk_payload(shared, document, chunk), chunk.chunk_hash, vectors)
                for chunk in document.chunks
            }
            there = self._there(applied.get(document.document_no, {}))
            same = there.items() if document.document_id not in self._forced else set[tuple[bytes, bytes]]()
            self.counts["points: upserted"] += len(wanted.items() - same)
            self.counts["points: deleted"] += len(there.keys() - wanted.keys())
            self._unknown -= wanted.keys()

    def _remove(self, rows: Iterable[HeldDocument]) -> None:
        """Counts what goes with documents that are deleted."""
        found = list(rows)
        self.counts["chunks: removed"] += sum(row.cut_from is not None for row in found)
        applied = self._store.applied_points(self._target, [row.document_no for row in found])
        self.counts["points: deleted"] += sum(len(self._there(points)) for points in applied.values())

    def _there(self, applied: Mapping[bytes, bytes]) -> dict[bytes, bytes]:
        """Recorded points without those that the index has lost."""
        return {point: mark for point, mark in applied.items() if point not in self._lost}


def _number(found: int | None) -> int:
    return _NONE if found is None else found


def _number_of(held: HeldDocument | None, position: int) -> int:
    """The document's number; one below all that are given out where it has none yet."""
    return held.document_no if held else -1 - position
