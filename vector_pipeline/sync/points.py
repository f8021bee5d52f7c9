"""The points stage: what the index holds, brought in step with chunks and embeddings.

Points are applied first and recorded after, idempotently: a kill between the two costs a repeat, never a hole.
New points of all documents are written before any old one is removed, so that text which moved from one
document to another can be found at every moment.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import polars as pl

from vector_pipeline.capacity.governor import PER_CHARACTER
from vector_pipeline.index.base import Point
from vector_pipeline.state.points_table import CHUNKS_PER_BATCH
from vector_pipeline.state.records import DesiredChunk, DesiredDocument, Partition
from vector_pipeline.sync.audit import find_orphans, forget_lost_points
from vector_pipeline.sync.collection import prepare_collection
from vector_pipeline.sync.cursors import EVERYTHING, after_revision, reached_revision, record_revision
from vector_pipeline.sync.doubt import is_doubted, is_unwritten, record_doubt, record_trust
from vector_pipeline.sync.halting import Between, Halted
from vector_pipeline.sync.payload import chunk_payload, document_payload, fingerprint
from vector_pipeline.sync.pipeline import Pipeline
from vector_pipeline.sync.planning import EXPECTED, plan_points
from vector_pipeline.sync.progress import report
from vector_pipeline.sync.stages import EMBEDDINGS, POINTS, Options, StageResult


def run_points(pipeline: Pipeline, name: str, run_id: str, options: Options) -> StageResult:
    """Brings the points of a partition in step. Raises VectorIndexError; what was recorded by then stays.

    Documents with a chunk that could not be cut or embedded keep the points they have.
    """
    target = prepare_collection(pipeline)
    partition = pipeline.store.partition(name)
    return _Points(pipeline, partition, target).run(options)


def purge(pipeline: Pipeline, name: str) -> None:
    """Removes every point and row of a source that left the settings, in every collection of ours."""
    existing = set(pipeline.index.collections())
    for collection in pipeline.store.targets():
        if collection in existing:
            pipeline.index.delete_source(collection, name)
    pipeline.store.drop_partition(name)


@dataclass
class _Wanted:
    """The points a batch of documents should have: by chunk id, what is needed to write each."""

    chunks: dict[bytes, tuple[DesiredDocument, DesiredChunk]] = field(default_factory=dict)
    payloads: dict[bytes, dict[str, object]] = field(default_factory=dict)
    fingerprints: dict[bytes, bytes] = field(default_factory=dict)


def advance_points(
    pipeline: Pipeline, partition: Partition, after: int, counts: Counter[str], between: Between
) -> int | None:
    """Writes the points of what changed after `after` as far as it is embedded; adds to `counts` as it goes.

    Gives the revision it came to, to go on after. Nothing is removed: that is for the end, when all that is new can be
    found, and so how far it came is recorded only where nothing waits to be removed. None where the index has to be
    looked into first, which is left to the stage itself.
    """
    target = prepare_collection(pipeline)
    return _Points(pipeline, partition, target).run_ahead(after, counts, between)


class _Points:
    """One run of the stage for one partition."""

    def __init__(self, pipeline: Pipeline, partition: Partition, target: int) -> None:
        self.pipeline, self.store, self.index = pipeline, pipeline.store, pipeline.index
        self.partition, self.target = partition, target
        self.model, self.chunking = pipeline.model, pipeline.chunking
        self.waits_in = pipeline.quarantine_stage(EMBEDDINGS)
        self.counts: Counter[str] = Counter(upserted=0, deleted=0, kept_back=0)

    def _is_doubtful(self, config: bytes) -> bool:
        """Whether the index may differ from the record.

        A run that died while writing may have left points that were never recorded, or changed or removed some
        whose record still says otherwise. If their documents have changed since, or back, no plan knows of it, so
        the index itself has to be looked into; so too where the collection is older than the record.
        """
        pid = self.partition.partition_id
        if is_unwritten(self.store, pid, self.target):
            return self.index.count(self.pipeline.collection, self.partition.name) > 0
        return is_doubted(self.store, pid, self.target, config)

    def run(self, options: Options) -> StageResult:
        pid, name = self.partition.partition_id, self.partition.name
        config = self.pipeline.points_config(self.target)
        doubtful = options.full or self._is_doubtful(config)
        after = EVERYTHING if doubtful else after_revision(self.store, self.partition, POINTS, config, options)
        reached = reached_revision(self.store, self.partition, EMBEDDINGS, self.pipeline.embeddings_config)
        waiting = self._waiting()
        if after < self.partition.revision:
            with self.index.session(self.pipeline.collection):
                record_doubt(self.store, pid, self.target, config)
                self._write_all(after, waiting, doubtful=doubtful)
            record_revision(self.store, self.partition, POINTS, config, reached)
            record_trust(self.store, pid, self.target, config)
        return StageResult(
            name,
            POINTS,
            f"{config.hex()[:8]}-r{self.partition.revision}",
            self.store.count_points(self.target, pid),
            dict(self.counts),
            failed=self.counts["kept_back"],
        )

    def run_ahead(self, after: int, counts: Counter[str], between: Between) -> int | None:
        store, pid, config = self.store, self.partition.partition_id, self.pipeline.points_config(self.target)
        if self._is_doubtful(config):
            return None
        recorded = after_revision(store, self.partition, POINTS, config, Options())
        after = max(after, recorded)
        reached = reached_revision(store, self.partition, EMBEDDINGS, self.pipeline.embeddings_config)
        if reached <= after:
            return after
        waiting, stale = self._waiting(), 0
        with self.index.session(self.pipeline.collection):
            record_doubt(store, pid, self.target, config)
            try:
                for numbers in self._batches(after, until=reached):
                    between()
                    stale += len(self._upsert(numbers, waiting))
            except Halted:
                record_trust(store, pid, self.target, config)
                raise
            finally:
                counts["upserted"] += self.counts["upserted"]
            record_trust(store, pid, self.target, config)
        if after == recorded and not stale:
            record_revision(store, self.partition, POINTS, config, reached)
            counts["kept_back"] += self.counts["kept_back"]
        return reached

    @property
    def _bytes(self) -> int:
        """About what a point takes while it is made and written: its text several times, its vectors."""
        settings = self.pipeline.settings
        return PER_CHARACTER * settings.chunking.target_chars // 2 + 32 * self.pipeline.embedder.dimension

    def _batches(self, after: int, until: int | None = None) -> Iterator[list[int]]:
        """The documents changed after a revision, some at a time."""
        return self.store.documents_to_point(
            self.partition.partition_id,
            after=after,
            chunking=self.chunking,
            until=until,
            most_chunks=lambda: self.pipeline.capacity.allowed(CHUNKS_PER_BATCH, self._bytes),
        )

    def _waiting(self) -> set[bytes]:
        """The documents that wait in quarantine for the vectors of this build."""
        rows = self.store.quarantined(self.partition.partition_id).filter(pl.col("stage") == self.waits_in)
        return set(rows["document_id"].to_list())

    def _write_all(self, after: int, waiting: set[bytes], *, doubtful: bool) -> None:
        """Everything new first, then everything old."""
        if doubtful:
            forget_lost_points(self.pipeline, self.partition, self.target)
        stale: list[bytes] = []
        for numbers in self._batches(after):
            stale += self._upsert(numbers, waiting)
            report(self.partition.name, POINTS, "points", self.counts["upserted"])
        self._delete(stale)
        if doubtful:
            self._delete(find_orphans(self.pipeline, self.partition, self.target))

    def _upsert(self, numbers: Sequence[int], waiting: set[bytes]) -> list[bytes]:
        """Writes the new and changed points of some documents; the ids of those to remove."""
        documents = self.store.desired_points(numbers, self.model, self.chunking)
        ready = [document for document in documents if _is_ready(document)]
        self.counts["kept_back"] += len(documents) - len(ready)
        wanted = self._wanted(ready)
        applied = self.store.applied_points(self.target, [document.document_no for document in ready])
        plan = plan_points(
            _expected(wanted.fingerprints),
            _expected({chunk_id: mark for points in applied.values() for chunk_id, mark in points.items()}),
        )
        for ids in self.pipeline.capacity.windows(plan.upsert, self.pipeline.settings.index.batch_size, self._bytes):
            self._write(wanted, ids)
        complete = [document.document_id for document in ready if document.document_id in waiting]
        if complete:
            self.store.release(self.partition.partition_id, complete, self.waits_in)
        return plan.delete

    def _wanted(self, documents: Sequence[DesiredDocument]) -> _Wanted:
        wanted = _Wanted()
        vectors = self.pipeline.vectors_identity
        for document in documents:
            if document.deleted:
                continue
            shared = document_payload(self.partition.name, document)
            for chunk in document.chunks:
                payload = chunk_payload(shared, document, chunk)
                wanted.chunks[chunk.chunk_id] = (document, chunk)
                wanted.payloads[chunk.chunk_id] = payload
                wanted.fingerprints[chunk.chunk_id] = fingerprint(payload, chunk.chunk_hash, vectors)
        return wanted

    def _write(self, wanted: _Wanted, ids: Sequence[bytes]) -> None:
        """Upserts points, then records them."""
        chunks = [wanted.chunks[chunk_id][1] for chunk_id in ids]
        dense = self.store.vectors(self.model, list({chunk.text_no for chunk in chunks}))
        sparse = self.pipeline.sparse.encode([chunk.text for chunk in chunks])
        points = [
            Point(
                chunk.chunk_id,
                dense[chunk.text_no],
                terms,
                {**wanted.payloads[chunk.chunk_id], "payload_hash": wanted.fingerprints[chunk.chunk_id].hex()},
            )
            for chunk, terms in zip(chunks, sparse, strict=True)
        ]
        self.index.upsert(self.pipeline.collection, points)
        record = [(chunk_id, wanted.chunks[chunk_id][0].document_no, wanted.fingerprints[chunk_id]) for chunk_id in ids]
        self.store.record_points(self.target, record, [])
        self.counts["upserted"] += len(ids)

    def _delete(self, ids: Sequence[bytes]) -> None:
        """Removes points, then their records."""
        size = self.pipeline.settings.index.batch_size
        for start in range(0, len(ids), size):
            batch = ids[start : start + size]
            self.index.delete(self.pipeline.collection, batch)
            self.store.record_points(self.target, [], batch)
            self.counts["deleted"] += len(batch)


def _is_ready(document: DesiredDocument) -> bool:
    """Whether the document's points may be changed: it is deleted, or all of its current text is cut and embedded."""
    return document.deleted or not (document.chunk_error or any(not chunk.embedded for chunk in document.chunks))


def _expected(fingerprints: dict[bytes, bytes]) -> pl.DataFrame:
    return pl.DataFrame({"chunk_id": list(fingerprints), "fingerprint": list(fingerprints.values())}, schema=EXPECTED)
