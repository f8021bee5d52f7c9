"""`repair`, `rebuild` and `reset`: what brings store and collection back in step with the sources after damage."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vector_pipeline.cli import console
from vector_pipeline.cli.repair_report import print_outcome, print_plan, repair_as_json

if TYPE_CHECKING:
    from vector_pipeline.consistency.rebuilding import Rebuilt
    from vector_pipeline.consistency.resetting import WasReset

_Sources = Annotated[
    list[str] | None, typer.Option("--source", "-s", help="TYPE/NAME, or a whole site; may be repeated.")
]
_Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
_AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]


def repair_command(
    source: _Sources = None,
    check: Annotated[
        list[str] | None, typer.Option("--check", help="Only what this check finds; may be repeated.")
    ] = None,
    full: Annotated[bool, typer.Option("--full", help="Look at everything instead of samples.")] = False,
    sync: Annotated[bool, typer.Option("--sync", help="Also sync sources that are behind, in full.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be done, change nothing.")] = False,
    yes: _Yes = False,
    as_json: _AsJson = False,
) -> None:
    """Mend what the checks find, by the smallest set of actions, and check again.

    Example: vector-pipeline repair --dry-run
    """
    from vector_pipeline.cli.progress import display
    from vector_pipeline.consistency.repairing import Wanted, carry_out, examine, repairable

    outcomes = []
    with console.opened() as pipeline:
        names = console.known_sources(pipeline, source or [], with_sites=True)
        wanted = Wanted(names, _checks(check or []), full=full, sync=sync)
        builds = repairable(pipeline)
        for build in builds:
            if len(builds) > 1 and not as_json:
                use = "which searches use" if build is builds[0] else "which searches do not use yet"
                console.out.print(f"{build.collection}, {use}", style="bold", soft_wrap=True)
            with display(quiet=as_json) as shown:
                shown.announce(f"looking for what is wrong in {build.collection}")
                outcome = examine(build, wanted)
            outcomes.append(outcome)
            if not as_json:
                print_plan(outcome.plan)
            if not (outcome.plan.is_empty or dry_run) and (yes or _is_agreed("Mend this?", "--yes")):
                with display(quiet=as_json) as shown:
                    shown.announce(f"mending {build.collection}")
                    carry_out(build, outcome)
            if not as_json:
                print_outcome(outcome)
    if not (outcomes or as_json):
        console.out.print("nothing is stored yet; run `vector-pipeline sync`")
    if as_json:
        console.print_json({"collections": [repair_as_json(outcome) for outcome in outcomes]})
    if not (dry_run or all(outcome.passed for outcome in outcomes)):
        raise typer.Exit(console.FAILED)


def rebuild_command(source: _Sources = None, yes: _Yes = False, as_json: _AsJson = False) -> None:
    """Write all points again from what is stored, without asking a source or the embedding endpoint.

    Searches find everything meanwhile, unless the collection itself was lost.

    Example: vector-pipeline rebuild --source git/handbook --yes
    """
    from vector_pipeline.cli.progress import display
    from vector_pipeline.consistency.rebuilding import rebuild

    with console.opened() as pipeline:
        names = console.known_sources(pipeline, source or [], with_sites=True)
        target = pipeline.store.target_no(pipeline.collection)
        stored = {one.name: one.partition_id for one in pipeline.store.partitions()}
        points = sum(pipeline.store.count_points(target, stored[name]) for name in names or stored if name in stored)
        if not (yes or _is_agreed(f"Write {points:,} points of {len(names) or 'all'} sources again?", "--yes")):
            raise typer.Exit(console.FAILED)
        with display(quiet=as_json) as shown:
            shown.announce("writing all points again")
            rebuilt = rebuild(pipeline, names)
    if as_json:
        console.print_json({"sources": [_rebuilt_as_json(one) for one in rebuilt]})
    else:
        _print_rebuilt(rebuilt)
    if any(one.error or one.kept for one in rebuilt):
        raise typer.Exit(console.FAILED)


def reset_command(
    source: Annotated[str, typer.Option("--source", "-s", help="TYPE/NAME, or a whole site.")],
    drop: Annotated[
        bool, typer.Option("--drop", help="Remove documents and points at once, not when they have been read again.")
    ] = False,
    yes: _Yes = False,
    as_json: _AsJson = False,
) -> None:
    """Forget what is stored of a source; the next sync reads all of it again. Embeddings stay.

    Its points stay searchable until then, unless --drop is given.

    Example: vector-pipeline reset --source git/handbook && vector-pipeline sync --source git/handbook
    """
    from vector_pipeline.consistency.resetting import reset

    with console.opened() as pipeline:
        stored = {one.name for one in pipeline.store.partitions()}
        names = [name for name in console.known_sources(pipeline, [source], with_sites=True) if name in stored]
        what = "Remove all that is stored" if drop else "Forget what is known"
        if names and not (yes or _is_agreed(f"{what} of {', '.join(map(console.plain, names))}?", "--yes")):
            raise typer.Exit(console.FAILED)
        done = [reset(pipeline, name, drop=drop) for name in names]
    if as_json:
        console.print_json({"sources": [_reset_as_json(one) for one in done]})
    elif done:
        _print_reset(done)
    else:
        console.out.print(console.text(f"nothing is stored of {source}"), soft_wrap=True)


def _checks(wanted: Sequence[str]) -> list[str]:
    """The checks that were named. An unknown one is wrong use."""
    from vector_pipeline.consistency.check_file import all_checks

    for name in wanted:
        if name not in all_checks():
            console.wrong_use(f"no check {name!r}; there are: {', '.join(all_checks())}")
    return list(dict.fromkeys(wanted))


def _is_agreed(question: str, option: str) -> bool:
    """The answer of the person at the terminal; without one, no."""
    if sys.stdin.isatty():
        return typer.confirm(question, err=True)
    console.err.print(f"nothing was changed: there is nobody to ask; {option} goes on without", soft_wrap=True)
    return False


def _rebuilt_as_json(one: Rebuilt) -> dict[str, Any]:
    return {
        "source": one.partition,
        "counts": dict(one.counts),
        "kept_documents": one.kept,
        "texts_without_vector": one.lacking,
        "error": one.error,
    }


def _print_rebuilt(rebuilt: Sequence[Rebuilt]) -> None:
    if not rebuilt:
        console.out.print("nothing is stored yet; run `vector-pipeline sync`")
    for one in rebuilt:
        done = ", ".join(console.counted(number, words) for words, number in one.counts.items()) or "nothing to write"
        console.out.print(console.text(f"{one.partition}: {done}"), soft_wrap=True)
        if one.kept:
            console.err.print(
                console.text(
                    f"{one.partition}: {one.kept:,} documents could not be written again ({one.lacking:,} texts have "
                    "no vector) and stay as they are; run `vector-pipeline sync`",
                    "yellow",
                ),
                soft_wrap=True,
            )
        if one.error:
            console.err.print(console.text(f"{one.partition}: {one.error}", "red"), soft_wrap=True)


def _reset_as_json(one: WasReset) -> dict[str, Any]:
    return {
        "source": one.partition,
        "documents": one.documents,
        "points": one.points,
        "quarantined": one.quarantined,
        "mirror_removed": one.mirror,
        "dropped": one.dropped,
    }


def _print_reset(done: Sequence[WasReset]) -> None:
    for one in done:
        what = f"{console.counted(one.documents, 'documents')} and {console.counted(one.points, 'points')}"
        told = f"removed {what}" if one.dropped else f"{what} will be read again and stay searchable until then"
        console.out.print(console.text(f"{one.partition}: {told}"), soft_wrap=True)
    console.out.print("run `vector-pipeline sync` to read " + ("it" if len(done) == 1 else "them") + " again")
