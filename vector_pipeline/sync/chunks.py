"""The chunks stage: every live document cut, none cut that has not changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from vector_pipeline.capacity.governor import PER_CHARACTER
from vector_pipeline.chunking.base import Splittable
from vector_pipeline.chunking.cap import bounded_context
from vector_pipeline.documents import Failure, Span, make_chunks
from vector_pipeline.state.records import Chunked, Partition, ToChunk
from vector_pipeline.sync.cursors import after_revision, record_revision
from vector_pipeline.sync.halting import Between, nothing
from vector_pipeline.sync.pipeline import Pipeline
from vector_pipeline.sync.progress import report
from vector_pipeline.sync.stages import CHUNKS, Options, StageResult

COUNTED = ("chunked", "chunks", "failed", "removed")
"""What every run counts, zeros too."""


def run_chunks(pipeline: Pipeline, name: str, run_id: str, options: Options) -> StageResult:
    """Brings the chunks of a partition in step with its documents. Documents that can't be cut go to quarantine."""
    partition = pipeline.store.partition(name)
    counts = Counter(dict.fromkeys(COUNTED, 0))
    advance_chunks(pipeline, partition, options, counts)
    return StageResult(
        name,
        CHUNKS,
        f"{pipeline.chunks_config.hex()[:8]}-r{partition.revision}",
        pipeline.store.count_chunks(partition.partition_id, pipeline.chunking),
        counts,
        failed=counts["failed"],
    )


def advance_chunks(
    pipeline: Pipeline, partition: Partition, options: Options, counts: Counter[str], between: Between = nothing
) -> None:
    """Cuts what changed up to the revision of `partition` and records that; adds to `counts` as it goes.

    Calls `between` between two batches: what that raises ends the work, and the next call goes on from here.
    """
    store, pid, config = pipeline.store, partition.partition_id, pipeline.chunks_config
    after = after_revision(store, partition, CHUNKS, config, options)
    most = pipeline.settings.limits.chunk_text
    for batch in store.documents_to_chunk(
        pid,
        after=after,
        chunking=pipeline.chunking,
        until=partition.revision,
        most_text=lambda: pipeline.capacity.allowed(most, PER_CHARACTER),
    ):
        between()
        rows = cut_documents(pipeline, batch)
        store.replace_chunks(pid, pipeline.chunking, rows)
        _settle_quarantine(pipeline, partition, batch, rows)
        counts["removed"] += sum(document.deleted for document in batch)
        counts["failed"] += sum(bool(row.error) for row in rows)
        counts["chunked"] += sum(not (document.deleted or row.error) for document, row in zip(batch, rows, strict=True))
        counts["chunks"] += sum(len(row.chunks or ()) for row in rows)
        report(partition.name, CHUNKS, "chunks", counts["chunks"])
    record_revision(store, partition, CHUNKS, config, partition.revision)


def cut_documents(pipeline: Pipeline, batch: Sequence[ToChunk]) -> list[Chunked]:
    """A row per document: its chunks, none for a deleted one, or the reason why it can't be cut."""
    contexts = {document.context for document in batch}
    bounded = {
        context: bounded_context(context, pipeline.embedder.count_tokens, pipeline.splitter.max_tokens)
        for context in contexts
    }
    live = [document for document in batch if not document.deleted]
    answers = pipeline.splitter.split(
        [Splittable(document.text, document.kind, document.language, bounded[document.context]) for document in live]
    )
    by_number = {document.document_no: answer for document, answer in zip(live, answers, strict=True)}
    return [_row(document, bounded[document.context], by_number.get(document.document_no, [])) for document in batch]


def _row(document: ToChunk, context: str, answer: list[Span] | str) -> Chunked:
    if isinstance(answer, str):
        return Chunked(document.document_no, document.content_hash, None, answer)
    chunks = make_chunks(document.document_id, context, document.text, answer)
    return Chunked(document.document_no, document.content_hash, chunks)


def _settle_quarantine(
    pipeline: Pipeline, partition: Partition, batch: Sequence[ToChunk], rows: Sequence[Chunked]
) -> None:
    """Quarantines what could not be cut, releases what could."""
    stage = pipeline.quarantine_stage(CHUNKS)
    pairs = list(zip(batch, rows, strict=True))
    failures = [
        (document.document_id, Failure(document.native_id, document.version, document.uri, stage, row.error))
        for document, row in pairs
        if row.error
    ]
    if failures:
        delay = pipeline.settings.limits.quarantine_retry
        pipeline.store.quarantine(partition.partition_id, failures, first_delay=delay)
    cut = [document.document_id for document, row in pairs if not row.error]
    pipeline.store.release(partition.partition_id, cut, stage)
