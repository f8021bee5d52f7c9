"""The embedded engine: Qdrant's own shards in a folder, used by several processes in turn.

Every operation opens the shard under its lock, works, makes the result durable and closes it again; a session
keeps it open between operations. Nothing is running between calls.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from importlib.metadata import version
from pathlib import Path
from threading import Lock
from typing import Any

import polars as pl
import qdrant_edge as engine

from vector_pipeline.index.base import (
    ACCESS,
    DENSE,
    EMBEDDED,
    SPARSE,
    CollectionInfo,
    CollectionMissing,
    CollectionSchema,
    Engine,
    ForeignPoint,
    Hit,
    IndexMismatch,
    Point,
    Query,
    StoredPoint,
    VectorIndexError,
)
from vector_pipeline.index.edge_files import EdgeFiles
from vector_pipeline.index.edge_lock import ShardLock
from vector_pipeline.index.edge_shard import ShardKeeper, first_line, raises_as
from vector_pipeline.index.foreign import foreign_points
from vector_pipeline.index.points import (
    RRF_K,
    check_query,
    checked_vectors,
    in_order,
    prefetch_limit,
    sparse_terms,
)
from vector_pipeline.index.records import id_bytes, records_frame, stored_point

_WRITE_BATCH = 500
_ID_BATCH = 5_000

_DISTANCES = {
    "Cosine": engine.Distance.Cosine,
    "Dot": engine.Distance.Dot,
    "Euclid": engine.Distance.Euclid,
    "Manhattan": engine.Distance.Manhattan,
}

_FieldIndex = engine.KeywordIndexParams | engine.DatetimeIndexParams | engine.IntegerIndexParams


class EdgeIndex:
    """A `VectorIndex` in `folder`; `lock_timeout` is the longest wait, in seconds, for other processes.

    Several threads may share one EdgeIndex, and several processes one folder (on a local disk).
    """

    def __init__(self, folder: Path, lock_timeout: float) -> None:
        self._files = EdgeFiles(folder, lock_timeout)
        self._lock_timeout = lock_timeout
        self._keepers: dict[str, ShardKeeper] = {}
        self._keepers_guard = Lock()

    @property
    def location(self) -> str:
        """The folder."""
        return str(self._files.folder)

    def ensure(self, collection: str, schema: CollectionSchema) -> bool:
        """Creates the collection and its payload indexes where missing; True if it was created.

        Raises IndexMismatch where it exists with other vectors. A creation that was killed is done again.
        """
        place = self._files.place(collection)
        self._files.prepare()
        if not place.is_dir():
            if collection in self._files.aliases():
                raise VectorIndexError(f"{collection} is an alias", hint="choose another name for the collection")
            with self._keeper(collection).closed():
                if not place.is_dir():
                    self._files.create(collection, schema, lambda folder: _make_shard(folder, schema))
                    return True
        self._complete(collection, schema)
        return False

    def _complete(self, collection: str, schema: CollectionSchema) -> None:
        """Adds the payload indexes that an existing collection lacks."""
        found = self._files.schema(collection)
        if (found.dimension, found.distance) != (schema.dimension, schema.distance):
            raise IndexMismatch(
                f"collection {collection} holds {found.distance} vectors of {found.dimension} dimensions, "
                f"not {schema.distance} of {schema.dimension}",
                hint="build the new vectors under another collection name, or drop this one first",
            )
        missing = {k: v for k, v in schema.payload_indexes.items() if found.payload_indexes.get(k) != v}
        if not missing:
            return
        with self._use(collection) as shard:
            for name, kind in missing.items():
                shard.update(engine.UpdateOperation.create_field_index(name, _field_index(kind)))
            shard.flush()
            merged = CollectionSchema(found.dimension, found.distance, {**found.payload_indexes, **missing})
            self._files.write_schema(collection, merged)

    def exists(self, collection: str) -> bool:
        """Whether the collection exists; an alias is none."""
        return self._files.exists(collection)

    def collections(self) -> list[str]:
        """Names of all collections, aliases not included."""
        return self._files.collections()

    def drop(self, collection: str) -> None:
        """Removes a collection and the aliases that point at it; nothing happens where it does not exist."""
        if self._files.exists(collection):
            with self._keeper(collection).closed():
                self._files.remove(collection)

    def session(self, collection: str) -> AbstractContextManager[None]:
        """Keeps the shard open between the calls made within, for as long as no other process waits for it."""
        return self._keeper(self._files.resolve(collection)).session()

    def upsert(self, collection: str, points: Sequence[Point]) -> None:
        """Writes points whole; on return they are on the disk. Raises VectorIndexError for a point unfit to store.

        Nothing is written where one of the points is unfit.
        """
        if not points:
            return
        dimension = self._files.schema(self._files.resolve(collection)).dimension
        vectors = checked_vectors(points, dimension)
        with self._use(collection) as shard:
            for start in range(0, len(points), _WRITE_BATCH):
                batch = [
                    _engine_point(point, dense.tolist())
                    for point, dense in zip(
                        points[start : start + _WRITE_BATCH], vectors[start : start + _WRITE_BATCH], strict=True
                    )
                ]
                shard.update(engine.UpdateOperation.upsert_points(batch))
            shard.flush()
            self._keeper(self._files.resolve(collection)).note_written(len(points))

    def delete(self, collection: str, point_ids: Sequence[bytes]) -> None:
        """Removes points by id; unknown ids are fine."""
        if not point_ids:
            return
        with self._use(collection) as shard:
            for batch in _batches(point_ids):
                shard.update(engine.UpdateOperation.delete_points(batch))
            shard.flush()

    def delete_source(self, collection: str, source: str) -> None:
        """Removes every point whose payload field `source` has this value."""
        with self._use(collection) as shard:
            shard.update(engine.UpdateOperation.delete_points_by_filter(_any_of({"source": [source]})))
            shard.flush()

    def count(self, collection: str, source: str | None = None) -> int:
        """Exact number of points, of one source or of all."""
        with self._use(collection) as shard:
            return shard.count(engine.CountRequest(exact=True, filter=_source_filter(source)))

    def scroll(
        self, collection: str, source: str | None = None, *, vectors: bool = False, batch: int = 10_000
    ) -> Iterator[pl.DataFrame]:
        """All points as INDEXED frames of at most `batch` rows, with `vector_hash` if asked.

        From the first frame until the iterator ends or is closed, the shard stays locked for other processes, so
        that all frames show one state; hence don't wait for anything while iterating.
        """
        name = self._files.resolve(collection)
        keeper = self._keeper(name)
        with keeper.scroll():
            offset: engine.PointId | None = None
            while True:
                request = engine.ScrollRequest(
                    offset=offset,
                    limit=batch,
                    filter=_source_filter(source),
                    with_payload=["source", "document_id", "payload_hash"],
                    with_vector=[DENSE] if vectors else False,
                )
                with keeper.use() as shard:
                    records, offset = shard.scroll(request)
                if records:
                    yield records_frame(records, vectors)
                if offset is None:
                    return

    def retrieve(self, collection: str, point_ids: Sequence[bytes]) -> list[StoredPoint]:
        """The points that exist among these ids, in their order, with payload and vectors."""
        found: dict[bytes, StoredPoint] = {}
        with self._use(collection) as shard:
            for batch in _batches(point_ids):
                for record in shard.retrieve(batch, with_payload=True, with_vector=True):
                    point = stored_point(record)
                    found[point.point_id] = point
        return in_order(point_ids, found)

    def foreign_points(
        self, collection: str, *, vectors: bool = True, batch: int = 500
    ) -> Iterator[list[ForeignPoint]]:
        """All points of a collection that others made, unchanged. The shard is locked as it is by `scroll`."""
        keeper = self._keeper(self._files.resolve(collection))
        with keeper.scroll():
            offset: engine.PointId | None = None
            while True:
                request = engine.ScrollRequest(offset=offset, limit=batch, with_payload=True, with_vector=vectors)
                with keeper.use() as shard:
                    records, offset = shard.scroll(request)
                if records:
                    yield foreign_points(records)
                if offset is None:
                    return

    def search(self, collection: str, query: Query) -> list[Hit]:
        """Hybrid search in one request; `collection` may be an alias."""
        possible = check_query(query)
        with self._use(collection) as shard:
            hits = shard.query(_request(query)) if possible else []
        return [Hit(id_bytes(hit.id), hit.score, hit.payload or {}) for hit in hits]

    def alias(self, name: str) -> str | None:
        """The collection an alias points at, or None."""
        return self._files.aliases().get(name)

    def set_alias(self, name: str, collection: str) -> None:
        """Points the alias at the collection, in one step."""
        self._files.point_alias(name, collection)

    def info(self, collection: str) -> CollectionInfo:
        """Statistics of a collection; `indexed_vectors` counts dense vectors in a graph index."""
        with_sparse = engine.Filter(must=[engine.HasVectorCondition(SPARSE)])
        with self._use(collection) as shard:
            info = shard.info()
            # The engine's number includes sparse vectors, all of which are always indexed.
            sparse = shard.count(engine.CountRequest(exact=True, filter=with_sparse))
        return CollectionInfo(
            points=info.points_count,
            indexed_vectors=max(0, info.indexed_vectors_count - sparse),
            segments=info.segments_count,
            disk_bytes=self._files.bytes_on_disk(self._files.resolve(collection)),
            payload_indexes=sorted(info.payload_schema),
        )

    def engine_version(self) -> Engine:
        """Qdrant Edge."""
        return Engine(EMBEDDED, version("qdrant-edge-py"))

    def save_copy(self, collection: str, folder: Path) -> None:
        """Copies the collection's files to `folder`, which must not exist. Raises CollectionMissing.

        The shard is locked for everyone else while that lasts.
        """
        with self._keeper(collection).closed():
            self._files.copy_out(collection, folder)

    def load_copy(self, collection: str, folder: Path) -> None:
        """Puts a copy in place of the collection; a kill on the way leaves the old one, the new one or none."""
        self._files.prepare()
        with self._keeper(collection).closed():
            self._files.copy_in(collection, folder)

    def optimize(self, collection: str) -> bool:
        """Merges segments and builds the graph index; True if anything was done.

        Takes about a minute per 100,000 points, in which the shard is locked for everyone else.
        """
        with self._use(collection) as shard:
            done = shard.optimize()
            shard.flush()
        return done

    def close(self) -> None:
        """Closes all shards; may be called twice."""
        with self._keepers_guard:
            keepers = list(self._keepers.values())
        for keeper in keepers:
            keeper.close()

    def _keeper(self, collection: str) -> ShardKeeper:
        place = self._files.place(collection)
        with self._keepers_guard:
            if collection not in self._keepers:
                lock = ShardLock(self._files.locks, collection, self._lock_timeout)
                self._keepers[collection] = ShardKeeper(place / "shard", collection, lock)
            return self._keepers[collection]

    @contextmanager
    def _use(self, name: str) -> Iterator[engine.EdgeShard]:
        """The shard of a collection or alias, also where the alias moves on and its old collection is dropped."""
        with ExitStack() as stack:
            collection = self._files.resolve(name)
            while True:
                try:
                    shard = stack.enter_context(self._keeper(collection).use())
                    break
                except CollectionMissing:
                    if (resolved := self._files.resolve(name)) == collection:
                        raise
                    collection = resolved
            yield shard


def _make_shard(folder: Path, schema: CollectionSchema) -> None:
    if schema.distance not in _DISTANCES:
        raise VectorIndexError(f"unknown distance {schema.distance!r}", hint=f"use one of {', '.join(_DISTANCES)}")
    config = engine.EdgeConfig(
        vectors={DENSE: engine.EdgeVectorParams(size=schema.dimension, distance=_DISTANCES[schema.distance])},
        sparse_vectors={SPARSE: engine.EdgeSparseVectorParams(modifier=engine.Modifier.Idf)},
    )
    try:
        shard = engine.EdgeShard.create(str(folder), config)
        try:
            for name, kind in schema.payload_indexes.items():
                shard.update(engine.UpdateOperation.create_field_index(name, _field_index(kind)))
            shard.flush()
        finally:
            shard.close()
    except BaseException as error:
        if not raises_as(error):
            raise
        raise VectorIndexError(
            f"the engine could not create a collection in {folder.parent}: {first_line(error)}",
            hint="check the vector size and the free space of the disk",
        ) from error


def _field_index(kind: str) -> _FieldIndex:
    if kind == "datetime":
        return engine.DatetimeIndexParams()
    if kind == "integer":
        return engine.IntegerIndexParams(lookup=True, range=True)
    if kind in ("keyword", "tenant"):
        return engine.KeywordIndexParams(is_tenant=kind == "tenant")
    raise VectorIndexError(
        f"unknown kind of payload index {kind!r}", hint='use "tenant", "keyword", "datetime" or "integer"'
    )


def _engine_point(point: Point, dense: list[float]) -> engine.Point:
    vector: dict[str, Any] = {DENSE: dense}
    if len(point.sparse.indices):
        vector[SPARSE] = engine.SparseVector(
            [int(index) for index in point.sparse.indices], [float(value) for value in point.sparse.values]
        )
    return engine.Point(uuid.UUID(bytes=point.point_id), vector, dict(point.payload))


def _any_of(must: Mapping[str, Sequence[str]]) -> engine.Filter:
    return engine.Filter(
        must=[engine.FieldCondition(field, match=engine.MatchAny(list(values))) for field, values in must.items()]
    )


def _source_filter(source: str | None) -> engine.Filter | None:
    return None if source is None else _any_of({"source": [source]})


def _filter(query: Query) -> engine.Filter | None:
    """What a query's hits must satisfy."""
    if not query.must and query.readers is None:
        return None
    wanted = _any_of(query.must)
    if query.readers is None:
        return wanted
    may_read = [engine.FieldCondition(ACCESS, match=engine.MatchAny(list(query.readers)))] if query.readers else []
    return engine.Filter(must=[wanted, engine.Filter(should=[engine.IsEmptyCondition(ACCESS), *may_read])])


def _request(query: Query) -> engine.QueryRequest:
    condition, params = _filter(query), engine.SearchParams(exact=query.exact)
    nearest = []
    if query.dense is not None:
        nearest.append(engine.Query.Nearest(query.dense.tolist(), using=DENSE))
    if query.sparse is not None and sparse_terms(query):
        terms = engine.SparseVector(list(query.sparse.indices), list(query.sparse.values))
        nearest.append(engine.Query.Nearest(terms, using=SPARSE))
    if len(nearest) == 1:
        return engine.QueryRequest(
            limit=query.limit, query=nearest[0], filter=condition, params=params, with_payload=True
        )
    return engine.QueryRequest(
        limit=query.limit,
        query=engine.Fusion.Rrf(k=RRF_K, weights=list(query.weights)),  # type: ignore[arg-type]  # stub: not a Fusion
        prefetches=[
            engine.Prefetch(limit=prefetch_limit(query), query=one, filter=condition, params=params) for one in nearest
        ],
        with_payload=True,
    )


def _batches(point_ids: Sequence[bytes]) -> Iterator[list[engine.PointId]]:
    for start in range(0, len(point_ids), _ID_BATCH):
        yield [uuid.UUID(bytes=point_id) for point_id in point_ids[start : start + _ID_BATCH]]
