"""Searching what was indexed: one hybrid request, with the weights that fit the model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from vector_pipeline.index.base import Hit, Query
from vector_pipeline.sync.errors import SyncError
from vector_pipeline.sync.pipeline import Pipeline


def search(
    pipeline: Pipeline,
    text: str,
    *,
    limit: int = 10,
    must: Mapping[str, Sequence[str]] | None = None,
    readers: Sequence[str] | None = None,
) -> list[Hit]:
    """The best passages for a question, best first. `must` maps payload fields to allowed values; with `readers` (see
    `access`) only passages come that whoever has these labels may read.

    Raises SyncError when nothing has been indexed yet, VectorIndexError and EmbeddingError.
    """
    alias = pipeline.settings.index.alias
    collection = pipeline.index.alias(alias)
    if collection is None:
        raise SyncError("nothing has been indexed yet", hint="run `vector-pipeline sync` first")
    # While a collection for changed settings is still being filled, the one before it answers, by keyword only:
    # its vectors may be of another model.
    same_model = collection == pipeline.collection
    query = Query(
        dense=pipeline.embedder.embed_query(text) if same_model else None,
        sparse=pipeline.sparse.encode_query(text),
        limit=limit,
        must=must or {},
        readers=readers,
    )
    return pipeline.index.search(alias, query)
