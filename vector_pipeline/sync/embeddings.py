"""The embeddings stage: a vector for every chunk text that has none yet under this model.

Vectors are recorded as they arrive, so a run that fails or is killed half way never pays for a text twice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from vector_pipeline.capacity.governor import PER_CHARACTER
from vector_pipeline.documents import Failure
from vector_pipeline.embedding.base import EmbeddedBatch, EmbeddingError
from vector_pipeline.state.records import Partition
from vector_pipeline.sync.cursors import after_revision, reached_revision, record_revision
from vector_pipeline.sync.halting import Between, nothing
from vector_pipeline.sync.pipeline import Pipeline
from vector_pipeline.sync.progress import report
from vector_pipeline.sync.stages import CHUNKS, EMBEDDINGS, Options, StageResult


def run_embeddings(pipeline: Pipeline, name: str, run_id: str, options: Options) -> StageResult:
    """Embeds what is new in a partition. Raises EmbeddingError after recording all that succeeded.

    A text that the provider refuses puts its documents into quarantine; their last good points stay. For the collection
    of former settings, a provider that can't be reached does so, too: it must not keep the one of the settings waiting.
    """
    store = pipeline.store
    partition = store.partition(name)
    counts: Counter[str] = Counter(embedded=0, tokens=0, failed=0)
    asked, refused = advance_embeddings(pipeline, partition, options, counts)
    rows = store.count_chunks(partition.partition_id, pipeline.chunking)
    counts["reused"] = rows - asked
    cost = pipeline.settings.embedding.cost(counts["tokens"])
    return StageResult(
        name,
        EMBEDDINGS,
        f"{pipeline.embeddings_config.hex()[:8]}-r{partition.revision}",
        rows - refused,
        {**counts, "cost": cost},
        failed=counts["failed"],
    )


def advance_embeddings(
    pipeline: Pipeline, partition: Partition, options: Options, counts: Counter[str], between: Between = nothing
) -> tuple[int, int]:
    """Embeds what is new as far as it has been cut and records that; adds to `counts` as it goes.

    Gives how many texts had no vector, and how many of them were refused. Calls `between` between two windows: what
    that raises ends the work, and the next call goes on from here. Raises EmbeddingError.
    """
    store, name, config = pipeline.store, partition.name, pipeline.embeddings_config
    reached = reached_revision(store, partition, CHUNKS, pipeline.chunks_config)
    after = after_revision(store, partition, EMBEDDINGS, config, options)
    texts = store.texts_to_embed(partition.partition_id, after=after, model=pipeline.model, chunking=pipeline.chunking)
    refused: dict[int, str] = {}
    report(name, EMBEDDINGS, "texts", 0, len(texts))
    done: set[int] = set()
    try:
        for window in pipeline.capacity.windows(texts, pipeline.settings.limits.embed_window, _bytes_of_text(pipeline)):
            between()
            bodies = store.text_bodies(window)
            for batch in pipeline.embedder.embed([bodies[number] for number in window]):
                _record(pipeline, window, batch)
                done.update(window[position] for position in batch.positions)
                counts["embedded"] += len(batch.positions)
                refused |= {window[position]: reason for position, reason in batch.failures.items()}
                counts["tokens"] += batch.tokens
                report(name, EMBEDDINGS, "texts", len(done) + len(refused), len(texts))
    except EmbeddingError as error:
        if pipeline.beside is None:
            raise
        refused |= {number: str(error) for number in texts if number not in done and number not in refused}
    counts["failed"] += _quarantine(pipeline, partition.partition_id, refused)
    record_revision(store, partition, EMBEDDINGS, config, reached)
    return len(texts), len(refused)


def _bytes_of_text(pipeline: Pipeline) -> int:
    """About what a text takes until its vector is recorded."""
    return PER_CHARACTER * pipeline.settings.chunking.target_chars + 16 * pipeline.embedder.dimension


def _record(pipeline: Pipeline, window: Sequence[int], batch: EmbeddedBatch) -> None:
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
