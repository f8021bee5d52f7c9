"""`stats`: how much there is, per source and in total, what it takes on disk, and what it has cost so far."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, TypedDict

import typer

from vector_pipeline.cli import console

if TYPE_CHECKING:
    from vector_pipeline.monitoring.stats import Amounts, Stats


class AmountsJson(TypedDict):
    """What is held of a source, or of all."""

    # The source, empty in the total
    source: str
    # Documents
    documents: int
    # Chunks of these documents
    chunks: int
    # Points in the collection of the settings
    points: int
    # Different texts among the chunks; each is embedded once
    texts: int
    # Chunks per different text: 1.0 where no two are the same
    chunks_per_text: float
    # Documents in quarantine
    quarantined: int
    # Tokens embedded by the runs that the history knows
    tokens: int
    # What these cost, in the currency of the settings
    cost: float


class StatsJson(TypedDict):
    """Amounts, sizes and costs."""

    # One per source that is held
    sources: list[AmountsJson]
    # All sources together; a text that several share counts once
    total: AmountsJson
    # Vectors of the model in use
    vectors: int
    # Bytes on disk by purpose: state, index, mirrors, sites, conversions, dagster, backups
    bytes: dict[str, int]
    # The currency of the costs
    currency: str


def stats_command(
    source: Annotated[list[str] | None, typer.Option("--source", help="Only this source; repeatable.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Show how much there is: documents, chunks, points, texts, bytes, tokens and costs.

    Example: vector-pipeline stats --json
    """
    from vector_pipeline.monitoring.stats import collect

    with console.opened() as pipeline:
        found = collect(pipeline, console.known_sources(pipeline, source) if source else None)
    if as_json:
        console.print_json(_document(found))
    else:
        _print(found)


def _document(found: Stats) -> StatsJson:
    return {
        "sources": [_row(one) for one in found.sources],
        "total": _row(found.total),
        "vectors": found.vectors,
        "bytes": found.sizes,
        "currency": found.currency,
    }


def _row(one: Amounts) -> AmountsJson:
    return {
        "source": one.source,
        "documents": one.documents,
        "chunks": one.chunks,
        "points": one.points,
        "texts": one.texts,
        "chunks_per_text": round(one.chunks_per_text, 3),
        "quarantined": one.quarantined,
        "tokens": one.tokens,
        "cost": round(one.cost, 6),
    }


def _print(found: Stats) -> None:
    from rich.table import Table

    priced = bool(found.total.cost)
    table = Table(box=None, pad_edge=False, header_style="bold", show_footer=len(found.sources) > 1)
    columns = ["documents", "chunks", "points", "texts", "chunks/text", "quarantined", "tokens"]
    columns += [f"cost {found.currency}"] if priced else []
    total = _numbers(found.total, priced=priced)
    table.add_column("source", overflow="fold", footer="total")
    for title, value in zip(columns, total, strict=True):
        table.add_column(title, justify="right", no_wrap=True, footer=value)
    for one in found.sources:
        table.add_row(console.text(one.source), *_numbers(one, priced=priced))
    console.out.print(table)
    console.out.print(f"{found.vectors:,} vectors", soft_wrap=True)
    sizes = ", ".join(f"{name} {console.size(size)}" for name, size in found.sizes.items())
    console.out.print(f"on disk: {sizes or 'nothing'}", soft_wrap=True)


def _numbers(one: Amounts, *, priced: bool) -> list[str]:
    numbers = [f"{value:,}" for value in (one.documents, one.chunks, one.points, one.texts)]
    numbers += [f"{one.chunks_per_text:.2f}", f"{one.quarantined:,}" if one.quarantined else "·", f"{one.tokens:,}"]
    return [*numbers, f"{one.cost:,.4f}"] if priced else numbers
