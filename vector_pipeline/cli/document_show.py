"""`documents show` and `documents history`: one document in full, and what became of it over time."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from vector_pipeline.cli import console
from vector_pipeline.cli.document_named import held_document

if TYPE_CHECKING:
    from vector_pipeline.cli.documents_json import (
        ChunkJson,
        DocumentHistoryJson,
        DocumentJson,
        NeighboursJson,
        PlaceJson,
        ShownDocumentJson,
        TroubleJson,
        VersionJson,
    )
    from vector_pipeline.state.document_search import Place
    from vector_pipeline.state.records import StoredDocument
    from vector_pipeline.sync.pipeline import Pipeline

_PLACES = {"page_starts": "pages", "slide_starts": "slides", "sheet_starts": "sheets", "anchors": "sections"}
"""Metadata that says where in the text things begin, and what people call these things."""

_SHOWN_VERSIONS = 10


def show_command(
    document: Annotated[str, typer.Argument(help="Id, or a part of path, title or address that only one has.")],
    text: Annotated[bool, typer.Option("--text", help="The text too.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Show one document with its metadata, chunks, history and neighbours.

    Example: vector-pipeline documents show oncall.md --text
    """
    from vector_pipeline.sync.builds import searched_chunking

    with console.opened() as pipeline:
        held = held_document(pipeline, document, chunking=searched_chunking(pipeline))
        versions, neighbours = _versions(pipeline, held), _neighbours(pipeline, held)
        troubles = _troubles(pipeline, held)
    if as_json:
        shown: ShownDocumentJson = {
            **summary(held),
            "metadata": dict(held.metadata),
            "chunks": _chunks(held),
            "text": held.text,
            "history": versions,
            "neighbours": neighbours,
            "quarantine": troubles,
        }
        console.print_json(shown)
        return
    _print(held)
    _print_versions(versions[:_SHOWN_VERSIONS])
    _print_neighbours(neighbours)
    for trouble in troubles:
        line = f"in quarantine: {trouble['stage']}: {trouble['reason']} ({trouble['attempts']} tries)"
        console.out.print(console.text(f"\n{line}", "yellow"), soft_wrap=True)
    if text:
        console.out.print()
        console.out.print(console.plain(held.text, lines=True), markup=False, soft_wrap=True)


def history_command(
    document: Annotated[str, typer.Argument(help="Id, or a part of path, title or address that only one has.")],
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Show the changes of a document with their times and runs, also of one that was deleted.

    Example: vector-pipeline documents history oncall.md
    """
    with console.opened() as pipeline:
        held = held_document(pipeline, document, gone=True)
        versions = _versions(pipeline, held)
    if as_json:
        shown: DocumentHistoryJson = {
            "id": str(uuid.UUID(bytes=held.document_id)),
            "source": held.partition,
            "path": held.metadata.get("path") or held.uri,
            "deleted": held.deleted,
            "history": versions,
        }
        console.print_json(shown)
        return
    state = ", deleted" if held.deleted else ""
    name = console.plain(held.metadata.get("path") or held.uri)
    console.out.print(Text.assemble((name, "bold"), f"  {held.partition}{state}"), soft_wrap=True)
    _print_versions(versions)


def summary(document: StoredDocument) -> DocumentJson:
    """What a line about a document tells."""
    updated = document.source_updated_at
    return {
        "id": str(uuid.UUID(bytes=document.document_id)),
        "source": document.partition,
        "uri": document.uri,
        "path": document.metadata.get("path", ""),
        "title": document.title,
        "kind": document.kind,
        "language": document.language,
        "chunk_count": document.chunk_count,
        "source_updated_at": updated.isoformat() if updated else None,
        "ingested_at": document.ingested_at.isoformat(),
    }


def _versions(pipeline: Pipeline, held: StoredDocument) -> list[VersionJson]:
    return [
        {
            "change": one.change,
            "version": one.version,
            "changed_at": one.changed_at.isoformat(),
            "run_id": one.run_id,
            "run_url": _run_url(pipeline, one.run_id),
        }
        for one in pipeline.store.document_versions(held.document_no)
    ]


def _run_url(pipeline: Pipeline, run_id: str) -> str:
    """Where the run is in Dagster's UI; "" for one that was none of Dagster's."""
    try:
        return f"{pipeline.settings.alerts.ui.rstrip('/')}/runs/{uuid.UUID(run_id)}"
    except ValueError:
        return ""


def _neighbours(pipeline: Pipeline, held: StoredDocument) -> NeighboursJson:
    from vector_pipeline.index.base import VectorIndexError
    from vector_pipeline.sync.neighbours import nearest, surroundings

    around = surroundings(pipeline.store.document_places(held.partition), held.document_id)
    try:
        near = nearest(pipeline, held)
    except VectorIndexError as error:
        near = []
        console.err.print(console.text(f"the nearest documents are not known: {error}", "yellow"), soft_wrap=True)
    return {
        "previous": _place(around.previous),
        "next": _place(around.next),
        "parent": _place(around.parent),
        "children": [place for one in around.children if (place := _place(one))],
        "nearest": [
            {
                "id": str(uuid.UUID(bytes=one.document_id)),
                "source": one.partition,
                "path": one.path or one.uri,
                "title": one.title,
                "score": one.score,
            }
            for one in near
        ],
    }


def _place(place: Place | None) -> PlaceJson | None:
    if place is None:
        return None
    return {"id": str(uuid.UUID(bytes=place.document_id)), "path": place.path, "title": place.title}


def _troubles(pipeline: Pipeline, held: StoredDocument) -> list[TroubleJson]:
    rows = pipeline.store.quarantined(pipeline.store.partition(held.partition).partition_id)
    return [
        {
            "stage": pipeline.shown_stage(row["stage"]),
            "reason": row["reason"],
            "attempts": row["attempts"],
            "retry_at": row["retry_at"].isoformat() if row["retry_at"] else None,
        }
        for row in rows.iter_rows(named=True)
        if row["document_id"] == held.document_id
    ]


def _chunks(document: StoredDocument) -> list[ChunkJson]:
    return [
        {
            "point_id": str(uuid.UUID(bytes=chunk.chunk_id)),
            "position": chunk.idx,
            "headings": list(chunk.headings),
            "start": chunk.start,
            "end": chunk.end,
        }
        for chunk in document.chunks
    ]


def _print(held: StoredDocument) -> None:
    """Facts, one a line, then the chunks."""
    facts: dict[str, Any] = {**summary(held), **dict(_told(name, value) for name, value in held.metadata.items())}
    facts |= {"source_updated_at": held.source_updated_at, "ingested_at": held.ingested_at}
    width = max(len(name) for name in facts)
    for name, value in facts.items():
        if isinstance(value, datetime):
            value = f"{value.astimezone():%Y-%m-%d %H:%M:%S}"
        elif isinstance(value, list):
            value = ", ".join(map(str, value))
        if value not in ("", None):
            line = Text.assemble((f"{console.plain(name):<{width}}", "bold"), "  ", console.plain(value))
            console.out.print(line, soft_wrap=True)
    console.out.print(f"\n[bold]{len(held.chunks):,} chunk{'' if len(held.chunks) == 1 else 's'}[/bold]")
    for chunk in held.chunks:
        trail = console.plain(" › ".join(chunk.headings))
        line = Text(f"{chunk.idx:>5}  {chunk.start:>8}–{chunk.end:<8}  {trail}".rstrip())
        console.out.print(line, soft_wrap=True)


def _print_versions(versions: Sequence[VersionJson]) -> None:
    console.out.print("\n[bold]history[/bold]")
    for one in versions:
        moment = datetime.fromisoformat(one["changed_at"]).astimezone()
        line = f"  {moment:%Y-%m-%d %H:%M:%S}  {one['change']}  {one['version']}"
        run = one["run_url"] or one["run_id"]
        console.out.print(Text.assemble(console.plain(line), "  ", (console.plain(run), "dim")), soft_wrap=True)
    if not versions:
        console.out.print("  none is kept any more")


def _print_neighbours(neighbours: NeighboursJson) -> None:
    rows = [(word, neighbours[word]) for word in ("previous", "next", "parent")]
    rows += [("below", place) for place in neighbours["children"]]
    lines = [f"  {word:<8}  {place['path']}" for word, place in rows if place is not None]
    near = [f"  {one['score']:>8.3f}  {one['source']}  {one['path']}" for one in neighbours["nearest"]]
    for title, some in (("neighbours", lines), ("nearest in meaning", near)):
        if some:
            console.out.print(f"\n[bold]{title}[/bold]")
        for line in some:
            console.out.print(Text(console.plain(line)), soft_wrap=True)


def _told(name: str, value: Any) -> tuple[str, Any]:
    """A fact of the metadata for people: of places their names, or how many there are, in place of offsets."""
    if name not in _PLACES or not isinstance(value, list):
        return name, value
    return _PLACES[name], [place[1] for place in value if isinstance(place, list)] or len(value)
