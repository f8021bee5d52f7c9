"""How much there is over all sources, on both databases."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from vector_pipeline.documents import Failure, make_chunks
from vector_pipeline.state.errors import StateLocked
from vector_pipeline.state.location import Location
from vector_pipeline.state.records import Chunked
from vector_pipeline.state.store import StateStore
from vector_pipeline_tests.state.samples import cut_by, row, spans


def hold(store: StateStore, source: str, *texts: str) -> None:
    """Documents of these texts, cut at blank lines."""
    pid = store.partition(source).partition_id
    store.apply_documents(pid, [row(f"{source} {number}", text) for number, text in enumerate(texts)], "run")
    for batch in store.documents_to_chunk(pid, after=-1, chunking=cut_by(store)):
        rows = [
            Chunked(one.document_no, one.content_hash, make_chunks(one.document_id, "", one.text, spans(one.text)))
            for one in batch
        ]
        store.replace_chunks(pid, cut_by(store), rows)


def test_a_text_that_sources_share_counts_for_each_and_once_over_all(store: StateStore) -> None:
    hold(store, "git/a", "same\n\nother", "same")
    hold(store, "git/b", "same")
    model = store.model_no("model")
    texts = store.texts_to_embed(store.partition("git/b").partition_id, after=-1, model=model, chunking=cut_by(store))
    store.add_embeddings(model, texts, np.ones((len(texts), 4), dtype=np.float32))
    found = store.count_texts(cut_by(store), model)
    assert found.by_partition == {"git/a": 2, "git/b": 1}
    assert (found.shared, found.vectors) == (2, 1)


def test_nothing_held_is_nothing_counted(store: StateStore) -> None:
    store.partition("git/a")
    assert store.count_texts(cut_by(store), store.model_no("model")) == ({}, 0, 0)
    assert (store.quarantine_counts(), store.spent(), store.ingestions_since(None)) == ({}, [], [])


def test_tokens_and_costs_add_up_over_the_runs_of_a_source(store: StateStore) -> None:
    for source, tokens in (("git/a", 10), ("git/b", 5), ("git/a", 7)):
        number = store.begin_ingestion(store.partition(source).partition_id, "run", "auto")
        counts = {"embeddings: tokens": tokens, "embeddings: cost": tokens / 10}
        store.finish_ingestion(number, status="success", counts=counts, seconds=1.0)
    assert store.spent() == [("git/a", 2, 17, pytest.approx(1.7)), ("git/b", 1, 5, pytest.approx(0.5))]
    newest = store.ingestions_since(datetime.now(UTC) - timedelta(hours=1), limit=2)
    assert [one.partition for one in newest] == ["git/b", "git/a"], "the newest, oldest first"
    assert store.ingestions_since(datetime.now(UTC) + timedelta(hours=1)) == []


def test_a_document_in_quarantine_counts_once_however_many_stages_refuse_it(store: StateStore) -> None:
    pid = store.partition("git/a").partition_id
    failures = [(b"d" * 16, Failure(b"d", "v", "file:d", stage, "broken")) for stage in ("documents", "chunks")]
    store.quarantine(pid, failures, first_delay=timedelta(minutes=1))
    assert store.quarantine_counts() == {"git/a": 1}


def test_a_store_that_somebody_else_writes_to_for_long_is_told_apart(sqlite_location: Location) -> None:
    StateStore.open(sqlite_location).close()
    assert sqlite_location.path is not None
    with StateStore.open(Location.file(sqlite_location.path, timeout_s=0.1)) as store:
        store.check_writable()
        holder = sqlite3.connect(sqlite_location.path, isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")
        with pytest.raises(StateLocked):
            store.check_writable()
        holder.close()
