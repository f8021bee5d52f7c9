"""The embeddings stage: a vector for every chunk text that has none yet under this model.

Vectors are recorded as they arrive, so a run that fails or is killed half way never pays for a text twice.
"""

from __future__ import annotations

from collections import Counter

from vector_pipeline.documents import Failure
from vector_pipeline.embedding.base import EmbeddedBatch, EmbeddingError
from vector_pipeline.sync.cursors import after_revision, reached_revision, record_revision
from vector_pipeline.sync.pipeline import Pipeline
from vector_pipeline.sync.progress import report
from vector_pipeline.sync.stages import CHUNKS, EMBEDDINGS, Options, StageResult

WINDOW = 4096
"""Texts read into memory at once."""


def run_embeddings(pipeline: Pipeline, name: str, run_id: str, options: Options) -> StageResult:
    """Embeds what is new in a partition. Raises EmbeddingError after recording all that succeeded.

    A text that the provider refuses puts its documents into quarantine; their last good points stay. For the collection
    of former settings, a provider that can't be reached does so, too: it must not keep the one of the settings waiting.
    """
    store = pipeline.store
    partition = store.partition(name)
    config = pipeline.embeddings_config
    reached = reached_revision(store, partition, CHUNKS, pipeline.chunks_config)
    after = after_revision(store, partition, EMBEDDINGS, config, options)
    texts = store.texts_to_embed(partition.partition_id, after=after, model=pipeline.model, chunking=pipeline.chunking)
    counts: Counter[str] = Counter(embedded=0, tokens=0)
    refused: dict[int, str] = {}
    report(name, EMBEDDINGS, "texts", 0, len(texts))
    done: set[int] = set()
    try:
        for start in range(0, len(texts), WINDOW):
            window = texts[start : start + WINDOW]
            bodies = store.text_bodies(window)
            for batch in pipeline.embedder.embed([bodies[number] for number in window]):
                _record(pipeline, window, batch)
                done.update(window[position] for position in batch.positions)
                refused |= {window[position]: reason for position, reason in batch.failures.items()}
                counts["tokens"] += batch.tokens
                report(name, EMBEDDINGS, "texts", len(done) + len(refused), len(texts))
    except EmbeddingError as error:
        if pipeline.beside is None:
            raise
        refused |= {number: str(error) for number in texts if number not in done and number not in refused}
    counts["embedded"] = len(done)
    counts["failed"] = _quarantine(pipeline, partition.partition_id, refused)
    record_revision(store, partition, EMBEDDINGS, config, reached)
    rows = store.count_chunks(partition.partition_id, pipeline.chunking)
    counts["reused"] = rows - len(texts)
    return StageResult(
        name,
        EMBEDDINGS,
        f"{config.hex()[:8]}-r{partition.revision}",
        rows - len(refused),
        dict(counts),
        failed=counts["failed"],
    )


def _record(pipeline: Pipeline, window: list[int], batch: EmbeddedBatch) -> None:
    if len(batch.positions):
        numbers = [window[position] for position in batch.positions]
        pipeline.store.add_embeddings(pipeline.model, numbers, batch.vectors)


def _quarantine(pipeline: Pipeline, partition_id: int, refused: dict[int, str]) -> int:
    """Puts the documents of the refused texts into quarantine; the number of documents."""
    if not refused:
        return 0
    stage = pipeline.quarantine_stage(EMBEDDINGS)
    failures = {
        document_id: Failure(native_id, version, uri, stage, refused[text_no])
        for text_no, _, native_id, version, uri, document_id in pipeline.store.documents_of_texts(
            partition_id, list(refused), pipeline.chunking
        )
    }
    delay = pipeline.settings.limits.quarantine_retry
    pipeline.store.quarantine(partition_id, list(failures.items()), first_delay=delay)
    return len(failures)
