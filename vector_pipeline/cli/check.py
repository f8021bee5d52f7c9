"""`check`: whether what the collection holds is what the store and the sources say, check by check."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vector_pipeline.cli import console

if TYPE_CHECKING:
    from vector_pipeline.consistency.check_file import Check
    from vector_pipeline.consistency.result import CheckResult
    from vector_pipeline.sync.pipeline import Pipeline


def check_command(
    names: Annotated[list[str] | None, typer.Argument(help="Checks to run; all of them without.")] = None,
    source: Annotated[list[str] | None, typer.Option("--source", "-s", help="Only TYPE/NAME; may be repeated.")] = None,
    full: Annotated[bool, typer.Option("--full", help="Read everything, not only a sample.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
    show_list: Annotated[bool, typer.Option("--list", help="Say what the checks are, and run none.")] = False,
) -> None:
    """Prove that the collection holds what the sources hold, and name what offends.

    Example: vector-pipeline check --full
    """
    from vector_pipeline.consistency.check_file import COLLECTION, all_checks, checks_on
    from vector_pipeline.consistency.checks import checked_builds

    if unknown := [name for name in names or () if name not in all_checks()]:
        console.wrong_use(f"no check {unknown[0]!r}; there are: {', '.join(all_checks())}")
    chosen = [all_checks()[name] for name in dict.fromkeys(names)] if names else checks_on(COLLECTION)
    if show_list:
        _print_checks(list(all_checks().values()) if not names else chosen, as_json=as_json)
        return
    with console.opened() as pipeline:
        partitions = console.known_sources(pipeline, source or [], with_sites=True)
        builds = checked_builds(pipeline)
        with _announcing(quiet=as_json) as announce:
            results = list(_results(builds, chosen, partitions if source else [None], full, announce))
        names = [build.collection for build in builds]
    if as_json:
        passed = all(result.passed for result in results)
        console.print_json({"passed": passed, "collections": names, "checks": [*map(_data, results)]})
    else:
        _print(results)
        if len(names) > 1:
            console.out.print(f"[dim]of {names[0]}, which searches use, and of {names[1]}[/dim]", soft_wrap=True)
    if any(result.is_error and not result.passed for result in results):
        raise typer.Exit(console.FAILED)


def _results(
    builds: Sequence[Pipeline],
    checks: Sequence[Check],
    partitions: Sequence[str | None],
    full: bool,
    announce: Callable[[str], None],
) -> Iterator[CheckResult]:
    """One result per check: over all of the collections where it is of one alone, else of the first."""
    from vector_pipeline.consistency.checks import is_of_a_collection
    from vector_pipeline.consistency.result import with_other

    first, *others = builds
    found = {
        (result.name, build.collection): result
        for build in others
        for result in _of_one(build, [*filter(is_of_a_collection, checks)], partitions, full, announce)
    }
    for result in _of_one(first, checks, partitions, full, announce):
        for (name, collection), other in found.items():
            result = with_other(result, other, collection) if name == result.name else result
        yield result


def _of_one(
    build: Pipeline,
    checks: Sequence[Check],
    partitions: Sequence[str | None],
    full: bool,
    announce: Callable[[str], None],
) -> Iterator[CheckResult]:
    """One result per check of one collection, over all of the partitions."""
    from vector_pipeline.consistency.checks import each_result, look_at
    from vector_pipeline.consistency.look import Depth
    from vector_pipeline.consistency.result import merged

    if checks:
        announce(checks[0].name)
    depth = Depth.FULL if full else Depth.SAMPLE
    looks = [each_result(look_at(build, partition, depth=depth), checks) for partition in partitions]
    # One check after the other through all looks: each is shown as soon as it is there.
    for number, results in enumerate(zip(*looks, strict=True), 1):
        if number < len(checks):
            announce(checks[number].name)
        yield merged(results)


@contextmanager
def _announcing(*, quiet: bool) -> Iterator[Callable[[str], None]]:
    """A way to say on a terminal what is being done."""
    if quiet or not console.err.is_terminal:
        yield lambda name: None
        return
    with console.err.status("") as status:
        yield lambda name: status.update(f"checking: {name}")


def _data(result: CheckResult) -> dict[str, Any]:
    from vector_pipeline.consistency.result import offender_rows

    return {
        "name": result.name,
        "invariant": result.invariant,
        "severity": result.severity,
        "passed": result.passed,
        "error": result.error,
        "compared": result.compared,
        "offenders": result.offenders,
        "offenders_by_source": result.by_partition,
        "first_offenders": offender_rows(result),
        "being_written": list(result.unconfirmed),
        "numbers": dict(result.numbers),
        "seconds": round(result.seconds, 3),
    }


def _print(results: Sequence[CheckResult]) -> None:
    """The table of checks, then what offends."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("check", no_wrap=True)
    table.add_column("result", no_wrap=True)
    for title in ("compared", "offenders", "seconds"):
        table.add_column(title, justify="right", no_wrap=True)
    for result in results:
        table.add_row(
            result.name,
            _outcome(result),
            f"{result.compared:,}",
            console.text(f"{result.offenders:,}" if result.offenders else "·", "red" if result.offenders else ""),
            f"{result.seconds:.2f}",
        )
    console.out.print(table)
    for result in results:
        if result.error:
            console.err.print(console.text(f"{result.name}: {result.error}", "red"), soft_wrap=True)
        if result.unconfirmed:
            written = ", ".join(result.unconfirmed)
            console.err.print(
                console.text(f"{result.name}: a run is writing to {written}; its own checks decide", "yellow"),
                soft_wrap=True,
            )
        if result.offenders:
            _print_offenders(result)


def _outcome(result: CheckResult) -> Any:
    if result.error:
        return console.text("could not run", "red")
    if result.passed:
        return console.text("passed", "green")
    return console.text("failed", "red") if result.is_error else console.text("warning", "yellow")


def _print_offenders(result: CheckResult) -> None:
    from rich.table import Table

    from vector_pipeline.consistency.result import REPAIRS, offender_rows

    wide = console.out.width >= console.NARROW
    console.out.print()
    console.out.print(console.text(f"{result.name}: {result.invariant}", "bold"), soft_wrap=True)
    table = Table(box=None, pad_edge=False, header_style="dim")
    for title in ("source", "document", "why", *(("point", "repair") if wide else ())):
        table.add_column(title, overflow="fold")
    rows = offender_rows(result)
    for row in rows:
        table.add_row(
            console.text(row["partition"]),
            console.text(row["document"] or row["document_id"] or "·"),
            console.text(row["why"]),
            *((console.text(row["point_id"] or "·"), console.text(row["repair"] or "·")) if wide else ()),
        )
    console.out.print(table)
    if result.offenders > len(rows):
        console.out.print(f"[dim]the first {len(rows):,} of {result.offenders:,}[/dim]")
    for repair in sorted(set(result.offending["repair"].to_list()) - {""}):
        console.out.print(f"[dim]{repair}: {REPAIRS[repair]}[/dim]", soft_wrap=True)


def _print_checks(checks: Sequence[Check], *, as_json: bool) -> None:
    """What there is to check, and when it is checked by itself."""
    from rich.table import Table

    rows = [
        {
            "name": check.name,
            "severity": check.severity,
            "on": list(check.on),
            "when": _when(check),
            "invariant": check.invariant,
        }
        for check in checks
    ]
    if as_json:
        console.print_json({"checks": rows})
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("check", no_wrap=True)
    table.add_column("if it fails", no_wrap=True)
    table.add_column("when", overflow="fold")
    table.add_column("what must hold", overflow="fold")
    for row in rows:
        table.add_row(*(console.text(row[name]) for name in ("name", "severity", "when", "invariant")))
    console.out.print(table)


def _when(check: Check) -> str:
    """When it runs by itself under Dagster."""
    from vector_pipeline.consistency.check_file import COLLECTION

    in_runs = [f"in runs, after {place}" for place in check.on if place != COLLECTION]
    return ", ".join([*in_runs, *([check.when] if COLLECTION in check.on else [])])
