"""The server engine: a Qdrant server, reached by gRPC or HTTP.

Writes wait until they are applied and are split by number and size, so that none exceeds what a server accepts.
"""

from __future__ import annotations

import json
import math
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import polars as pl
from qdrant_client import QdrantClient, models

from vector_pipeline.documents import uuid_text
from vector_pipeline.embedding.base import Vectors
from vector_pipeline.index.base import (
    ACCESS,
    DENSE,
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
from vector_pipeline.index.foreign import foreign_points
from vector_pipeline.index.points import (
    RRF_K,
    check_name,
    check_query,
    checked_vectors,
    in_order,
    prefetch_limit,
    sparse_terms,
)
from vector_pipeline.index.records import id_bytes, records_frame, stored_point
from vector_pipeline.index.server_calls import ServerCalls
from vector_pipeline.index.server_snapshots import ServerSnapshots
from vector_pipeline.settings import IndexSettings

_WRITE_POINTS = 1_000
_WRITE_BYTES = 16_000_000  # half of what a server accepts by default, as our sizes are estimates
_LARGEST_POINT = 30_000_000
_ID_BATCH = 1_000
_VECTOR_PAGE = 2_000

_FIELD_INDEXES: Mapping[str, models.PayloadSchemaType | models.KeywordIndexParams] = {
    "tenant": models.KeywordIndexParams(type=models.KeywordIndexType.KEYWORD, is_tenant=True),
    "keyword": models.PayloadSchemaType.KEYWORD,
    "datetime": models.PayloadSchemaType.DATETIME,
    "integer": models.PayloadSchemaType.INTEGER,
}


def connect(settings: IndexSettings) -> QdrantClient:
    """A client of the server the settings name. Connects at the first call. Raises VectorIndexError for a bad URL."""
    try:
        return QdrantClient(
            url=settings.url,
            api_key=settings.api_key.get_secret_value() or None,
            grpc_port=settings.grpc_port,
            prefer_grpc=settings.prefer_grpc,
            timeout=math.ceil(settings.timeout.total_seconds()),
            check_compatibility=False,
        )
    except ValueError as error:
        raise VectorIndexError(
            f"index.url {public_location(settings.url)!r} is no address of a Qdrant server",
            hint="write it as https://host:6333",
        ) from error


def public_location(url: str) -> str:
    """The URL without user name, password, query and fragment."""
    if "://" not in url:
        return url.rpartition("@")[2]
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


class ServerIndex:
    """A `VectorIndex` on the server `client` talks to; `location` names it in errors, without credentials.

    A call is attempted `attempts` times, with pauses that start at `pause` seconds and double. `api_key` is for
    snapshots, which the client is not asked for.
    """

    def __init__(
        self,
        client: QdrantClient,
        location: str = "memory",
        attempts: int = 4,
        pause: float = 0.5,
        api_key: str = "",
    ) -> None:
        self._client = client
        self._api_key = api_key
        self._location = location
        self._call = ServerCalls(location, attempts, pause)

    @property
    def location(self) -> str:
        """The server's URL."""
        return self._location

    def ensure(self, collection: str, schema: CollectionSchema) -> bool:
        """Creates the collection and its payload indexes where missing; True if it was created.

        Raises IndexMismatch where it exists with other vectors.
        """
        check_name(collection)
        try:
            distance = models.Distance(schema.distance)
        except ValueError:
            known = ", ".join(models.Distance)
            raise VectorIndexError(f"unknown distance {schema.distance!r}", hint=f"use one of {known}") from None
        created = False
        if not self.exists(collection):
            created = self._create(collection, schema.dimension, distance)
        info = self._call(lambda: self._client.get_collection(collection))
        _check_match(collection, info.config.params, schema)
        for field, kind in schema.payload_indexes.items():
            if field not in info.payload_schema:
                self._create_field_index(collection, field, kind)
        return created

    def _create(self, collection: str, dimension: int, distance: models.Distance) -> bool:
        try:
            self._call(
                lambda: self._client.create_collection(
                    collection,
                    vectors_config={DENSE: models.VectorParams(size=dimension, distance=distance)},
                    sparse_vectors_config={SPARSE: models.SparseVectorParams(modifier=models.Modifier.IDF)},
                )
            )
        except VectorIndexError:
            # Another process may have been faster, or our first attempt succeeded and its answer was lost.
            if not self.exists(collection):
                raise
            return False
        return True

    def _create_field_index(self, collection: str, field: str, kind: str) -> None:
        if kind not in _FIELD_INDEXES:
            raise VectorIndexError(
                f"unknown kind of payload index {kind!r}", hint='use "tenant", "keyword", "datetime" or "integer"'
            )
        with warnings.catch_warnings():
            # The client's in-memory engine, used in tests, has no payload indexes and says so.
            warnings.filterwarnings("ignore", message="Payload indexes have no effect in the local Qdrant")
            self._call(
                lambda: self._client.create_payload_index(
                    collection, field_name=field, field_schema=_FIELD_INDEXES[kind], wait=True
                )
            )

    def exists(self, collection: str) -> bool:
        """Whether the collection exists; an alias is none."""
        return check_name(collection) in self.collections()

    def collections(self) -> list[str]:
        """Names of all collections, aliases not included."""
        return sorted(each.name for each in self._call(self._client.get_collections).collections)

    def drop(self, collection: str) -> None:
        """Removes a collection and the aliases that point at it; nothing happens where it does not exist."""
        if self.exists(collection):
            self._call(lambda: self._client.delete_collection(collection))

    def session(self, collection: str) -> AbstractContextManager[None]:
        """Nothing to keep open: a server serves everyone at once."""
        return nullcontext()

    def upsert(self, collection: str, points: Sequence[Point]) -> None:
        """Writes points whole; on return they are applied. Raises VectorIndexError for a point unfit to store."""
        if not points:
            return
        vectors = checked_vectors(points, self._dimension(collection))
        for start, end in _write_ranges(points):
            batch = [_struct(point, dense) for point, dense in zip(points[start:end], vectors[start:end], strict=True)]
            self._call(partial(self._client.upsert, collection, points=batch, wait=True))

    def delete(self, collection: str, point_ids: Sequence[bytes]) -> None:
        """Removes points by id; unknown ids are fine."""
        for batch in _id_batches(point_ids):
            selector = models.PointIdsList(points=batch)
            self._call(partial(self._client.delete, collection, points_selector=selector, wait=True))

    def delete_source(self, collection: str, source: str) -> None:
        """Removes every point whose payload field `source` has this value."""
        selector = models.FilterSelector(filter=_any_of({"source": [source]}))
        self._call(lambda: self._client.delete(collection, points_selector=selector, wait=True))

    def count(self, collection: str, source: str | None = None) -> int:
        """Exact number of points, of one source or of all."""
        condition = _source_filter(source)
        return self._call(lambda: self._client.count(collection, count_filter=condition, exact=True)).count

    def scroll(
        self, collection: str, source: str | None = None, *, vectors: bool = False, batch: int = 10_000
    ) -> Iterator[pl.DataFrame]:
        """All points as INDEXED frames of at most `batch` rows, with `vector_hash` if asked.

        Points written meanwhile by others may or may not be among them.
        """
        limit = min(batch, _VECTOR_PAGE) if vectors else batch
        offset: models.ExtendedPointId | None = None
        while True:
            records, offset = self._call(
                partial(
                    self._client.scroll,
                    collection,
                    scroll_filter=_source_filter(source),
                    limit=limit,
                    offset=offset,
                    with_payload=["source", "document_id", "payload_hash"],
                    with_vectors=[DENSE] if vectors else False,
                )
            )
            if records:
                yield records_frame(records, vectors)
            if offset is None:
                return

    def retrieve(self, collection: str, point_ids: Sequence[bytes]) -> list[StoredPoint]:
        """The points that exist among these ids, in their order, with payload and vectors."""
        found: dict[bytes, StoredPoint] = {}
        for batch in _id_batches(point_ids):
            fetch = partial(self._client.retrieve, collection, ids=batch, with_payload=True, with_vectors=True)
            for record in self._call(fetch):
                point = stored_point(record)
                found[point.point_id] = point
        return in_order(point_ids, found)

    def foreign_points(
        self, collection: str, *, vectors: bool = True, batch: int = 500
    ) -> Iterator[list[ForeignPoint]]:
        """All points of a collection that others made, unchanged."""
        offset: models.ExtendedPointId | None = None
        while True:
            page = partial(
                self._client.scroll,
                collection,
                limit=batch,
                offset=offset,
                with_payload=True,
                with_vectors=vectors,
            )
            records, offset = self._call(page)
            if records:
                yield foreign_points(records)
            if offset is None:
                return

    def search(self, collection: str, query: Query) -> list[Hit]:
        """Hybrid search in one request; `collection` may be an alias."""
        if not check_query(query):
            return []
        condition, params = _filter(query), models.SearchParams(exact=True) if query.exact else None
        nearest: list[tuple[str, list[float] | models.SparseVector]] = []
        if query.dense is not None:
            nearest.append((DENSE, query.dense.tolist()))
        if query.sparse is not None and sparse_terms(query):
            terms = models.SparseVector(indices=list(query.sparse.indices), values=list(query.sparse.values))
            nearest.append((SPARSE, terms))
        if len(nearest) == 1:
            (using, vector), *_ = nearest
            answer = self._call(
                lambda: self._client.query_points(
                    collection,
                    query=vector,
                    using=using,
                    query_filter=condition,
                    search_params=params,
                    limit=query.limit,
                    with_payload=True,
                )
            )
        else:
            fusion = models.RrfQuery(rrf=models.Rrf(k=RRF_K, weights=list(query.weights)))
            limit = prefetch_limit(query)
            prefetch = [
                models.Prefetch(query=vector, using=using, filter=condition, params=params, limit=limit)
                for using, vector in nearest
            ]
            answer = self._call(
                lambda: self._client.query_points(
                    collection, query=fusion, prefetch=prefetch, limit=query.limit, with_payload=True
                )
            )
        return [Hit(id_bytes(hit.id), hit.score, hit.payload or {}) for hit in answer.points]

    def alias(self, name: str) -> str | None:
        """The collection an alias points at, or None."""
        aliases = self._call(self._client.get_aliases).aliases
        return next((each.collection_name for each in aliases if each.alias_name == name), None)

    def set_alias(self, name: str, collection: str) -> None:
        """Points the alias at the collection, in one request, so that no search finds it missing."""
        collections = self.collections()
        if collection not in collections:
            raise CollectionMissing(
                f"alias {name} can't point at {collection}: there is no such collection", hint="build it first"
            )
        if check_name(name) in collections:
            raise VectorIndexError(f"{name} names a collection", hint="choose another name for the alias")
        changes: list[models.AliasOperations] = []
        if self.alias(name) is not None:
            changes.append(models.DeleteAliasOperation(delete_alias=models.DeleteAlias(alias_name=name)))
        target = models.CreateAlias(collection_name=collection, alias_name=name)
        changes.append(models.CreateAliasOperation(create_alias=target))
        self._call(lambda: self._client.update_collection_aliases(change_aliases_operations=changes))

    def info(self, collection: str) -> CollectionInfo:
        """Statistics of a collection; bytes on disk are not known here."""
        info = self._call(lambda: self._client.get_collection(collection))
        return CollectionInfo(
            points=self.count(collection),
            indexed_vectors=info.indexed_vectors_count or 0,
            segments=info.segments_count,
            disk_bytes=0,
            payload_indexes=sorted(info.payload_schema),
        )

    def engine_version(self) -> Engine:
        """Qdrant."""
        return Engine("qdrant", self._snapshots().version())

    def save_copy(self, collection: str, folder: Path) -> None:
        """Has the server make a snapshot and fetches it to `folder`, which must not exist.

        Raises CollectionMissing, and VectorIndexError for a collection spread over several nodes.
        """
        if not self.exists(collection):
            raise CollectionMissing(f"Qdrant at {self._location}: there is no collection {collection}")
        self._snapshots().save(collection, folder)

    def load_copy(self, collection: str, folder: Path) -> None:
        """Has the server take a snapshot back."""
        self._snapshots().load(check_name(collection), folder)

    def _snapshots(self) -> ServerSnapshots:
        return ServerSnapshots(self._client.http.snapshots_api.api_client.host, self._api_key, self._location)

    def optimize(self, collection: str) -> bool:
        """False: a server optimizes by itself."""
        return False

    def close(self) -> None:
        """Closes the connections; may be called twice."""
        self._client.close()

    def _dimension(self, collection: str) -> int:
        info = self._call(lambda: self._client.get_collection(collection))
        return _dense_params(collection, info.config.params).size


def _dense_params(collection: str, params: models.CollectionParams) -> models.VectorParams:
    if isinstance(params.vectors, dict) and DENSE in params.vectors:
        return params.vectors[DENSE]
    raise IndexMismatch(
        f"collection {collection} has no vector named {DENSE}", hint="it was not made by the pipeline: use another name"
    )


def _check_match(collection: str, params: models.CollectionParams, schema: CollectionSchema) -> None:
    dense = _dense_params(collection, params)
    if (dense.size, dense.distance) != (schema.dimension, schema.distance):
        raise IndexMismatch(
            f"collection {collection} holds {dense.distance.value} vectors of {dense.size} dimensions, "
            f"not {schema.distance} of {schema.dimension}",
            hint="build the new vectors under another collection name, or drop this one first",
        )
    sparse = (params.sparse_vectors or {}).get(SPARSE)
    if sparse is None or sparse.modifier != models.Modifier.IDF:
        raise IndexMismatch(
            f"collection {collection} has no vector named {SPARSE} with inverse document frequencies",
            hint="it was not made by the pipeline: use another name",
        )


def _write_ranges(points: Sequence[Point]) -> Iterator[tuple[int, int]]:
    """Cuts a write into ranges of at most _WRITE_POINTS and about _WRITE_BYTES."""
    start, size = 0, 0
    for position, point in enumerate(points):
        own = _estimated_bytes(point)
        if own > _LARGEST_POINT:
            raise VectorIndexError(
                f"point {uuid_text(point.point_id)} takes {own:,} bytes, more than a server accepts in one request",
                hint="lower chunking's cap, or leave the document out",
            )
        if position > start and (size + own > _WRITE_BYTES or position - start >= _WRITE_POINTS):
            yield start, position
            start, size = position, 0
        size += own
    yield start, len(points)


def _estimated_bytes(point: Point) -> int:
    """About what a point takes in a request; HTTP writes every number of a vector as text."""
    text = json.dumps(dict(point.payload), ensure_ascii=False)
    payload = len(text) if text.isascii() else len(text.encode())
    return payload + 22 * len(point.dense) + 34 * len(point.sparse.indices) + 100


def _struct(point: Point, dense: Vectors) -> models.PointStruct:
    vector: dict[str, Any] = {DENSE: dense.tolist()}
    if len(point.sparse.indices):
        vector[SPARSE] = models.SparseVector(
            indices=[int(index) for index in point.sparse.indices],
            values=[float(value) for value in point.sparse.values],
        )
    return models.PointStruct(id=uuid_text(point.point_id), vector=vector, payload=dict(point.payload))


def _any_of(must: Mapping[str, Sequence[str]]) -> models.Filter:
    return models.Filter(
        must=[
            models.FieldCondition(key=field, match=models.MatchAny(any=list(values))) for field, values in must.items()
        ]
    )


def _filter(query: Query) -> models.Filter | None:
    """What a query's hits must satisfy."""
    if not query.must and query.readers is None:
        return None
    wanted = _any_of(query.must)
    if query.readers is None:
        return wanted
    open_to_all = models.IsEmptyCondition(is_empty=models.PayloadField(key=ACCESS))
    may_read = models.FieldCondition(key=ACCESS, match=models.MatchAny(any=list(query.readers)))
    return models.Filter(
        must=[wanted, models.Filter(should=[open_to_all, may_read] if query.readers else [open_to_all])]
    )


def _source_filter(source: str | None) -> models.Filter | None:
    return None if source is None else _any_of({"source": [source]})


def _id_batches(point_ids: Sequence[bytes]) -> Iterator[list[models.ExtendedPointId]]:
    for start in range(0, len(point_ids), _ID_BATCH):
        yield [uuid_text(point_id) for point_id in point_ids[start : start + _ID_BATCH]]
