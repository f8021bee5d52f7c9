"""The answer of a search as JSON."""

from __future__ import annotations

from typing import TypedDict


class SearchHit(TypedDict):
    """One point, with all of its payload beside these fields: what a source knows of a document differs by its type."""

    # its id in Qdrant
    point_id: str
    # the fused rank of keyword and vector search; higher is better
    score: float
    # type and name of its source
    source: str
    # the document it belongs to
    document_id: str
    # address of the document
    uri: str
    # title of the document
    title: str
    # headings above the passage, outermost first
    headings: list[str]
    # its place in the document, from 0
    position: int
    # the passage
    text: str


class SearchJson(TypedDict):
    """What a search found."""

    # what was asked
    query: str
    # the best first
    hits: list[SearchHit]
