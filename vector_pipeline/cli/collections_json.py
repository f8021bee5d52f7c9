"""Collections, and where searches are, as JSON."""

from __future__ import annotations

from datetime import datetime
from typing import TypedDict


class ListedCollection(TypedDict):
    """A collection built from here. What was never recorded of an old one is empty or 0."""

    # its name in Qdrant
    collection: str
    # live, building, rejected, former or gone
    state: str
    # how far it is, in percent
    percent: int
    # number of points
    points: int
    # number of documents
    documents: int
    # its size
    bytes: int
    # the model of its vectors
    model: str
    # the length of its vectors
    dimensions: int
    # the length that chunks are filled up to, in characters
    target_chars: int
    # the longest chunk, in tokens
    max_tokens: int
    # language of the keyword search
    bm25_language: str
    # how vectors are compared
    distance: str
    # when it was made
    created_at: datetime | None
    # when all sources were in it
    complete_at: datetime | None
    # when searches left it
    retired_at: datetime | None


class CollectionsJson(TypedDict):
    """The collections built from here."""

    # the live one first
    collections: list[ListedCollection]


class SwitchJson(TypedDict):
    """Where searches are."""

    # the collection they use
    collection: str
    # whether they moved there just now
    moved: bool
    # where they were to go, empty where nowhere else
    wanted: str
    # why they did not
    reason: str
    # sources that are not complete there
    waiting: list[str]
    # documents that would not be found there
    missing: int
    # whether somebody took that collection back
    rejected: bool
