"""Which document a person means: by its id, or by a part of its path, title or address that only one has."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import TYPE_CHECKING, NoReturn

from vector_pipeline.cli import console

if TYPE_CHECKING:
    from vector_pipeline.state.records import StoredDocument
    from vector_pipeline.sync.pipeline import Pipeline

_CANDIDATES, _SHOWN = 1_000, 10
"""Documents that are looked through for the one meant, and those that are named when it is not clear."""


def document_named(pipeline: Pipeline, wanted: str, *, gone: bool = False) -> bytes:
    """The id of the one document that `wanted` names, whole or in part; with `gone` of a deleted one where no other is.

    Ends the command as wrongly used where it names none or several.
    """
    try:
        return uuid.UUID(wanted).bytes
    except ValueError:
        pass
    if not wanted.strip():
        console.wrong_use("name a document: its id, or a part of its path, title or address")
    found: list[StoredDocument] = []
    for deleted in (False, True) if gone else (False,):
        found = pipeline.store.search_documents(pattern=wanted, limit=_CANDIDATES + 1, deleted=deleted).documents
        if found:
            break
    exact = [one for one in found if wanted in (one.metadata.get("path"), one.uri, one.title)]
    if len(exact) != 1 and len(found) != 1:
        _refuse(wanted, found)
    return (exact if len(exact) == 1 else found)[0].document_id


def held_document(
    pipeline: Pipeline, wanted: str, *, chunking: int | None = None, gone: bool = False
) -> StoredDocument:
    """The one document that `wanted` names, in full. Ends the command where there is none."""
    held = pipeline.store.document(document_named(pipeline, wanted, gone=gone), chunking)
    if held is None or (held.deleted and not gone):
        console.wrong_use(f"no document {wanted!r}")
    return held


def _refuse(wanted: str, found: Sequence[StoredDocument]) -> NoReturn:
    """Ends the command, naming the documents that may be meant."""
    if not found:
        console.wrong_use(f"no document matches {wanted!r}")
    shown = [
        f"  {uuid.UUID(bytes=one.document_id)}  {one.partition}  {console.plain(one.metadata.get('path') or one.uri)}"
        for one in found[:_SHOWN]
    ]
    number = f"more than {_CANDIDATES:,}" if len(found) > _CANDIDATES else f"{len(found):,}"
    more = ["  …"] if len(found) > _SHOWN else []
    console.wrong_use("\n".join([f"{wanted!r} matches {number} documents:", *shown, *more]))
