"""`adopt`: takes over the vectors that a collection made by another tool has for our texts."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.text import Text

from vector_pipeline.cli import console

if TYPE_CHECKING:
    from vector_pipeline.sync.adopting import Wanted
    from vector_pipeline.sync.adoption_report import Adoption


def adopt_command(
    collection: Annotated[str, typer.Argument(help="The collection, or an alias of it.")],
    text: Annotated[str, typer.Option("--text", help="Payload field with the text; metadata.text for a nested one.")],
    model_is_same: Annotated[
        bool, typer.Option("--model-is-same", help="Their vectors come from the model of the settings: take them.")
    ] = False,
    embed_again: Annotated[
        bool, typer.Option("--embed-again", help="Their vectors come from another model: compare the texts only.")
    ] = False,
    vector: Annotated[
        str | None, typer.Option("--vector", help="Name of the dense vector, where there are several.")
    ] = None,
    document_uri: Annotated[
        str | None, typer.Option("--document-uri", help="Payload field with the address of the document.")
    ] = None,
    source_map: Annotated[
        list[str] | None,
        typer.Option("--source-map", help="THERE=HERE: how addresses begin there and here; may be repeated."),
    ] = None,
    match: Annotated[
        Literal["embedded", "text"],
        typer.Option("--match", help='"text" also finds chunks by their text without the headings in front.'),
    ] = "embedded",
    sample: Annotated[int, typer.Option("--sample", help="Texts to compare with the model.", min=1, max=1000)] = 20,
    trust: Annotated[bool, typer.Option("--trust", help="Take exact texts without asking the model.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Read the sources and compare; keep no vector.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Take over the vectors of a collection that another tool made.

    Example: vector-pipeline adopt documents --text content --model-is-same --dry-run
    """
    from vector_pipeline.cli.progress import display
    from vector_pipeline.sync.adopting import Wanted, adopt
    from vector_pipeline.sync.adoption import AddressMap

    if model_is_same == embed_again:
        console.wrong_use(
            "say whether their vectors come from the model of the settings: --model-is-same or --embed-again"
        )
    if trust and embed_again:
        console.wrong_use("--trust belongs to --model-is-same")
    wanted = Wanted(
        collection,
        text,
        vector=vector,
        uri=document_uri,
        addresses=AddressMap(tuple(map(_pair, source_map or []))),
        take=model_is_same,
        headless=match == "text",
        trust=trust,
        dry_run=dry_run,
        sample=sample,
    )
    with console.opened() as pipeline, display(quiet=as_json) as shown:
        shown.announce(f"adopting {collection}")
        done = adopt(pipeline, wanted)
    if as_json:
        console.print_json(_as_json(done))
    else:
        _print(done, wanted)
    if done.failed:
        raise typer.Exit(console.FAILED)


def _pair(given: str) -> tuple[str, str]:
    there, equals, here = given.partition("=")
    if not equals or not there:
        console.wrong_use("--source-map takes THERE=HERE, such as https://old.example.org/=file:///srv/docs/")
    return there, here


def _as_json(done: Adoption) -> dict[str, Any]:
    return {
        "collection": done.collection,
        "vector": done.vector,
        "dry_run": done.dry_run,
        "sources": [asdict(source) for source in done.sources],
        "points": asdict(done.foreign),
        "adopted_texts": done.adopted,
        "contradicted_texts": done.contradicted,
        "refused_vectors": dict(done.refused),
        "compared": {likeness.name.lower(): asdict(verdict) for likeness, verdict in done.verdicts.items()},
        "left_chunks": done.left,
    }


def _print(done: Adoption, wanted: Wanted) -> None:
    """What was found, source by source, then what it means."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("source", overflow="fold")
    for title in ("chunks", "found there", "had a vector", "adopted", "to embed"):
        table.add_column(title, justify="right", no_wrap=True)
    for source in done.sources:
        numbers = (source.chunks, source.found, source.embedded_before, source.adopted, source.left)
        table.add_row(console.text(source.partition), *(f"{number:,}" for number in numbers))
    console.out.print(table)
    for source in done.sources:
        if source.error:
            console.err.print(Text.assemble(("error: ", "red"), console.plain(source.error)), soft_wrap=True)
    for line in _lines(done, wanted):
        console.out.print(console.text(line), soft_wrap=True)


def _lines(done: Adoption, wanted: Wanted) -> list[str]:
    """The outcome in sentences."""
    from vector_pipeline.sync.adoption import LIKENESS_WORDS

    there = done.foreign
    lines = [
        f"{done.collection}: {there.points:,} points, {there.matched:,} with the text of a chunk here, "
        f"{there.unmatched:,} with another text, {there.without_text:,} without text in {wanted.text}"
    ]
    if there.of_unknown is not None:
        lines.append(
            f"of those with another text, {there.of_changed:,} are of documents that are held here (changed or cut "
            f"otherwise), {there.of_unknown:,} of documents that no source has"
        )
        lines += [f"  {address}" for address in there.unknown]
    for likeness, verdict in done.verdicts.items():
        lines.append(
            f"compared with the model, {LIKENESS_WORDS[likeness]}: {verdict.same} of {verdict.compared} vectors are "
            f"the same (lowest cosine {verdict.lowest:.4f})"
        )
    lines += [f"vectors not taken: {number:,}, {why}" for why, number in done.refused.items()]
    if done.contradicted:
        lines.append(f"texts whose points there have different vectors, embedded anew: {done.contradicted:,}")
    adopted, left = console.counted(done.adopted, "embeddings"), console.counted(done.left, "chunks")
    if not wanted.take:
        lines.append(f"nothing was taken over; `vector-pipeline sync` embeds {left}")
    elif done.dry_run:
        lines.append(f"would save {adopted}, {left} would be left; nothing was kept")
    else:
        lines.append(f"saved {adopted}; `vector-pipeline sync` embeds the {left} left")
        lines.append(f"{done.collection} was only read; drop it once nothing uses it any more")
    return lines
