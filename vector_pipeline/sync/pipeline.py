"""Everything a run works with, opened when first needed and closed together.

Opening a pipeline reads nothing but the state store: the embedder, the index and the sources are opened
by whoever asks first, so that a run with nothing to do stays cheap.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

from vector_pipeline.capacity.governor import Governor
from vector_pipeline.chunking.splitter import DocumentSplitter
from vector_pipeline.conversion.convert import CONVERSION_IDENTITY
from vector_pipeline.conversion.converter import Converter
from vector_pipeline.documents import hash16
from vector_pipeline.embedding.base import DenseEmbedder, EmbeddingError, SparseEncoder
from vector_pipeline.embedding.providers import dense_embedder, sparse_encoder
from vector_pipeline.index.base import CollectionSchema, VectorIndex
from vector_pipeline.index.open import open_index
from vector_pipeline.settings import Settings
from vector_pipeline.settings_sources import SourceSettings
from vector_pipeline.sources.base import Source
from vector_pipeline.sources.registry import open_source
from vector_pipeline.state.location import Location
from vector_pipeline.state.store import StateStore
from vector_pipeline.sync.build_record import settings_at, settings_record
from vector_pipeline.sync.errors import UnknownSource
from vector_pipeline.sync.partitions import find_configured, list_partitions, site_sources
from vector_pipeline.sync.payload import PAYLOAD_VERSION
from vector_pipeline.sync.restore_mark import refuse_half_restored

USUAL_DISTANCE = "Cosine"


class Pipeline:
    """The settings and what they name: store, index, embedders, splitter, sources. A context manager."""

    def __init__(self, settings: Settings, data_dir: Path, *, beside: Pipeline | None = None) -> None:
        """With `beside`, one for another collection that shares store, index and converter with that pipeline."""
        self.settings = settings
        self.data_dir = data_dir
        self.beside = beside
        self._siblings: dict[str, Pipeline] = {}

    @cached_property
    def store(self) -> StateStore:
        """The state store, migrated to this version. Raises StateError, RestoreUnfinished."""
        if self.beside:
            return self.beside.store
        refuse_half_restored(self.data_dir)
        location = Location.from_settings(self.settings.state, self.data_dir)
        return StateStore.open(replace(location, cache=self.capacity.small_part(location.cache)))

    @cached_property
    def index(self) -> VectorIndex:
        """The vector index. Raises VectorIndexError, RestoreUnfinished."""
        if self.beside:
            return self.beside.index
        refuse_half_restored(self.data_dir)
        return open_index(self.settings.index, self.data_dir)

    @cached_property
    def converter(self) -> Converter:
        """What sources have files converted by; its processes start when the first file needs one."""
        if self.beside:
            return self.beside.converter
        return Converter(self.settings.conversion, self.data_dir / "conversions", has_room=self.capacity.has_room)

    @cached_property
    def capacity(self) -> Governor:
        """What keeps the run below its ceilings of memory and processors."""
        return self.beside.capacity if self.beside else Governor.from_settings(self.settings.limits)

    @cached_property
    def embedder(self) -> DenseEmbedder:
        """The dense embedding provider."""
        return dense_embedder(self.settings.embedding)

    @cached_property
    def sparse(self) -> SparseEncoder:
        """The sparse encoder."""
        return sparse_encoder(self.settings.embedding)

    @cached_property
    def splitter(self) -> DocumentSplitter:
        """The chunker, measuring in the embedding model's tokens."""
        return DocumentSplitter(
            self.settings.chunking, self.embedder.count_tokens, self.settings.embedding.max_input_tokens
        )

    @cached_property
    def chunks_config(self) -> bytes:
        """Names what chunks depend on besides their document; the prefix counts towards their cap."""
        return hash16(b"chunks", self.splitter.identity.encode(), self.settings.embedding.document_prefix.encode())

    @cached_property
    def embeddings_config(self) -> bytes:
        """Names what the set of embeddings depends on besides the chunks."""
        return hash16(self.chunks_config, self.embedder.identity.encode())

    @cached_property
    def vectors_identity(self) -> bytes:
        """Names what a point's vectors and the form of its payload depend on, besides the text."""
        return hash16(self.embedder.identity.encode(), self.sparse.identity.encode(), PAYLOAD_VERSION.encode())

    @cached_property
    def collection(self) -> str:
        """The collection this configuration builds: another chunking or embedding gets another one."""
        distance = self.settings.index.distance
        # The usual distance is left out, so that collections made before there was a choice keep their names.
        other = [] if distance == USUAL_DISTANCE else [distance.encode()]
        digest = hash16(self.chunks_config, self.embedder.identity.encode(), self.sparse.identity.encode(), *other)
        return f"{self.settings.index.alias}_{digest.hex()[:10]}"

    @property
    def collection_schema(self) -> CollectionSchema:
        """What the collection is made for."""
        return CollectionSchema(dimension=self.embedder.dimension, distance=self.settings.index.distance)

    @cached_property
    def chunking(self) -> int:
        """The number that chunks of this configuration have in the store."""
        return self.store.chunking_no(self.chunks_config)

    @cached_property
    def model(self) -> int:
        """The number that vectors of this configuration have in the store."""
        return self.store.model_no(self.embedder.identity)

    def record(self) -> dict[str, Any]:
        """What is recorded beside the collection: how it is made, by whose identity, and without secrets."""
        made = {"embedder": self.embedder.identity, "chunks": self.chunks_config.hex()}
        return {**settings_record(self.settings), **made}

    @property
    def live(self) -> Pipeline | None:
        """The pipeline of the collection that searches use: this one, or one beside it for a collection of other
        settings. None where nothing is searched yet, or where it is not known how that collection was made.
        """
        name = self.index.alias(self.settings.index.alias)
        return self.live_at(name) if name else None

    def live_at(self, collection: str) -> Pipeline | None:
        """`live`, of the collection that the alias was seen to point at."""
        root = self.beside or self
        if collection == root.collection:
            return root
        target = root.store.find_target(collection)
        if target is None or target.settings is None or not root.index.exists(collection):
            return None
        found = root.at(collection, target.settings)
        # Made by another version of the model than there is here now: its vectors can't be compared with ours.
        return found if found and found.identity_is(target.settings) else None

    def identity_is(self, record: Mapping[str, Any]) -> bool:
        """Whether this configuration's model is the one that was recorded. False where it can't be opened."""
        try:
            return self.embedder.identity == record.get("embedder")
        except EmbeddingError:
            return False

    def at(self, collection: str, record: Mapping[str, Any]) -> Pipeline | None:
        """The pipeline of a collection made as recorded; None where the record can't be read. Closed with this one."""
        root = self.beside or self
        if collection == root.collection:
            return root
        if collection not in root._siblings:
            settings = settings_at(record, root.settings)
            if settings is None:
                return None
            root._siblings[collection] = Pipeline(settings, root.data_dir, beside=root)
        return root._siblings[collection]

    def points_config(self, target: int) -> bytes:
        """Names what applied points depend on besides the embeddings: where they went, and how they are made."""
        place = os.fsencode(self.index.location)
        return hash16(self.embeddings_config, self.vectors_identity, str(target).encode(), place)

    def quarantine_stage(self, stage: str) -> str:
        """What failures to cut or embed are filed under: another chunking or model may not fail."""
        return f"{stage}@{self.collection}"

    def shown_stage(self, filed: str) -> str:
        """What people read for it: the collection's name only where that is not the one of the settings."""
        return filed.removesuffix(f"@{(self.beside or self).collection}")

    def source_settings(self, partition: str) -> SourceSettings | None:
        """The settings of a partition ("git/handbook", "jira/work.OPS"), None when it left the settings."""
        found = find_configured(self.settings, partition)
        return found.settings if found else None

    def documents_config(self, settings: SourceSettings) -> bytes:
        """Names what a source's documents depend on besides the source: its settings and the conversion."""
        return hash16(settings.fingerprint.encode(), CONVERSION_IDENTITY.encode())

    @contextmanager
    def source(self, partition: str) -> Iterator[Source]:
        """The source of a partition, closed afterwards. Raises UnknownSource where it is not configured."""
        found = find_configured(self.settings, partition)
        if found is None:
            raise UnknownSource(
                f"{partition}: no such source in the settings", hint="see `vector-pipeline status` for their names"
            )
        name = partition.removeprefix(f"{found.source_type}/")
        source = open_source(found.source_type, name, found.key, found.settings, self.data_dir, self.converter)
        try:
            yield source
        finally:
            source.close()

    def partitions(self) -> list[str]:
        """All configured partitions, in the order of the settings; of discovered ones those found so far."""
        discovers = any(site.settings.discovers for site in site_sources(self.settings))
        existing = [partition.name for partition in self.store.partitions()] if discovers else []
        return list_partitions(self.settings, existing)

    def close(self) -> None:
        """Closes what was opened; may be called twice."""
        for sibling in self._siblings.values():
            sibling.close()
        self._siblings.clear()
        for name in ("embedder",) if self.beside else ("converter", "store", "index", "embedder"):
            if opened := self.__dict__.pop(name, None):
                opened.close()

    def __enter__(self) -> Pipeline:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
