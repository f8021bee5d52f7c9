"""`documents`: what is held, one line each or one in full."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer
from rich.text import Text

from vector_pipeline.cli import console

if TYPE_CHECKING:
    from vector_pipeline.state.records import StoredDocument
    from vector_pipeline.sync.pipeline import Pipeline

_CANDIDATES, _SHOWN = 1_000, 10
"""Documents that are looked through for the one meant, and those that are named when it is not clear."""

_PLACES = {"page_starts": "pages", "slide_starts": "slides", "sheet_starts": "sheets", "anchors": "sections"}
"""Metadata that says where in the text things begin, and what people call these things."""

documents_app = typer.Typer(no_args_is_help=True)


@documents_app.command("list")
def list_command(
    source: Annotated[str | None, typer.Option("--source", "-s", help="Only TYPE/NAME.")] = None,
    match: Annotated[str | None, typer.Option("--match", "-m", help="Part of the title, path or address.")] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", help="Most rows.", min=1)] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """List documents.

    Example: vector-pipeline documents list --source local_files/handbook
    """
    from vector_pipeline.sync.builds import searched_chunking

    with console.opened() as pipeline:
        console.known_sources(pipeline, [source] if source else [])
        # One more than is shown tells whether there are more.
        found = pipeline.store.find_documents(
            partition=source, pattern=match, limit=limit + 1, chunking=searched_chunking(pipeline)
        )
    more, found = len(found) > limit, found[:limit]
    if as_json:
        console.print_json({"documents": [_summary(document) for document in found], "more": more})
        return
    if not found:
        console.out.print("no document matches" if match else "no documents; `vector-pipeline sync` brings them in")
        return
    from rich.table import Table

    wide = console.out.width >= console.NARROW
    table = Table(box=None, pad_edge=False, header_style="bold")
    if wide:
        table.add_column("id", no_wrap=True)
    for title in ("source", "path or address", "title"):
        table.add_column(title, overflow="fold")
    for title in ("chunks", "updated"):
        table.add_column(title, justify="right", no_wrap=True)
    for document in found:
        table.add_row(
            *([str(uuid.UUID(bytes=document.document_id))] if wide else []),
            console.text(document.partition),
            console.text(document.metadata.get("path") or document.uri),
            console.text(document.title),
            f"{document.chunk_count:,}",
            console.age(document.source_updated_at) if document.source_updated_at else "·",
        )
    console.out.print(table)
    if more:
        console.err.print(f"[dim]the first {limit:,}; --limit shows more, --match narrows[/dim]")


@documents_app.command("show")
def show_command(
    document: Annotated[str, typer.Argument(help="Id, or a part of path, title or address that only one has.")],
    text: Annotated[bool, typer.Option("--text", help="The text too.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Show one document with its metadata and chunks.

    Example: vector-pipeline documents show oncall.md --text
    """
    from vector_pipeline.sync.builds import searched_chunking

    with console.opened() as pipeline:
        wanted = _identified(document)
        if wanted is None:
            wanted = _only_match(pipeline, document)
        held = pipeline.store.document(wanted, searched_chunking(pipeline))
    if held is None or held.deleted:
        console.wrong_use(f"no document {document!r}")
    if as_json:
        console.print_json(
            {**_summary(held), "metadata": dict(held.metadata), "chunks": _chunks(held), "text": held.text}
        )
        return
    _print(held)
    if text:
        console.out.print()
        console.out.print(console.plain(held.text, lines=True), markup=False, soft_wrap=True)


def _identified(text: str) -> bytes | None:
    try:
        return uuid.UUID(text).bytes
    except ValueError:
        return None


def _only_match(pipeline: Pipeline, wanted: str) -> bytes:
    """The id of the one document that `wanted` names: as its whole path, address or title, or as a part of them."""
    found = pipeline.store.find_documents(partition=None, pattern=wanted, limit=_CANDIDATES + 1)
    exact = [one for one in found if wanted in (one.metadata.get("path"), one.uri, one.title)]
    if len(exact) != 1 and len(found) != 1:
        _refuse(wanted, found)
    return (exact if len(exact) == 1 else found)[0].document_id


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


def _print(held: StoredDocument) -> None:
    """Facts, one a line, then the chunks."""
    facts = {**_summary(held), **dict(_told(name, value) for name, value in held.metadata.items())}
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


def _told(name: str, value: Any) -> tuple[str, Any]:
    """A fact of the metadata for people: of places their names, or how many there are, in place of offsets."""
    if name not in _PLACES or not isinstance(value, list):
        return name, value
    return _PLACES[name], [place[1] for place in value if isinstance(place, list)] or len(value)


def _summary(document: StoredDocument) -> dict[str, Any]:
    return {
        "id": str(uuid.UUID(bytes=document.document_id)),
        "source": document.partition,
        "uri": document.uri,
        "path": document.metadata.get("path", ""),
        "title": document.title,
        "kind": document.kind,
        "language": document.language,
        "chunk_count": document.chunk_count,
        "source_updated_at": document.source_updated_at,
        "ingested_at": document.ingested_at,
    }


def _chunks(document: StoredDocument) -> list[dict[str, Any]]:
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
