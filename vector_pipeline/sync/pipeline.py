"""Everything a run works with, opened when first needed and closed together.

Opening a pipeline reads nothing but the state store: the embedder, the index and the sources are opened
by whoever asks first, so that a run with nothing to do stays cheap.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

from vector_pipeline.chunking.splitter import DocumentSplitter
from vector_pipeline.conversion.convert import CONVERSION_IDENTITY
from vector_pipeline.conversion.converter import Converter
from vector_pipeline.documents import hash16
from vector_pipeline.embedding.base import DenseEmbedder, SparseEncoder
from vector_pipeline.embedding.providers import dense_embedder, sparse_encoder
from vector_pipeline.index.base import CollectionSchema, VectorIndex
from vector_pipeline.index.open import open_index
from vector_pipeline.settings import Settings
from vector_pipeline.settings_sources import SourceSettings
from vector_pipeline.sources.base import Source
from vector_pipeline.sources.registry import open_source
from vector_pipeline.state.location import Location
from vector_pipeline.state.store import StateStore
from vector_pipeline.sync.errors import UnknownSource
from vector_pipeline.sync.partitions import find_configured, list_partitions, site_sources
from vector_pipeline.sync.payload import PAYLOAD_VERSION


class Pipeline:
    """The settings and what they name: store, index, embedders, splitter, sources. A context manager."""

    def __init__(self, settings: Settings, data_dir: Path) -> None:
        self.settings = settings
        self.data_dir = data_dir

    @cached_property
    def store(self) -> StateStore:
        """The state store, migrated to this version. Raises StateError."""
        return StateStore.open(Location.from_settings(self.settings.state, self.data_dir))

    @cached_property
    def index(self) -> VectorIndex:
        """The vector index. Raises VectorIndexError."""
        return open_index(self.settings.index, self.data_dir)

    @cached_property
    def converter(self) -> Converter:
        """What sources have files converted by; its processes start when the first file needs one."""
        return Converter(self.settings.conversion, self.data_dir / "conversions")

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
        digest = hash16(self.chunks_config, self.embedder.identity.encode(), self.sparse.identity.encode())
        return f"{self.settings.index.alias}_{digest.hex()[:10]}"

    @property
    def collection_schema(self) -> CollectionSchema:
        """What the collection is made for."""
        return CollectionSchema(dimension=self.embedder.dimension)

    def points_config(self, target: int) -> bytes:
        """Names what applied points depend on besides the embeddings: where they went, and how they are made."""
        place = os.fsencode(self.index.location)
        return hash16(self.embeddings_config, self.vectors_identity, str(target).encode(), place)

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
        for name in ("converter", "store", "index", "embedder"):
            if opened := self.__dict__.pop(name, None):
                opened.close()

    def __enter__(self) -> Pipeline:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
