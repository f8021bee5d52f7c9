"""`documents add`, `update`, `remove` and `keep-out`: one document brought in, read again or taken out at once."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from vector_pipeline.cli import console
from vector_pipeline.cli.document_named import document_named

if TYPE_CHECKING:
    from vector_pipeline.cli.documents_json import AllowedJson, ChangedDocumentJson, KeptOutJson
    from vector_pipeline.sources.base import Source
    from vector_pipeline.state.contents import HashedDocument
    from vector_pipeline.state.kept_out_table import KeptOut
    from vector_pipeline.sync.one_document import OneRun
    from vector_pipeline.sync.pipeline import Pipeline

_Which = Annotated[str, typer.Argument(help="Id, or a part of path, title or address that only one has.")]
_AsJson = Annotated[bool, typer.Option("--json", help="As JSON.")]
_SHOWN = 10

keep_out_app = typer.Typer(no_args_is_help=True)


def add_command(
    document: Annotated[str, typer.Argument(metavar="PATH|URL|ID", help="A path, an address, a key or a content id.")],
    source: Annotated[str | None, typer.Option("--source", "-s", help="TYPE/NAME, where several may have it.")] = None,
    as_json: _AsJson = False,
) -> None:
    """Bring in one document now, without a sync of its source; also one that was kept out.

    Example: vector-pipeline documents add ~/notes/oncall.md
    """
    from vector_pipeline.documents import document_id
    from vector_pipeline.sync.claiming import find_claim
    from vector_pipeline.sync.one_document import bring_in

    with console.opened() as pipeline:
        names = console.known_sources(pipeline, [source], configured_only=True, with_sites=True) if source else []
        claim = find_claim(pipeline, document, names or pipeline.partitions())
        with pipeline.source(claim.partition) as opened:
            run = bring_in(pipeline, claim.partition, opened, claim.native_id)
            _report(run, document_id(opened.type, opened.name, claim.native_id), as_json=as_json)


def update_command(document: _Which, as_json: _AsJson = False) -> None:
    """Read one document again now, changed or not.

    Example: vector-pipeline documents update oncall.md
    """
    from vector_pipeline.sync.one_document import read_again

    with console.opened() as pipeline:
        _change(pipeline, document, lambda held, source: read_again(pipeline, held.partition, source, held), as_json)


def remove_command(
    document: _Which,
    keep_out: Annotated[bool, typer.Option("--keep-out", help="No sync brings it back, until it is allowed.")] = False,
    as_json: _AsJson = False,
) -> None:
    """Take one document out now. The next sync brings it back, unless it is kept out.

    Example: vector-pipeline documents remove oncall.md --keep-out
    """
    from vector_pipeline.sync.one_document import take_out

    with console.opened() as pipeline:

        def remove(held: HashedDocument, source: Source) -> OneRun:
            return take_out(pipeline, held.partition, source, held, keep_out=keep_out)

        _change(pipeline, document, remove, as_json, keep_out=keep_out)


@keep_out_app.command("list")
def list_command(
    source: Annotated[str | None, typer.Option("--source", "-s", help="Only TYPE/NAME.")] = None,
    as_json: _AsJson = False,
) -> None:
    """List the documents that are kept out.

    Example: vector-pipeline documents keep-out list
    """
    with console.opened() as pipeline:
        names = console.known_sources(pipeline, [source] if source else [], with_sites=True)
        rows = [one for one in pipeline.store.kept_out() if not names or one.partition in names]
    if as_json:
        shown: KeptOutJson = {
            "documents": [
                {
                    "source": one.partition,
                    "native_id": _readable(one),
                    "uri": one.uri,
                    "since": one.since.isoformat(),
                    "listed": bool(one.version),
                }
                for one in rows
            ]
        }
        console.print_json(shown)
        return
    for one in rows:
        gone = "" if one.version else ", which its source does not list any more"
        name = _readable(one)
        address = f"  {one.uri}" if one.uri != name else ""
        line = Text.assemble((console.plain(one.partition), "dim"), "  ", console.plain(f"{name}{address}"))
        console.out.print(line, f"  since {one.since.astimezone():%Y-%m-%d %H:%M}{gone}", soft_wrap=True)
    if not rows:
        console.out.print("nothing is kept out")


@keep_out_app.command("allow")
def allow_command(
    document: Annotated[str, typer.Argument(help="Id, or a part of its path, id or address that only one has.")],
    source: Annotated[str | None, typer.Option("--source", "-s", help="Only TYPE/NAME.")] = None,
    as_json: _AsJson = False,
) -> None:
    """Let a document in again that was kept out: the next sync brings it in.

    Example: vector-pipeline documents keep-out allow oncall.md && vector-pipeline sync
    """
    from vector_pipeline.sync.one_document import let_in

    with console.opened() as pipeline:
        names = console.known_sources(pipeline, [source] if source else [], with_sites=True)
        one = _only_kept_out(
            document, [row for row in pipeline.store.kept_out() if not names or row.partition in names]
        )
        with pipeline.source(one.partition) as opened:
            number = let_in(pipeline, one.partition, opened, [one.native_id])
    shown: AllowedJson = {"source": one.partition, "allowed": number}
    if as_json:
        console.print_json(shown)
        return
    what = "it" if number == 1 else f"{number:,} documents"
    line = (
        f"{_readable(one)} is not kept out any more; `vector-pipeline sync --source {one.partition}` brings {what} in"
    )
    console.out.print(console.text(line), soft_wrap=True)


def _change(
    pipeline: Pipeline,
    wanted: str,
    work: Callable[[HashedDocument, Source], OneRun],
    as_json: bool,
    *,
    keep_out: bool = False,
) -> None:
    """Does the work with the held document that is named, and says what came of it."""
    found = pipeline.store.hashed_documents(None, [document_named(pipeline, wanted)])
    if not found:
        console.wrong_use(f"no document {wanted!r}")
    with pipeline.source(found[0].partition) as source:
        _report(work(found[0], source), found[0].document_id, as_json=as_json, keep_out=keep_out)


def _report(run: OneRun, document: bytes, *, as_json: bool, keep_out: bool = False) -> None:
    """Says what a run did to a document. Ends the command as failed where it could not be brought in."""
    documents, points = run.counts["documents"], run.counts["points"]
    removed = int(documents.get("deleted", 0))
    outcome = "failed" if run.failure else "removed" if removed else _outcome(documents)
    shown: ChangedDocumentJson = {
        "id": str(uuid.UUID(bytes=document)),
        "source": run.partition,
        "outcome": outcome,
        "removed": removed,
        "points_written": int(points.get("upserted", 0)),
        "points_removed": int(points.get("deleted", 0)),
        "kept_out": keep_out,
        "error": run.failure,
        "run_id": run.run_id,
        "seconds": round(run.seconds, 3),
    }
    if as_json:
        console.print_json(shown)
    else:
        _print(shown)
    if run.failure:
        raise typer.Exit(console.FAILED)


def _outcome(documents: object) -> str:
    counts = dict(documents) if isinstance(documents, dict) else {}
    return next((word for word in ("added", "changed", "metadata") if counts.get(word)), "unchanged")


def _print(shown: ChangedDocumentJson) -> None:
    if shown["error"]:
        console.err.print(Text.assemble(("error: ", "red"), console.plain(shown["error"])), soft_wrap=True)
        hint = "what was held of it stays; `vector-pipeline quarantine list` shows when it is tried again"
        console.err.print(Text.assemble(("  → ", "dim"), hint), soft_wrap=True)
        return
    words = {"metadata": "changed, but for its text", "unchanged": "read again, and unchanged"}
    outcome = words.get(shown["outcome"], shown["outcome"])
    points = f"{console.counted(shown['points_written'], 'points written')}, {shown['points_removed']:,} removed"
    line = f"{shown['source']}: {outcome}; {points} in {shown['seconds']:.1f} s  ({shown['id']})"
    console.out.print(console.text(line), soft_wrap=True)
    if shown["removed"] > 1:
        console.out.print(f"with {shown['removed'] - 1:,} that hung on it", soft_wrap=True)
    if shown["removed"] and shown["kept_out"]:
        console.out.print(f"no sync brings it back; `documents keep-out allow {shown['id']}` does", soft_wrap=True)
    elif shown["removed"]:
        console.out.print("the next sync brings it back if its source still has it; --keep-out keeps it out")


def _only_kept_out(wanted: str, rows: list[KeptOut]) -> KeptOut:
    """The one of the rows that is named, whole or in part. Ends the command where none or several are."""
    from vector_pipeline.documents import document_id

    def is_named(one: KeptOut) -> bool:
        source_type, name = one.partition.split("/", 1)
        return wanted.lower() == str(uuid.UUID(bytes=document_id(source_type, name, one.native_id)))

    exact = [one for one in rows if wanted in (_readable(one), one.uri) or is_named(one)]
    part = [one for one in rows if wanted.casefold() in f"{_readable(one)}\n{one.uri}".casefold()]
    found = exact or part
    if not found:
        console.wrong_use(f"nothing that is kept out matches {wanted!r}; see `vector-pipeline documents keep-out list`")
    if len(found) > 1:
        names = [f"  {one.partition}  {console.plain(_readable(one))}" for one in found[:_SHOWN]]
        more = ["  …"] if len(found) > _SHOWN else []
        console.wrong_use("\n".join([f"{wanted!r} matches {len(found):,} that are kept out:", *names, *more]))
    return found[0]


def _readable(one: KeptOut) -> str:
    return one.native_id.decode("utf-8", "backslashreplace")
