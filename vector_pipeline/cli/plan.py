"""`sync --dry-run`: what a sync would do, what it would cost and how long it would take. Nothing is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import typer
from rich.text import Text

from vector_pipeline.cli import console
from vector_pipeline.errors import PipelineError

if TYPE_CHECKING:
    from vector_pipeline.sync.plan import DocumentChange, Plan, SourcePlan
    from vector_pipeline.sync.stages import Options

_COLOURS = {"failed": "red", "held back": "red", "planned": "yellow", "in step": "green", "removed": "cyan"}
_MARKS: Mapping[str, tuple[str, str]] = {
    "added": ("+", "green"),
    "changed": ("~", "yellow"),
    "renamed": ("→", "cyan"),
    "metadata only": ("·", "dim"),
    "moved": ("»", "cyan"),
    "deleted": ("-", "red"),
    "failed": ("!", "red"),
    "to read": ("?", "yellow"),
}


def show_plan(
    wanted: Sequence[str], options: Options, *, verbose: bool = False, estimate: bool = False, as_json: bool = False
) -> None:
    """Prints what a sync with these sources (none: all) and options would do; ends with 1 where a source can't be
    looked at or the brake would stop it.
    """
    from vector_pipeline.cli.progress import display
    from vector_pipeline.sync.errors import UnknownSource
    from vector_pipeline.sync.planner import Wish, make_plan

    wish = Wish(wanted, options, is_detailed=verbose, is_estimate=estimate)
    with console.opened() as pipeline, display(quiet=as_json) as shown:
        shown.announce("looking at the sources")
        try:
            plan = make_plan(pipeline, wish)
        except UnknownSource as error:
            console.wrong_use(error.message)
    if as_json:
        from vector_pipeline.cli.plan_json import plan_as_json

        console.print_json(plan_as_json(plan))
    else:
        _print_plan(plan)
    if plan.failed or plan.held_back:
        raise typer.Exit(console.FAILED)


def _print_plan(plan: Plan) -> None:
    """The plan for people: documents where they are named, a table, what stands in the way, the sum."""
    if not plan.sources:
        console.out.print("there are no sources; name them in pipeline.yaml")
        return
    for one in plan.sources:
        _print_documents(one)
    _print_table(plan)
    for one in plan.sources:
        _print_problems(one)
    for name in plan.dropped:
        console.out.print(console.text(f"{name}: gone at the site, and nothing of it is held", "dim"), soft_wrap=True)
    _print_sum(plan)


def _print_documents(one: SourcePlan) -> None:
    if not one.documents:
        return
    console.out.print(console.text(one.source, "bold"), soft_wrap=True)
    for each in one.documents:
        console.out.print(_line(each), soft_wrap=True)


def _line(each: DocumentChange) -> Text:
    mark, colour = _MARKS[each.change.value]
    line = Text.assemble((f"  {mark} {each.change.value:<13} ", colour), console.plain(each.name))
    if each.former:
        line.append(f" ← {console.plain(each.former)}", "dim")
    if each.reason:
        line.append(f" ({console.plain(each.reason)})", "dim")
    return line


def _print_table(plan: Plan) -> None:
    from rich.table import Table

    from vector_pipeline.sync.summary import money

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("source", overflow="fold")
    table.add_column("plan", no_wrap=True)
    table.add_column("what would change", overflow="fold")
    for title in ("texts", "tokens", "cost", "time"):
        table.add_column(title, justify="right", no_wrap=True)
    for one in plan.sources:
        name = f"{one.source} (new)" if one.is_new else one.source
        about = "~" if one.is_estimate else ""
        texts, tokens = one.count("embeddings: embedded"), one.count("embeddings: tokens")
        table.add_row(
            console.text(name),
            console.text(one.outlook.value, _COLOURS.get(one.outlook.value, "")),
            console.text(_changes(one)),
            f"{about}{texts:,}" if texts else "·",
            f"{about}{tokens:,}" if tokens else "·",
            f"{about}{money(one.cost, plan.currency)}" if one.cost else "·",
            f"~{console.duration(one.seconds)}" if one.seconds and one.seconds >= 1 else "·",
        )
    console.out.print(table)


def _changes(one: SourcePlan) -> str:
    """What would change, in words."""
    if one.outlook.value in ("failed", "in step", "kept"):
        return one.reason if one.outlook.value == "kept" else ""
    found = [f"{number:,} {change.value}" for change, number in one.changes.items()]
    again = one.count("chunks: chunked") - sum(one.changes.get(change, 0) for change in one.changes if change.is_cut)
    if again > 0:
        found.append(f"{again:,} cut again")
    if one.unchanged and found:
        found.append(f"{one.unchanged:,} unchanged")
    found += [f"{number:,} {name.partition(': ')[2]}" for name, number in one.counts.items() if _is_left_out(name)]
    for name, words in (("points: upserted", "points written"), ("points: deleted", "points removed")):
        if number := one.count(name):
            found.append(console.counted(number, words))
    return ", ".join(found) or "nothing"


def _is_left_out(name: str) -> bool:
    return name.startswith("documents: left out: ")


def _print_problems(one: SourcePlan) -> None:
    """What stands in the way, and what else is to be known."""
    if one.error:
        named = one.error if one.source in one.error else f"{one.source}: {one.error}"
        console.print_error(PipelineError(named, hint=one.hint))
    if one.brake and one.brake.holds:
        gone = f"{one.source}: {one.brake.vanished:,} of {one.brake.held:,} documents are gone at the source"
        if one.release:
            what = f"{gone}; the brake would stop the sync"
            console.print_error(PipelineError(what, hint=f"if that is right, run `{one.release}`"))
        else:
            console.err.print(console.text(f"{gone}; they would be deleted, as is asked for", "yellow"), soft_wrap=True)
    for note in one.notes:
        console.out.print(console.text(f"{one.source}: {note}", "dim"), soft_wrap=True)


def _print_sum(plan: Plan) -> None:
    """The last line: what a reader who looks at nothing else should know."""
    from vector_pipeline.sync.summary import money

    ahead = [one for one in plan.sources if one.goes_ahead and not one.does_nothing]
    if not ahead:
        stuck = plan.failed or plan.held_back
        console.out.print("nothing would be done" if stuck else "[green]nothing to do[/green]")
        return
    about = "about " if any(one.is_estimate for one in ahead) else ""
    texts = console.counted(plan.total("embeddings: embedded"), "texts")
    tokens = console.counted(plan.total("embeddings: tokens"), "tokens")
    parts = [f"{about}{texts} ({tokens}) to embed"]
    if plan.cost:
        parts.append(f"{about}{money(plan.cost, plan.currency)}")
    seconds = plan.seconds
    parts.append("time not known yet" if seconds is None else f"about {console.duration(max(1.0, seconds))}")
    console.out.print(f"{' · '.join(parts)}; nothing was written", soft_wrap=True)
