"""`documents`: what is held, one line each; the commands about one of them stand beside this module."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from vector_pipeline.cli import console
from vector_pipeline.cli.document_change import add_command, keep_out_app, remove_command, update_command
from vector_pipeline.cli.document_show import history_command, show_command, summary

if TYPE_CHECKING:
    from vector_pipeline.cli.documents_json import DocumentListJson
    from vector_pipeline.state.document_filters import Filter
    from vector_pipeline.state.records import StoredDocument

documents_app = typer.Typer(no_args_is_help=True)


@documents_app.command("list")
def list_command(
    source: Annotated[str | None, typer.Option("--source", "-s", help="Only TYPE/NAME.")] = None,
    match: Annotated[str | None, typer.Option("--match", "-m", help="Part of the title, path or address.")] = None,
    conditions: Annotated[
        list[str] | None,
        typer.Option("--filter", "-f", help="FIELD=VALUE, FIELD~PART or FIELD>TIME; may be repeated, all must hold."),
    ] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", help="Most rows.", min=1)] = 50,
    offset: Annotated[int, typer.Option("--offset", help="Rows to pass over first.", min=0)] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """List documents.

    Fields of filters: source, path, uri, title, kind, language, author, tag (or label), updated, ingested,
    quarantined, kept-out. Times are dates or time spans until now (7d).

    Example: vector-pipeline documents list --filter kind=markdown --filter "updated>2026-01-01"
    """
    from vector_pipeline.sync.builds import searched_chunking

    filters = _filters(conditions or [])
    with console.opened() as pipeline:
        console.known_sources(pipeline, [source] if source else [])
        found, total = pipeline.store.search_documents(
            filters,
            partition=source,
            pattern=match,
            limit=limit,
            offset=offset,
            chunking=searched_chunking(pipeline),
        )
    more = offset + len(found) < total
    if as_json:
        shown: DocumentListJson = {"documents": [summary(one) for one in found], "more": more, "total": total}
        console.print_json(shown)
        return
    if found:
        _print(found)
    elif total:
        console.out.print(f"there are only {total:,}")
    else:
        narrowed = match or filters or source
        console.out.print("no document matches" if narrowed else "no documents; `vector-pipeline sync` brings them in")
    if more:
        to = offset + len(found)
        shown_rows = f"{offset + 1:,} to {to:,} of {total:,}"
        hint = f"--limit shows more, --offset {to} goes on, --match and --filter narrow"
        console.err.print(f"[dim]{shown_rows}; {hint}[/dim]", soft_wrap=True)


documents_app.command("show")(show_command)
documents_app.command("history")(history_command)
documents_app.command("add")(add_command)
documents_app.command("update")(update_command)
documents_app.command("remove")(remove_command)
documents_app.add_typer(keep_out_app, name="keep-out", help="Documents that no sync brings back.")


def _filters(conditions: list[str]) -> list[Filter]:
    """The filters that were written. One that is not understood is wrong use."""
    from vector_pipeline.state.document_filters import FilterNotUnderstood, read_filter

    try:
        return [read_filter(one, datetime.now(UTC)) for one in conditions]
    except FilterNotUnderstood as error:
        console.wrong_use(str(error))


def _print(found: list[StoredDocument]) -> None:
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
