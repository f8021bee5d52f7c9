"""What is near a document: before and after it in its source, above and below it, and nearest in meaning."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from vector_pipeline.index.base import Query
from vector_pipeline.state.document_search import Place
from vector_pipeline.state.records import StoredDocument
from vector_pipeline.sync.pipeline import Pipeline

NEAREST = 5
_ASKED_BY = 5
"""Chunks of a document whose vectors are asked by: its first, its last and some in between."""
_HITS = 30
_MOST_CHILDREN = 20
_NAMES = ("source", "uri", "path", "title")


@dataclass(frozen=True, slots=True)
class Near:
    """A document that is near another in meaning. `score`: the similarity of the two chunks that are nearest."""

    document_id: bytes
    partition: str
    uri: str
    path: str
    title: str
    score: float


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What lies around a document in its source, by path; None and empty where there is nothing."""

    previous: Place | None
    next: Place | None
    parent: Place | None
    children: tuple[Place, ...]


def surroundings(places: Iterable[Place], document_id: bytes) -> Surroundings:
    """What lies around a document, of all places in its source. A document lies below one whose path is its folder."""
    ordered = sorted(places, key=lambda place: (place.path, place.document_id))
    position = next((number for number, one in enumerate(ordered) if one.document_id == document_id), None)
    if position is None:
        return Surroundings(None, None, None, ())
    mine = ordered[position]
    above, below = _above(mine.path), mine.path.rstrip("/")
    children = [one for one in ordered if one is not mine and _above(one.path) == below]
    return Surroundings(
        previous=ordered[position - 1] if position else None,
        next=ordered[position + 1] if position + 1 < len(ordered) else None,
        parent=next((one for one in ordered if above and one is not mine and one.path.rstrip("/") == above), None),
        children=tuple(children[:_MOST_CHILDREN]),
    )


def nearest(pipeline: Pipeline, document: StoredDocument) -> list[Near]:
    """The other documents that are nearest in meaning, best first, at most NEAREST. Raises VectorIndexError.

    Nothing where searches have no collection yet. Asked by vectors that are there already: nothing is embedded.
    """
    collection = pipeline.index.alias(pipeline.settings.index.alias)
    if collection is None or not document.chunks:
        return []
    own = str(uuid.UUID(bytes=document.document_id))
    found: dict[str, Near] = {}
    asked = _spread([chunk.chunk_id for chunk in document.chunks], _ASKED_BY)
    with pipeline.index.session(collection):
        for point in pipeline.index.retrieve(collection, asked):
            if point.dense is None:
                continue
            for hit in pipeline.index.search(collection, Query(dense=point.dense, sparse=None, limit=_HITS)):
                other = str(hit.payload.get("document_id", ""))
                if other in ("", own) or (other in found and found[other].score >= hit.score):
                    continue
                source, uri, path, title = (str(hit.payload.get(name, "")) for name in _NAMES)
                found[other] = Near(uuid.UUID(other).bytes, source, uri, path, title, hit.score)
    return sorted(found.values(), key=lambda one: (-one.score, one.document_id))[:NEAREST]


def _above(path: str) -> str:
    return path.rstrip("/").rpartition("/")[0]


def _spread(ids: Sequence[bytes], number: int) -> list[bytes]:
    """At most so many of the ids, the first and the last among them."""
    if len(ids) <= number:
        return list(ids)
    return [ids[round(place * (len(ids) - 1) / (number - 1))] for place in range(number)]
