"""Searching what was indexed: one hybrid request, with the weights that fit the model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from vector_pipeline.embedding.base import EmbeddingError, SparseVector, Vectors
from vector_pipeline.index.base import CollectionMissing, Hit, Query
from vector_pipeline.sync.errors import SyncError
from vector_pipeline.sync.pipeline import Pipeline


def search(
    pipeline: Pipeline,
    text: str,
    *,
    limit: int = 10,
    must: Mapping[str, Sequence[str]] | None = None,
    readers: Sequence[str] | None = None,
    words: Words | None = None,
) -> list[Hit]:
    """The best passages for a question, best first. `must` maps payload fields to allowed values; with `readers` (see
    `access`) only passages come that whoever has these labels may read.

    Raises SyncError when nothing has been indexed yet, VectorIndexError and EmbeddingError.
    """
    words = words or prepare_query(pipeline, text)
    query = Query(dense=words.dense, sparse=words.sparse, limit=limit, must=must or {}, readers=readers)
    try:
        # By the name of the collection that the vectors fit, not by the alias: that may move on at any moment.
        return pipeline.index.search(words.collection, query)
    except CollectionMissing:
        words = prepare_query(pipeline, text)
        return pipeline.index.search(words.collection, replace(query, dense=words.dense, sparse=words.sparse))


@dataclass(frozen=True, slots=True)
class Words:
    """A question in the vectors of one collection; `dense` is None where only words can be compared."""

    collection: str
    dense: Vectors | None
    sparse: SparseVector


def prepare_query(pipeline: Pipeline, text: str) -> Words:
    """The question as the collection that searches use understands it.

    While searches use a collection of former settings, its own model embeds the question; where that can't be reached
    any more, or is not known, words alone are compared. Raises SyncError when nothing has been indexed yet.
    """
    collection = pipeline.index.alias(pipeline.settings.index.alias)
    if collection is None:
        raise SyncError("nothing has been indexed yet", hint="run `vector-pipeline sync` first")
    live = pipeline.live_at(collection)
    sparse = (live or pipeline).sparse.encode_query(text)
    if live is None:
        return Words(collection, None, sparse)
    try:
        return Words(collection, live.embedder.embed_query(text), sparse)
    except EmbeddingError:
        if live is pipeline:
            raise
        return Words(collection, None, sparse)
