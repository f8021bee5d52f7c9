"""`search`: hybrid search with the passages that answer, highlighted, and where to open them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vector_pipeline.cli import console

if TYPE_CHECKING:
    from rich.text import Text

    from vector_pipeline.index.base import Hit

PASSAGE = 420
"""Characters of a passage that are shown."""

_LINK = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[!-~]+")
"""Addresses that are safe inside the escape sequence of a link."""

BY_WORD_ONLY = "these answers are by word only: the model of the collection that searches still use can't be opened"

_MOST_WORDS = 200
"""Words of a query that are marked in the passages."""


def search_command(
    query: Annotated[str, typer.Argument(help="What you look for.")],
    source: Annotated[list[str] | None, typer.Option("--source", "-s", help="Only TYPE/NAME; may be repeated.")] = None,
    tag: Annotated[list[str] | None, typer.Option("--tag", "-t", help="Only with this tag; may be repeated.")] = None,
    path: Annotated[list[str] | None, typer.Option("--path", "-p", help="Only this file or folder.")] = None,
    as_group: Annotated[
        list[str] | None,
        typer.Option("--as-group", help="Only what members of this group may read; may be repeated."),
    ] = None,
    as_user: Annotated[
        str | None, typer.Option("--as-user", help="Only what this user (account id or user name) may read.")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", help="Number of passages.", min=1, max=1000)] = 5,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, with whole passages.")] = False,
) -> None:
    """Search by meaning and by word.

    With --as-group or --as-user, a passage is shown if its document has no access labels or one of the reader's: the
    names given, whole labels such as space:ENG, and combinations of them.

    Example: vector-pipeline search "who is on call" --tag incident
    """
    from vector_pipeline.sync.access import reader_labels
    from vector_pipeline.sync.search import prepare_query, search

    if not query.strip():
        console.wrong_use("the query is empty")
    asks = [*(as_group or []), *([] if as_user is None else [as_user])]
    if not all(name.strip() for name in asks):
        # An unset variable of a shell must not open what it was meant to close.
        console.wrong_use("the name of a group or user is empty")
    readers = reader_labels(as_group or [], [as_user] if as_user else []) if asks else None
    with console.opened() as pipeline:
        wanted = {
            "source": console.known_sources(pipeline, source, with_sites=True) if source else None,
            "tags": tag,
            "folders": [one.strip("/") for one in path or []] or None,
        }
        must = {name: values for name, values in wanted.items() if values is not None}
        words = prepare_query(pipeline, query)
        hits = search(pipeline, query, limit=limit, must=must, readers=readers, words=words)
    if as_json:
        console.print_json({"query": query, "hits": [_as_json(hit) for hit in hits]})
        return
    if words.dense is None:
        console.err.print(console.text(BY_WORD_ONLY, "yellow"), soft_wrap=True)
    if not hits:
        console.out.print("nothing found")
    for rank, hit in enumerate(hits, 1):
        _print(rank, hit, query)


def _as_json(hit: Hit) -> dict[str, Any]:
    from vector_pipeline.documents import uuid_text

    return {"point_id": uuid_text(hit.point_id), "score": hit.score, **hit.payload}


def _print(rank: int, hit: Hit, query: str) -> None:
    from rich.padding import Padding
    from rich.style import Style
    from rich.text import Text

    payload = hit.payload
    headings = [str(heading) for heading in payload.get("headings", [])]
    title = str(payload.get("title") or payload.get("path") or payload.get("uri") or "")
    line = Text(f"{rank}. ", style="dim")
    line.append(console.plain(title), style="bold")
    trail = [heading for heading in headings if heading != title]
    if trail:
        line.append(console.plain(" › " + " › ".join(trail)))
    line.append(f"  {hit.score:.3f}", style="dim")
    console.out.print(line, soft_wrap=True)
    where = Text(f"   {console.plain(payload.get('source', ''))}  ", style="dim")
    link = str(payload.get("link") or payload.get("uri") or "")
    where.append(console.plain(link), style=Style(color="cyan", link=link if _LINK.fullmatch(link) else None))
    console.out.print(where, soft_wrap=True)
    console.out.print(Padding(passage(str(payload.get("text", "")), query), (0, 0, 0, 3), expand=False))
    console.out.print()


def passage(text: str, query: str, width: int = PASSAGE) -> Text:
    """The part of a text that holds most words of the query, with those words marked."""
    from rich.text import Text

    words = [re.escape(word) for word in dict.fromkeys(re.findall(r"\w{2,}", query.casefold()))][:_MOST_WORDS]
    pattern = re.compile(rf"\b(?:{'|'.join(words)})\w*", re.IGNORECASE) if words else None
    flat = re.sub(r"\s+", " ", console.plain(text)).strip()
    start = 0
    if pattern and len(flat) > width:
        found = [match.start() for match in pattern.finditer(flat)]
        start = max(found, key=lambda at: sum(at <= other < at + width for other in found), default=0)
        start = max(0, start - width // 6)
    shown = flat[start : start + width]
    result = Text(("…" if start else "") + shown + ("…" if start + width < len(flat) else ""))
    if pattern:
        result.highlight_regex(pattern, "bold yellow")
    return result
