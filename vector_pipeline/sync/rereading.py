"""Reading again what has not changed, from sources whose fetch needs to be told more than a listing tells of such."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import polars as pl

from vector_pipeline.documents import Document, Failure, Item, Restated, document_id
from vector_pipeline.sources.base import Held, Known, Listing, Rereads, Source
from vector_pipeline.sync.pipeline import Pipeline


def rereading(pipeline: Pipeline, source: Source, wanted: pl.DataFrame) -> Source:
    """The source, with which everything in a plan's `fetch` can be fetched, what is read by force too."""
    forced = frozenset(wanted.filter(pl.col("forced") & pl.col("known"))["native_id"].to_list())
    return _Rereading(pipeline, source, source, forced) if isinstance(source, Rereads) and forced else source


class _Rereading:
    """Implements `Source`: of some documents it asks as of ones that are held, of all others as ever."""

    def __init__(self, pipeline: Pipeline, source: Source, rereads: Rereads, held: frozenset[bytes]) -> None:
        self._pipeline, self._source, self._rereads, self._held = pipeline, source, rereads, held

    @property
    def type(self) -> str:
        """The source type."""
        return self._source.type

    @property
    def name(self) -> str:
        """The partition key."""
        return self._source.name

    @property
    def url(self) -> str:
        """Where a person finds the source."""
        return self._source.url

    def probe(self) -> str:
        """The current version."""
        return self._source.probe()

    def scan(self, known: Known) -> Listing:
        """What is there."""
        return self._source.scan(known)

    def fetch(self, items: Sequence[Item]) -> Iterator[Document | Restated | Failure]:
        """One answer per item. Raises SourceError."""
        yield from self._source.fetch([item for item in items if item.native_id not in self._held])
        again = [item for item in items if item.native_id in self._held]
        if again:
            yield from self._rereads.reread([self._as_held(item) for item in again])

    def close(self) -> None:
        """Closes the source."""
        self._source.close()

    def _as_held(self, item: Item) -> Held:
        stored = self._pipeline.store.document(document_id(self.type, self.name, item.native_id))
        return Held(item.native_id, item.version, item.uri, stored.metadata if stored else {})
